"""The records of certificates: find, revoke, claim. `listing` finds many."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from renrakucho_ca.errors import NotFound
from renrakucho_ca.model import (
    Certificate,
    Container,
    RetrievalNumber,
    Revocation,
    RevocationReason,
    User,
)
from renrakucho_ca.store.sqlite.connection import (
    Database,
    moment,
    optional_moment,
    seconds,
    serial_number,
    word,
)


@dataclass(frozen=True, slots=True)
class SealedBundle:
    """A bundle that waits for its one download."""

    container: Container
    sealed: bytes
    sealed_password: bytes
    password_hash: str


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate that was just revoked or held, for relying parties."""

    number: RetrievalNumber
    serial: int
    hierarchy: str


SELECT = """
SELECT c.*, a.hierarchy, u.name AS user_name, u.email, u.facility, u.network,
       (SELECT s.number FROM certificate AS s WHERE s.supersedes = c.number) AS superseded_by
FROM certificate AS c
JOIN authority AS a ON a.id = c.authority
JOIN user AS u ON u.id = c.user
"""


def get(db: Database, number: RetrievalNumber) -> Certificate:
    """Return a certificate. Raise NotFound."""
    row = db.row(f"{SELECT} WHERE c.number = ?", (int(number),))
    if row is None:
        raise NotFound("no certificate has the number {number}", number=number)
    return from_row(row)


def get_all(
    db: Database, numbers: Collection[RetrievalNumber]
) -> dict[RetrievalNumber, Certificate]:
    """Return the known certificates with these numbers, at most some hundred at a time."""
    marks = ", ".join("?" * len(numbers))
    rows = db.rows(f"{SELECT} WHERE c.number IN ({marks})", [int(number) for number in numbers])
    return {found.number: found for found in map(from_row, rows)}


def by_serial(db: Database, serial: int) -> list[Certificate]:
    """Return all certificates with that serial number; several CAs may use it."""
    return [from_row(row) for row in db.rows(f"{SELECT} WHERE c.serial = ?", (f"{serial:x}",))]


def line_of(db: Database, number: RetrievalNumber) -> str:
    """Return the number of the first certificate in this one's line of re-issues."""
    return str(db.value("SELECT line FROM certificate WHERE number = ?", (int(number),)))


def der(db: Database, number: RetrievalNumber) -> bytes:
    """Return its bytes. Raise NotFound if only the record is known."""
    found: bytes | None = db.value(
        """SELECT d.der FROM certificate_der AS d
           JOIN certificate AS c ON c.id = d.certificate WHERE c.number = ?""",
        (int(number),),
    )
    if found is None:
        raise NotFound("{number} has a record but no certificate", number=number)
    return found


# -- changes; the caller has opened a writing transaction


def revoke(
    db: Database,
    numbers: Iterable[RetrievalNumber],
    revocation: Revocation,
    crl_entry: Callable[[int], bytes],
) -> list[Revoked]:
    """Revoke or hold certificates, and return those that changed. A revoked one stays unchanged.

    A held certificate keeps its bundle, because it may be released; a revoked one loses it.

    Args:
        crl_entry: makes the CRL entry of a serial number.
    """
    rows = sorted(
        db.rows(
            """UPDATE certificate SET revoked_at = :at, revocation_reason = :reason
               WHERE number IN (SELECT value FROM json_each(:numbers)) AND standing <> 'revoked'
               RETURNING id, number, serial, authority,
                         (SELECT hierarchy FROM authority AS a WHERE a.id = authority) AS hierarchy
            """,
            {
                "at": seconds(revocation.at),
                "reason": revocation.reason.value,
                "numbers": json.dumps([int(number) for number in numbers]),
            },
        ),
        key=itemgetter("id"),
    )
    changed = [
        Revoked(RetrievalNumber(row["number"]), serial_number(row["serial"]), row["hierarchy"])
        for row in rows
    ]
    db.execute_many(
        "INSERT OR REPLACE INTO crl_entry VALUES (?, ?, ?)",
        [
            (row["authority"], row["id"], crl_entry(each.serial))
            for row, each in zip(rows, changed, strict=True)
        ],
    )
    if not revocation.is_hold:
        db.execute_many("DELETE FROM bundle WHERE certificate = ?", [(row["id"],) for row in rows])
    for authority in {row["authority"] for row in rows}:
        _count_change(db, authority)
    return changed


def release(db: Database, number: RetrievalNumber) -> bool:
    """Release a held certificate. Return False if it is not held."""
    row = db.row(
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
    _count_change(db, row["authority"])
    return True


def _count_change(db: Database, authority: int) -> None:
    """Mark the CA's newest CRL as out of date."""
    db.execute("UPDATE authority SET changes = changes + 1 WHERE id = ?", (authority,))


def bundle(db: Database, number: RetrievalNumber) -> SealedBundle | None:
    """Return the bundle; None after its download or the certificate's revocation."""
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
    """Destroy the bundle of a certificate."""
    db.execute(
        "DELETE FROM bundle WHERE certificate = (SELECT id FROM certificate WHERE number = ?)",
        (int(number),),
    )


def claim(db: Database, number: RetrievalNumber, now: datetime) -> bool:
    """Mark the one download and destroy the bundle. Return False if it was too late.

    One statement tests and marks, so only one of several callers succeeds.
    """
    is_claimed = db.execute(
        """UPDATE certificate SET downloaded_at = :now
           WHERE number = :number AND standing = 'issued' AND not_after > :now
             AND EXISTS (SELECT 1 FROM bundle WHERE certificate = certificate.id)""",
        {"number": int(number), "now": seconds(now)},
    )
    if is_claimed:
        withdraw(db, number)
    return bool(is_claimed)


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
        revocation=revocation_of(row),
        supersedes=optional_number(row["supersedes"]),
        superseded_by=optional_number(row["superseded_by"]),
        profile=row["profile"],
        key_algorithm=row["key_algorithm"],
        fingerprint_sha256=row["fingerprint_sha256"],
    )


def revocation_of(row: sqlite3.Row) -> Revocation | None:
    """Return the revocation in a row of a certificate, a device's or a CA's."""
    if row["revoked_at"] is None:
        return None
    return Revocation(moment(row["revoked_at"]), word(RevocationReason, row["revocation_reason"]))


def optional_number(number: int | None) -> RetrievalNumber | None:
    return None if number is None else RetrievalNumber(number)
