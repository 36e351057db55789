"""The records of certificates: finding, listing page by page, revoking, claiming."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from renrakucho_ca.errors import NotFound
from renrakucho_ca.model import (
    Certificate,
    Container,
    RetrievalNumber,
    Revocation,
    RevocationReason,
    Status,
    User,
)
from renrakucho_ca.store.database import (
    Database,
    moment,
    optional_moment,
    seconds,
    serial_number,
    word,
)

PAGE = 1000
"""Rows read at a time: a reader that pauses between pages keeps no writer waiting."""


class Order(StrEnum):
    """What a list can be sorted by. The value is the columns, no two rows alike, of an index."""

    ISSUED = "issued_at, id"
    EXPIRES = "not_after, id"
    NUMBER = "number"
    USER = "user, issued_at, id"


@dataclass(frozen=True, slots=True)
class Query:
    """Which certificates, as they are at `now`, in which order. None means: whatever it is."""

    now: datetime
    statuses: frozenset[Status] | None = None
    user: str | None = None
    device: str | None = None
    hierarchy: str | None = None
    facility: str | None = None
    network: str | None = None
    issued_from: datetime | None = None
    issued_before: datetime | None = None
    expires_from: datetime | None = None
    expires_before: datetime | None = None
    text: str | None = None
    order: Order = Order.ISSUED
    descending: bool = False
    limit: int | None = None
    offset: int = 0
    after: RetrievalNumber | None = None


@dataclass(frozen=True, slots=True)
class SealedBundle:
    """What waits for its one download."""

    container: Container
    sealed: bytes
    sealed_password: bytes
    password_hash: str


SELECT = """
SELECT c.*, a.hierarchy, u.name AS user_name, u.email, u.facility, u.network,
       (SELECT s.number FROM certificate AS s WHERE s.supersedes = c.number) AS superseded_by
