"""The records of certificates: finding one, revoking, claiming. `listing` finds many."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

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
