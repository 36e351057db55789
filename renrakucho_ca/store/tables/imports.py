"""What the take-over of a CA writes: many records at once, and records that wait for theirs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from renrakucho_ca.model import (
    IMPORTED,
    Act,
    Authority,
    Certificate,
    RetrievalNumber,
    RevocationReason,
    User,
)
from renrakucho_ca.store.sqlite.connection import (
    Database,
    moment,
    optional_seconds,
    seconds,
    serial_number,
    word,
)
from renrakucho_ca.store.sqlite.errors import own_errors


@dataclass(frozen=True, slots=True)
class ExistingCertificate:
    """A certificate that the store has, as far as a take-over asks.

    Attributes:
        user: whose it is; UNKNOWN where nothing told.
        fingerprint_sha256: None where we have the record alone.
        reason: of its revocation; None where it is not revoked.
    """

    number: RetrievalNumber
    authority: int
    serial: int
    user: str
    not_after: datetime
    fingerprint_sha256: str | None
    reason: RevocationReason | None


def known(db: Database, hierarchy: str, serials: Iterable[int]) -> list[ExistingCertificate]:
    """What a hierarchy has issued under these serial numbers; each of its CAs counts its own."""
    # CROSS JOIN keeps the order: left to itself, SQLite reads all that the CA has ever issued.
    rows = db.rows(
        """SELECT c.number, c.authority, c.serial, c.user, c.not_after,
                  c.fingerprint_sha256, c.revocation_reason
           FROM json_each(:serials) AS wanted
           CROSS JOIN certificate AS c ON c.serial = wanted.value
           CROSS JOIN authority AS a ON a.id = c.authority AND a.hierarchy = :hierarchy""",
        {"serials": json.dumps([f"{serial:x}" for serial in serials]), "hierarchy": hierarchy},
    )
    return [
        ExistingCertificate(
            number=RetrievalNumber(row["number"]),
            authority=row["authority"],
            serial=serial_number(row["serial"]),
            user=row["user"],
            not_after=moment(row["not_after"]),
            fingerprint_sha256=row["fingerprint_sha256"],
            reason=row["revocation_reason"] and word(RevocationReason, row["revocation_reason"]),
        )
        for row in rows
    ]


def imported_holds(db: Database, authority: int, before: datetime) -> dict[int, RetrievalNumber]:
    """What an import found held since a time before that: the numbers by the serial numbers.

    What was held here has an act of its own in the audit log, and is released here.
    """
    rows = db.rows(
        """SELECT c.serial, c.number FROM certificate AS c
           WHERE c.standing = 'held' AND c.authority = ? AND c.profile = ? AND c.revoked_at < ?
             AND NOT EXISTS (
                 SELECT 1 FROM audit
                 WHERE object = printf('%08d', c.number) AND act = ?
             )""",
        (authority, IMPORTED, seconds(before), Act.HELD.value),
    )
    return {serial_number(row["serial"]): RetrievalNumber(row["number"]) for row in rows}


def owners(db: Database, hierarchy: str, fingerprints: Iterable[str]) -> dict[str, str]:
    """Which of these certificates another hierarchy has: its name, by the fingerprint.

    A root that was renewed with its old key signed the certificates of both.
    """
    rows = db.rows(
        """SELECT c.fingerprint_sha256, a.hierarchy
           FROM json_each(:fingerprints) AS wanted
           CROSS JOIN certificate AS c ON c.fingerprint_sha256 = wanted.value
           CROSS JOIN authority AS a ON a.id = c.authority AND a.hierarchy <> :hierarchy""",
        {"fingerprints": json.dumps(list(fingerprints)), "hierarchy": hierarchy},
    )
    return {row["fingerprint_sha256"]: row["hierarchy"] for row in rows}


def by_fingerprint(
    db: Database, hierarchy: str, fingerprints: Iterable[str]
) -> dict[str, RetrievalNumber]:
    """Which of these certificates a hierarchy has."""
    rows = db.rows(
        """SELECT c.fingerprint_sha256, c.number
           FROM json_each(:fingerprints) AS wanted
           CROSS JOIN certificate AS c ON c.fingerprint_sha256 = wanted.value
           CROSS JOIN authority AS a ON a.id = c.authority AND a.hierarchy = :hierarchy""",
        {"fingerprints": json.dumps(list(fingerprints)), "hierarchy": hierarchy},
    )
    return {row["fingerprint_sha256"]: RetrievalNumber(row["number"]) for row in rows}


def taken(db: Database, numbers: Iterable[int]) -> set[int]:
    """Which of these retrieval numbers name something already."""
    rows = db.rows(
        """SELECT value FROM json_each(?) AS wanted
           WHERE EXISTS (SELECT 1 FROM certificate WHERE number = wanted.value)
              OR EXISTS (SELECT 1 FROM intent WHERE number = wanted.value)""",
        (json.dumps(list(numbers)),),
    )
    return {row["value"] for row in rows}


def add(db: Database, added: Sequence[tuple[int, Certificate, bytes | None]]) -> None:
    """Records certificates that another program issued.

    Args:
        added: the CA's row, the record, and the certificate in DER where there is one.
    """
    row = db.row("SELECT coalesce(max(id), 0) AS last FROM certificate")
    assert row is not None
    first = row["last"] + 1
    _put_users(db, {certificate.user for _, certificate, _ in added})
    db.execute_many(
        """INSERT INTO certificate (id, number, authority, serial, user, device, profile, note,
               line, issued_at, not_before, not_after, downloaded_at, key_algorithm,
               fingerprint_sha256)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            (
                first + place,
                int(each.number),
                authority,
                f"{each.serial:x}",
                each.user.id,
                each.device,
                each.profile,
                each.note,
                int(each.number),
                seconds(each.issued_at),
                seconds(each.not_before),
                seconds(each.not_after),
                optional_seconds(each.downloaded_at),
                each.key_algorithm,
                each.fingerprint_sha256,
            )
            for place, (authority, each, _) in enumerate(added)
        ],
    )
    db.execute_many(
        "INSERT INTO certificate_der VALUES (?, ?)",
        [(first + place, der) for place, (_, _, der) in enumerate(added) if der is not None],
    )