FROM certificate AS c
JOIN authority AS a ON a.id = c.authority
JOIN user AS u ON u.id = c.user
"""


def get(db: Database, number: RetrievalNumber) -> Certificate:
    """Raises NotFound where no certificate has that number."""
    row = db.row(f"{SELECT} WHERE c.number = ?", (int(number),))
    if row is None:
        raise NotFound("no certificate has the number {number}", number=number)
    return from_row(row)


def get_all(
    db: Database, numbers: Collection[RetrievalNumber]
) -> dict[RetrievalNumber, Certificate]:
    """Those of the numbers that there are. Not more than some hundred at a time."""
    marks = ", ".join("?" * len(numbers))
    rows = db.rows(f"{SELECT} WHERE c.number IN ({marks})", [int(number) for number in numbers])
    return {found.number: found for found in map(from_row, rows)}


def by_serial(db: Database, serial: int) -> list[Certificate]:
    """All with that serial number: CAs count for themselves, so there may be several."""
    return [from_row(row) for row in db.rows(f"{SELECT} WHERE c.serial = ?", (f"{serial:x}",))]


def line_of(db: Database, number: RetrievalNumber) -> str:
    """The number of the first certificate in the row of re-issues that this one belongs to."""
    row = db.row("SELECT line FROM certificate WHERE number = ?", (int(number),))
    assert row is not None
    return str(row["line"])


def der(db: Database, number: RetrievalNumber) -> bytes:
    """Its bytes. Raises NotFound where we have the record alone."""
    row = db.row(
        """SELECT d.der FROM certificate_der AS d
           JOIN certificate AS c ON c.id = d.certificate WHERE c.number = ?""",
        (int(number),),
    )
    if row is None:
        raise NotFound("there is a record of {number}, but no certificate", number=number)
    found: bytes = row["der"]
    return found


def stream(db: Database, query: Query) -> Iterator[Certificate]:
    """All that the query asks for, in order, a page at a time; memory does not grow with them."""
    remaining = query.limit
    while remaining is None or remaining > 0:
        size = PAGE if remaining is None else min(PAGE, remaining)
        page = _page(db, query, size)
        yield from page
        if len(page) < size:
            return
        if remaining is not None:
            remaining -= size
        query = replace(query, after=page[-1].number, offset=0)


def _page(db: Database, query: Query, size: int) -> list[Certificate]:
    conditions, values = _conditions(db, query)
    direction, sign = ("DESC", "<") if query.descending else ("ASC", ">")
    key = [f"c.{column}" for column in query.order.split(", ")]
    if query.after is not None:
        # By key, not by offset: the 900,000th page costs what the first does.
        last = f"SELECT {query.order} FROM certificate WHERE number = :after"
        conditions.append(f"({', '.join(key)}) {sign} ({last})")
        values["after"] = int(query.after)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    sql = f"""{SELECT} {where} ORDER BY {", ".join(f"{column} {direction}" for column in key)}
              LIMIT :size OFFSET :offset"""
    rows = db.rows(sql, values | {"size": size, "offset": query.offset})
    return [from_row(row) for row in rows]


def _conditions(db: Database, query: Query) -> tuple[list[str], dict[str, object]]:
    """The WHERE clause. Every value is bound; only our own words become SQL.

    A plus before a column keeps SQLite from its index, where another gives the order of the list:
    a page is then read off the index, instead of everything being read and sorted.
    """
    conditions: list[str] = []
    values: dict[str, object] = {}

    def add(condition: str, name: str, value: str | datetime | None) -> None:
        if value is not None:
            conditions.append(condition)
            # What people are called lies here in NFC; a Mac's terminal may send it decomposed.
            values[name] = seconds(value) if isinstance(value, datetime) else _as_stored(value)

    if query.statuses is not None:
        conditions.append(_status_condition(query.statuses))
        values["now"] = seconds(query.now)
    add("c.user = :user", "user", query.user)
    add("c.device = :device", "device", query.device)
    add("c.issued_at >= :issued_from", "issued_from", query.issued_from)
    add("c.issued_at < :issued_before", "issued_before", query.issued_before)
    add("c.not_after >= :expires_from", "expires_from", query.expires_from)
    add("c.not_after < :expires_before", "expires_before", query.expires_before)
    # A facility has some hundred certificates: those of its people are looked up and sorted. A
    # network may have all that there are.
    add("c.user IN (SELECT id FROM user WHERE facility = :facility)", "facility", query.facility)
    add("+u.network = :network", "network", query.network)
    if query.hierarchy is not None:
        conditions.append(_authority_condition(db, query.hierarchy))
    if query.text is not None:
        conditions.append(_text_condition(query.text))
        values["text"] = "%" + _escape_like(_as_stored(query.text)) + "%"
    return conditions, values


_STANDS = {
    Status.ISSUED: "{standing} = 'issued' AND +c.not_after > :now",
    Status.DOWNLOADED: "{standing} = 'downloaded' AND +c.not_after > :now",
    Status.HELD: "{standing} = 'held'",
    Status.REVOKED: "{standing} = 'revoked'",
    Status.EXPIRED: "+c.standing IN ('issued', 'downloaded') AND +c.not_after <= :now",
}
"""`Certificate.status` in SQL."""


def _status_condition(statuses: frozenset[Status]) -> str:
    standing = "c.standing" if len(statuses) == 1 else "+c.standing"
    stands = (f"({_STANDS[status].format(standing=standing)})" for status in sorted(statuses))
    condition = f"({' OR '.join(stands)})"
    # In this wording a partial index serves.
    return condition if Status.REVOKED in statuses else f"c.standing <> 'revoked' AND {condition}"


def _text_condition(text: str) -> str:
    """Users, notes and numbers are each searched in an index of their own.

    That takes a seventh of the time of a search row by row. A full-text index by trigrams would
    find no 佐藤, which has two letters.
    """
    found = [
        r"SELECT id FROM certificate WHERE note IS NOT NULL AND note LIKE :text ESCAPE '\'",
        r"""SELECT id FROM certificate WHERE user IN
            (SELECT id FROM user WHERE id LIKE :text ESCAPE '\' OR name LIKE :text ESCAPE '\')""",
    ]
    if text.isdecimal():
        found.append("SELECT id FROM certificate WHERE CAST(number AS TEXT) LIKE :text")
    return f"+c.id IN ({' UNION ALL '.join(found)})"


def _authority_condition(db: Database, hierarchy: str) -> str:
    """The CAs of a hierarchy that issued anything: one as a rule, so its index gives the order."""
    ids = [
        str(row["id"])
        for row in db.rows(
            """SELECT id FROM authority WHERE hierarchy = ? AND EXISTS
               (SELECT 1 FROM certificate WHERE certificate.authority = authority.id)""",
            (hierarchy,),
        )
    ]
    return f"c.authority = {ids[0]}" if len(ids) == 1 else f"c.authority IN ({', '.join(ids)})"


def _as_stored(text: str) -> str:
    """As `clean_text` made what it is to be found among."""
    return unicodedata.normalize("NFC", text).strip()


def _escape_like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


