"""What a restored store has forgotten, written down again. The caller has begun to write."""

from __future__ import annotations

from renrakucho_ca.model import UNKNOWN, Authority, RetrievalNumber, Revocation
from renrakucho_ca.store.database import Database, seconds


def standing(db: Database, authority: Authority, serial: int) -> tuple[RetrievalNumber, str] | None:
    """Number and standing of the certificate with that serial number; None where none is known."""
    row = db.row(
        "SELECT number, standing FROM certificate WHERE authority = ? AND serial = ?",
        (authority.id, f"{serial:x}"),
    )
    return None if row is None else (RetrievalNumber(row["number"]), row["standing"])


def put_stranger(
    db: Database,
    authority: Authority,
    serial: int,
    number: RetrievalNumber,
    revocation: Revocation,
    crl_entry: bytes,
) -> bool:
    """Records a certificate of which a CRL alone tells, so that every later one lists it too.

    Whose it was nobody knows, and it counts as valid as long as its CA. Returns False where the
    number is taken.
    """
    db.execute("INSERT OR IGNORE INTO user (id) VALUES (?)", (UNKNOWN,))
    end = seconds(authority.not_after)
    begin = min(seconds(revocation.at), end - 1)
    row = db.row(
        """INSERT INTO certificate (number, authority, serial, user, device, profile, line,
               issued_at, not_before, not_after, revoked_at, revocation_reason)
           SELECT :number, :authority, :serial, :unknown, :unknown, :unknown, :number,
               :begin, :begin, :end, :at, :reason
           WHERE NOT EXISTS (SELECT 1 FROM certificate WHERE number = :number)
             AND NOT EXISTS (SELECT 1 FROM intent WHERE number = :number)
           RETURNING id""",
        {
            "number": int(number),
            "authority": authority.id,
            "serial": f"{serial:x}",
            "unknown": UNKNOWN,
            "begin": begin,
            "end": end,
            "at": seconds(revocation.at),
            "reason": revocation.reason.value,
        },
    )
    if row is None:
        return False
    db.execute("INSERT INTO crl_entry VALUES (?, ?, ?)", (authority.id, row["id"], crl_entry))
    db.execute("UPDATE authority SET changes = changes + 1 WHERE id = ?", (authority.id,))
    return True
