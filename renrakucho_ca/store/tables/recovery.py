"""Records that a restore puts back. The caller has a transaction open."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from renrakucho_ca.model import UNKNOWN, Authority, RetrievalNumber
from renrakucho_ca.store.sqlite.connection import Database, seconds, serial_number
from renrakucho_ca.store.tables import ca_certificates
from renrakucho_ca.store.tables.ca_certificates import CaCertificate

PENDING = "pending"
"""The recorded status of a pending issuance."""


class Known(NamedTuple):
    """A certificate of which the serial number is known: its number, and its recorded status."""

    number: RetrievalNumber
    status: str


def find(db: Database, authority: Authority, serial: int) -> Known | None:
    """The certificate or pending issuance with that serial number."""
    row = db.row(
        """SELECT number, standing FROM certificate
           WHERE authority = :authority AND serial = :serial
           UNION ALL
           SELECT number, :pending FROM intent
           WHERE authority = :authority AND serial = :serial""",
        {"authority": authority.id, "serial": f"{serial:x}", "pending": PENDING},
    )
    return None if row is None else Known(RetrievalNumber(row["number"]), row["standing"])


def crl_number(db: Database, authority: Authority) -> int:
    """The highest CRL number that the store knows."""
    row = db.row("SELECT crl_number FROM authority WHERE id = ?", (authority.id,))
    assert row is not None
    return int(row["crl_number"])


def put_stranger(
    db: Database,
    authority: Authority,
    serial: int,
    number: RetrievalNumber,
    revoked_at: datetime,
) -> bool:
    """Record an unknown certificate that a CRL lists, for the caller to revoke.

    Its user is unknown, and it counts as valid as long as its CA. Returns False where the number is
    taken.
    """
    db.execute("INSERT OR IGNORE INTO user (id) VALUES (?)", (UNKNOWN,))
    end = seconds(authority.not_after)
    begin = min(seconds(revoked_at), end - 1)
    row = db.row(
        """INSERT INTO certificate (number, authority, serial, user, device, profile, line,
               issued_at, not_before, not_after)
           SELECT :number, :authority, :serial, :unknown, :unknown, :unknown, :number,
               :begin, :begin, :end
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
        },
    )
    return row is not None


def move_stranger(
    db: Database, number: RetrievalNumber, serial: int, free: RetrievalNumber
) -> None:
    """Give a stranger with another serial number a free number, where it has that one: it was
    drawn, and no one knows it."""
    db.execute(
        f"""UPDATE certificate SET number = ?, line = ?
            WHERE number = ? AND serial <> ?
              AND user = '{UNKNOWN}' AND fingerprint_sha256 IS NULL""",
        (int(free), int(free), int(number), f"{serial:x}"),
    )


def put_issued(
    db: Database,
    authority: Authority,
    serial: int,
    number: RetrievalNumber,
    issued_at: int,
    facts: dict[str, Any],
) -> bool:
    """Record a certificate whose bundle is lost; a stranger gets its own data.

    Args:
        facts: the detail of its row in the audit log.

    Returns:
        Whether it is new.
    """
    db.execute("INSERT OR IGNORE INTO user (id) VALUES (?)", (facts["user"],))
    row = {
        "number": int(number),
        "authority": authority.id,
        "serial": f"{serial:x}",
        "user": facts["user"],
        "device": facts["device"],
        "profile": facts["profile"],
        "note": facts.get("note"),
        "issued_at": issued_at,
        "not_before": facts.get("not_before", issued_at),
        "not_after": facts["not_after"],
        "supersedes": _free_predecessor(db, facts.get("supersedes")),
        "key_algorithm": facts.get("key_algorithm"),
        "fingerprint_sha256": facts.get("fingerprint"),
        "line": _line(db, authority, number, facts.get("supersedes")),
    }
    db.execute("DELETE FROM intent WHERE number = ?", (int(number),))
    columns = [column for column in row if column not in ("authority", "serial")]
    return bool(
        db.execute(
            f"""INSERT INTO certificate ({", ".join(row)})
                VALUES ({", ".join(f":{column}" for column in row)})
                ON CONFLICT (authority, serial) DO UPDATE
                SET {", ".join(f"{column} = excluded.{column}" for column in columns)}
                WHERE user = '{UNKNOWN}' AND fingerprint_sha256 IS NULL""",
            row,
        )
    )


def _free_predecessor(db: Database, number: str | None) -> int | None:
    """The certificate that is superseded, unless it is unknown or has another successor."""
    row = db.row(
        """SELECT number FROM certificate AS c WHERE number = ?
           AND NOT EXISTS (SELECT 1 FROM certificate AS s WHERE s.supersedes = c.number)""",
        (None if number is None else int(number),),
    )
    return None if row is None else int(row["number"])


def _line(db: Database, authority: Authority, number: RetrievalNumber, before: str | None) -> int:
    """A re-issue in the same hierarchy keeps the line of its predecessor."""
    row = db.row(
        """SELECT c.line FROM certificate AS c JOIN authority AS a ON a.id = c.authority
           WHERE c.number = ? AND a.hierarchy = ?""",
        (None if before is None else int(before), authority.hierarchy),
    )
    return int(number) if row is None else int(row["line"])


def set_downloaded(db: Database, number: RetrievalNumber, at: datetime) -> bool:
    """Mark as downloaded, and destroy the bundle that is still here. Returns whether it is new."""
    row = db.row(
        """UPDATE certificate SET downloaded_at = ? WHERE number = ? AND downloaded_at IS NULL
           RETURNING id""",
        (seconds(at), int(number)),
    )
    if row is None:
        return False
    db.execute("DELETE FROM bundle WHERE certificate = ?", (row["id"],))
    return True


# -- certificates of CAs


def put_ca(db: Database, certificate: CaCertificate) -> None:
    """Record a CA's certificate. One that was pending, or known only by its serial number, is
    completed, and stays revoked if it was."""
    db.execute(
        """INSERT INTO ca_certificate (authority, serial, subject, crosses, at, not_after, der)
           VALUES (?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (authority, serial) DO UPDATE
           SET subject = excluded.subject, crosses = excluded.crosses, at = excluded.at,
               not_after = excluded.not_after, der = excluded.der
           WHERE der IS NULL""",
        (
            certificate.authority,
            f"{certificate.serial:x}",
            certificate.subject,
            certificate.crosses,
            seconds(certificate.at),
            seconds(certificate.not_after),
            certificate.der,
        ),
    )


def ca(db: Database, root: Authority, serial: int, revoked_at: datetime) -> CaCertificate:
    """Return the record of a certificate that a root signed, for the caller to revoke.

    An unknown one is recorded by its serial number, so that every later CRL lists it too.
    """
    known = ca_certificates.serials_of(db, root).get(serial)
    if known is None:
        last = root.not_after - timedelta(seconds=1)
        known = CaCertificate(
            authority=root.id,
            issuer=root.hierarchy,
            serial=serial,
            subject=UNKNOWN,
            crosses=None,
            at=min(revoked_at, last),
            not_after=root.not_after,
            der=None,
            revocation=None,
        )
        ca_certificates.put(db, known)
    return known


def revoked_by(db: Database, root: Authority) -> set[int]:
    """The serial numbers that belong on a root's CRL."""
    rows = db.rows(
        """SELECT serial FROM certificate
           WHERE authority = :root AND revoked_at IS NOT NULL
           UNION ALL
           SELECT serial FROM ca_certificate
           WHERE authority = :root AND revoked_at IS NOT NULL""",
        {"root": root.id},
    )
    return {serial_number(row["serial"]) for row in rows}