def _put_users(db: Database, users: Iterable[User]) -> None:
    """What is known of them already stays."""
    db.execute_many(
        """INSERT INTO user VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET
               name = coalesce(name, excluded.name),
               email = coalesce(email, excluded.email),
               facility = coalesce(facility, excluded.facility),
               network = coalesce(network, excluded.network)""",
        [(user.id, user.name, user.email, user.facility, user.network) for user in users],
    )


def describe(
    db: Database, number: RetrievalNumber, user: User, device: str | None, note: str | None
) -> bool:
    """Says of a certificate that was taken over whose it is, as long as it has no successor.

    Args:
        device, note: None leaves what is known.

    Returns:
        Whether that is new.
    """
    _put_users(db, [user])
    values = {"number": int(number), "user": user.id, "device": device, "note": note}
    row = db.row(
        """UPDATE certificate SET user = :user, device = coalesce(:device, device),
               note = coalesce(:note, note)
           WHERE number = :number AND profile = :imported
             AND (user, device, note) IS NOT
                 (:user, coalesce(:device, device), coalesce(:note, note))
             AND NOT EXISTS (SELECT 1 FROM certificate AS next WHERE next.supersedes = :number)
           RETURNING id""",
        values | {"imported": IMPORTED},
    )
    return row is not None


def complete(
    db: Database,
    number: RetrievalNumber,
    der: bytes,
    fingerprint_sha256: str,
    key_algorithm: str | None,
    not_before: datetime,
    not_after: datetime,
) -> None:
    """Adds the certificate to a record that we had alone."""
    row = db.row(
        """UPDATE certificate SET fingerprint_sha256 = ?, key_algorithm = ?, not_before = ?,
               not_after = ? WHERE number = ? RETURNING id""",
        (fingerprint_sha256, key_algorithm, seconds(not_before), seconds(not_after), int(number)),
    )
    assert row is not None
    db.insert("certificate_der", {"certificate": row["id"], "der": der})


def attach_key(db: Database, authority: Authority, key: str) -> None:
    """The CA's key is in the keystore under that name, and may be used from now on."""
    db.execute("UPDATE authority SET key = ? WHERE id = ?", (key, authority.id))