# -- changes; the caller has opened a writing transaction


def revoke(db: Database, number: RetrievalNumber, revocation: Revocation, crl_entry: bytes) -> bool:
    """Revokes or holds one; a revoked one stays as it was. Returns whether anything changed.

    A held one keeps its bundle, because it may be released; a revoked one's is destroyed.
    """
    row = _change(
        db,
        """UPDATE certificate SET revoked_at = :at, revocation_reason = :reason
           WHERE number = :number AND standing <> 'revoked'
           RETURNING id, authority""",
        {
            "at": seconds(revocation.at),
            "reason": revocation.reason.value,
            "number": int(number),
        },
    )
    if row is None:
        return False
    db.execute(
        "INSERT OR REPLACE INTO crl_entry VALUES (?, ?, ?)",
        (row["authority"], row["id"], crl_entry),
    )
    if not revocation.is_hold:
        db.execute("DELETE FROM bundle WHERE certificate = ?", (row["id"],))
    return True


def release(db: Database, number: RetrievalNumber) -> bool:
    """Takes a hold back. Returns False where there is none."""
    row = _change(
        db,
        """UPDATE certificate SET revoked_at = NULL, revocation_reason = NULL
           WHERE number = :number AND standing = 'held'
           RETURNING id, authority""",
        {"number": int(number)},
    )
    if row is None:
        return False
    db.execute(
        "DELETE FROM crl_entry WHERE authority = ? AND certificate = ?",
        (row["authority"], row["id"]),
    )
    return True


def _change(db: Database, sql: str, values: dict[str, object]) -> sqlite3.Row | None:
    """Runs a change of one certificate's standing; its CA's CRL is behind from then on."""
    row = db.row(sql, values)
    if row is not None:
        db.execute("UPDATE authority SET changes = changes + 1 WHERE id = ?", (row["authority"],))
    return row


def bundle(db: Database, number: RetrievalNumber) -> SealedBundle | None:
    """What waits to be downloaded, or None: it was, or the certificate was revoked."""
    row = db.row(
        """SELECT b.* FROM bundle AS b JOIN certificate AS c ON c.id = b.certificate
           WHERE c.number = ?""",
        (int(number),),
    )
    if row is None:
        return None
    return SealedBundle(
        word(Container, row["container"]),
        row["sealed"],
        row["sealed_password"],
        row["password_hash"],
    )


def withdraw(db: Database, number: RetrievalNumber) -> None:
    """Destroys the bundle: there is another one for the same device."""
    db.execute(
        "DELETE FROM bundle WHERE certificate = (SELECT id FROM certificate WHERE number = ?)",
        (int(number),),
    )


def claim(db: Database, number: RetrievalNumber, now: datetime) -> bool:
    """The one download: marks it and destroys the bundle. Returns False where it was too late.

    The test and the mark are one statement, so of any number that try, one succeeds.
    """
    row = db.row(
        """UPDATE certificate SET downloaded_at = :now
           WHERE number = :number AND standing = 'issued' AND not_after > :now
             AND EXISTS (SELECT 1 FROM bundle WHERE certificate = certificate.id)
           RETURNING id""",
        {"number": int(number), "now": seconds(now)},
    )
    if row is None:
        return False
    db.execute("DELETE FROM bundle WHERE certificate = ?", (row["id"],))
    return True


def from_row(row: sqlite3.Row) -> Certificate:
    return Certificate(
        number=RetrievalNumber(row["number"]),
        serial=serial_number(row["serial"]),
        hierarchy=row["hierarchy"],
        user=User(row["user"], row["user_name"], row["email"], row["facility"], row["network"]),
        device=row["device"],
        note=row["note"],
        issued_at=moment(row["issued_at"]),
        not_before=moment(row["not_before"]),
        not_after=moment(row["not_after"]),
        downloaded_at=optional_moment(row["downloaded_at"]),
        revocation=_revocation(row),
        supersedes=optional_number(row["supersedes"]),
        superseded_by=optional_number(row["superseded_by"]),
        profile=row["profile"],
        key_algorithm=row["key_algorithm"],
        fingerprint_sha256=row["fingerprint_sha256"],
    )


def _revocation(row: sqlite3.Row) -> Revocation | None:
    if row["revoked_at"] is None:
        return None
    return Revocation(moment(row["revoked_at"]), word(RevocationReason, row["revocation_reason"]))


def optional_number(number: int | None) -> RetrievalNumber | None:
    return None if number is None else RetrievalNumber(number)
