"""The audit log: acts with actor, origin and time; each row has the hash of its predecessor.

A row's canonical line is JSON in UTF-8, without blanks, its members in this order:

    {"id":17,"at":1767225600,"actor":"root","origin":"local","act":"held","object":"67075623",
     "detail":{…}}

Its hash is SHA-256(predecessor's hash || line), with 32 zero octets before row 1. The ids run from
1 without a gap. `at` is in seconds since 1970, `detail` is kept as written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from json.encoder import encode_basestring as _quote
from typing import Any, NamedTuple

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.model import Act, Actor, RetrievalNumber
from renrakucho_ca.store.sqlite.connection import Database, moment, seconds

START = bytes(32)
"""The hash before the first row."""

PAGE = 2000
"""Rows read at a time: between pages a reader blocks no writer."""

_COLUMNS = "id, at, actor, origin, act, object, detail, hash"
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An act to be recorded.

    Attributes:
        object: a certificate's number, a user's id or a hierarchy's name.
        detail: facts as JSON has them. Never a password, a link or a key.
        origin: the address, if not the actor's own.
    """

    act: Act
    object: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    origin: str | None = None


class AuditRecord(NamedTuple):
    """A row of the log as the table or the journal has it, not verified.

    A tuple: a million frozen dataclasses take three times as long to make.
    """

    id: int
    at: int
    actor: str
    origin: str
    act: str
    object: str
    detail: str
    hash: bytes

    @property
    def line(self) -> str:
        """Return the canonical line. Only the last member is not quoted, so rows' lines differ."""
        return (
            f'{{"id":{self.id},"at":{self.at},"actor":{_quote(self.actor)},'
            f'"origin":{_quote(self.origin)},"act":{_quote(self.act)},'
            f'"object":{_quote(self.object)},"detail":{self.detail}}}'
        )

    def follows(self, id: int, hash: bytes) -> bool:
        """Return whether it follows the row with that id and hash."""
        return self.id == id + 1 and self.hash == chained(hash, self.line.encode())

    @property
    def moment(self) -> datetime:
        """Return its time. Raise Unavailable if the row is damaged."""
        return moment(self.at)

    @property
    def facts(self) -> dict[str, Any]:
        """Return its detail. Raise Unavailable if the row is damaged."""
        try:
            found = json.loads(self.detail)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Unavailable(
                "row {row} of the audit log is damaged", hint="run `rca audit verify`", row=self.id
            )
        return found


def canonical(detail: object) -> str:
    """Return a detail as stored: JSON without blanks."""
    return _encoder.encode(detail)


def chained(previous: bytes, line: bytes) -> bytes:
    """Return the hash of a row from its predecessor's hash and its own canonical line."""
    return sha256(previous + line).digest()


def with_hash(line: bytes, hash: bytes) -> bytes:
    """Return a canonical line with the hash as its last member, for the journal."""
    return b'%b,"hash":"%b"}' % (line[:-1], hash.hex().encode())


def append(
    db: Database, at: datetime, actor: Actor, entries: Iterable[AuditEntry]
) -> list[AuditRecord]:
    """Record acts, within the open transaction that does them."""
    id, previous = head(db)
    time = seconds(at)
    records = []
    for entry in entries:
        id += 1
        detail = canonical(entry.detail)
        origin = entry.origin or actor.origin
        fields = (id, time, actor.name, origin, entry.act.value, entry.object, detail)
        previous = chained(previous, AuditRecord(*fields, hash=b"").line.encode())
        records.append(AuditRecord(*fields, hash=previous))
    put(db, records)
    return records


def put(db: Database, records: Sequence[AuditRecord]) -> None:
    """Write rows as they are, new or replayed, within the open transaction."""
    db.execute_many(
        f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(r.id, r.at, r.actor, r.origin, r.act, r.object, r.detail, r.hash) for r in records],
    )


def head(db: Database) -> tuple[int, bytes]:
    """Return the id and the hash of the last row; 0 and `START` if the log is empty."""
    row = db.row("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")
    return (0, START) if row is None else (row["id"], row["hash"])


def hash_of(db: Database, id: int) -> bytes | None:
    """Return the recorded hash of a row; None if it is missing. Row 0 has `START`."""
    if id == 0:
        return START
    found: bytes | None = db.value("SELECT hash FROM audit WHERE id = ?", (id,))
    return found


def newest(db: Database, act: Act, object: str) -> AuditRecord | None:
    """Return the last row with that act and object, or None."""
    row = db.row(
        f"SELECT {_COLUMNS} FROM audit WHERE object = ? AND act = ? ORDER BY id DESC LIMIT 1",
        (object, act),
    )
    return None if row is None else AuditRecord(*row)


def since(db: Database, act: Act, object: str, at: int) -> list[AuditRecord]:
    """Return the rows with that act and object after that moment."""
    sql = f"SELECT {_COLUMNS} FROM audit WHERE object = ? AND act = ? AND at > ? ORDER BY id"
    return [AuditRecord(*row) for row in db.rows(sql, (object, act, at))]


def rows(db: Database, first: int = -(2**63), page: int = PAGE) -> Iterator[AuditRecord]:
    """Yield the rows by id.

    Args:
        first: the lowest id; by default the lowest of all, since a forged row may have any.
        page: rows read at a time.
    """
    sql = f"SELECT {_COLUMNS} FROM audit WHERE id >= ? ORDER BY id LIMIT ?"
    while True:
        found = [AuditRecord(*row) for row in db.rows(sql, (first, page))]
        yield from found
        if len(found) < page:
            return
        first = found[-1].id + 1


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """A query; None sets no condition."""

    since: datetime | None = None
    until: datetime | None = None
    act: Act | None = None
    actor: str | None = None
    number: RetrievalNumber | None = None
    limit: int | None = None


# The detail of these acts lists the numbers of thousands of certificates.
_ABOUT = f"""
(object = :number OR (act IN ('{Act.CUT_OFF}', '{Act.LAPSED}') AND instr(detail, :number)))
"""


def stream(db: Database, query: AuditQuery) -> Iterator[AuditRecord]:
    """Yield the rows of a query by id; with a limit, only the newest."""
    conditions, values = ["id >= :first"], _values(query)
    for name, condition in (
        ("since", "at >= :since"),
        ("until", "at < :until"),
        ("act", "act = :act"),
        ("actor", "actor = :actor"),
        ("number", _ABOUT),
    ):
        if name in values:
            conditions.append(condition)
    where = " AND ".join(conditions)
    if query.limit is not None:
        values["first"] = _first_of_the_last(db, where, values, query.limit)
    sql = f"SELECT {_COLUMNS} FROM audit WHERE {where} ORDER BY id LIMIT {PAGE}"
    while True:
        page = [AuditRecord(*row) for row in db.rows(sql, values)]
        yield from page
        if len(page) < PAGE:
            return
        values["first"] = page[-1].id + 1


def _values(query: AuditQuery) -> dict[str, object]:
    given = {
        "since": None if query.since is None else seconds(query.since),
        "until": None if query.until is None else seconds(query.until),
        "act": query.act,
        "actor": query.actor,
        "number": query.number,
    }
    return {"first": -(2**63)} | {key: each for key, each in given.items() if each is not None}


def _first_of_the_last(db: Database, where: str, values: dict[str, object], limit: int) -> object:
    """Return the first id of the last `limit` rows."""
    if limit == 0:
        return 2**63 - 1
    sql = f"SELECT id FROM audit WHERE {where} ORDER BY id DESC LIMIT 1 OFFSET :before"
    first: object = db.value(sql, values | {"before": limit - 1})
    return values["first"] if first is None else first