def raise_crl_number(db: Database, authority: int, published: int) -> None:
    """The next CRL's number will be above one that was published elsewhere (RFC 5280 §5.2.3)."""
    db.execute(
        "UPDATE authority SET crl_number = max(crl_number, ?) WHERE id = ?", (published, authority)
    )


class Staging:
    """What a run must remember, in a file without a name: which certificates it has met, and the
    lines of a table that wait for theirs.

    A million of them do not fit into memory; SQLite removes the file when its process ends.

    Raises, in all that it does:
        Unavailable: there is no room for the file where temporary files lie, or its disk fails.
    """

    @own_errors()
    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._is_empty = True
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            """CREATE TABLE line (
                   number INTEGER PRIMARY KEY, serial TEXT, fingerprint TEXT, retrieval INTEGER,
                   content TEXT NOT NULL, is_used INTEGER NOT NULL DEFAULT 0
               ) STRICT""",
            "CREATE INDEX line_serial ON line (serial) WHERE serial IS NOT NULL",
            "CREATE INDEX line_fingerprint ON line (fingerprint) WHERE fingerprint IS NOT NULL",
            "CREATE INDEX line_retrieval ON line (retrieval) WHERE retrieval IS NOT NULL",
            "CREATE TABLE met (fingerprint BLOB PRIMARY KEY) STRICT, WITHOUT ROWID",
            # Never committed: nothing of it is to outlive the run.
            "BEGIN",
        ):
            self._connection.execute(statement)

    @own_errors()
    def meet(self, fingerprint: str) -> bool:
        """Whether this run meets a certificate for the first time."""
        row = (bytes.fromhex(fingerprint),)
        return self._connection.execute("INSERT OR IGNORE INTO met VALUES (?)", row).rowcount == 1

    @own_errors()
    def put(
        self,
        number: int,
        serial: int | None,
        fingerprint: str | None,
        retrieval: RetrievalNumber | None,
        content: str,
    ) -> None:
        """Keeps a line under all that it may be found by."""
        self._is_empty = False
        self._connection.execute(
            "INSERT INTO line VALUES (?, ?, ?, ?, ?, 0)",
            (
                number,
                None if serial is None else f"{serial:x}",
                fingerprint,
                None if retrieval is None else int(retrieval),
                content,
            ),
        )

    @own_errors()
    def take(self, serial: int, fingerprint: str) -> tuple[int, str] | None:
        """The line about a certificate, once: by fingerprint, else by serial number alone."""
        if self._is_empty:
            return None
        row = self._connection.execute(
            """SELECT number, content FROM (
                   SELECT * FROM line WHERE fingerprint = :fingerprint
                   UNION ALL
                   SELECT * FROM line WHERE serial = :serial AND fingerprint IS NULL
               ) WHERE NOT is_used ORDER BY fingerprint IS NULL, number LIMIT 1""",
            {"fingerprint": fingerprint, "serial": f"{serial:x}"},
        ).fetchone()
        if row is None:
            return None
        self._connection.execute("UPDATE line SET is_used = 1 WHERE number = ?", (row[0],))
        return row[0], row[1]

    @own_errors()
    def wanted(self, numbers: Collection[int]) -> set[int]:
        """Which of these retrieval numbers a line asks for."""
        if self._is_empty:
            return set()
        rows = self._connection.execute(
            "SELECT retrieval FROM line WHERE retrieval IN (SELECT value FROM json_each(?))",
            (json.dumps(list(numbers)),),
        )
        return {row[0] for row in rows}

    def left(self) -> Iterator[tuple[int, str, bool]]:
        """The lines that no certificate was found for, in order, and whether another line, used or
        earlier, is about the same one."""
        with own_errors():
            yield from self._connection.execute(
                """SELECT number, content,
                       EXISTS (
                           SELECT 1 FROM line AS other
                           WHERE other.fingerprint = line.fingerprint
                             AND (other.is_used OR other.number < line.number)
                       ) OR EXISTS (
                           SELECT 1 FROM line AS other
                           WHERE other.serial = line.serial
                             AND other.fingerprint IS NULL AND line.fingerprint IS NULL
                             AND (other.is_used OR other.number < line.number)
                       )
                   FROM line WHERE NOT is_used ORDER BY number"""
            )
