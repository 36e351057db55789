"""Records that a restore puts back. The caller has a transaction open."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from renrakucho_ca.model import UNKNOWN, Authority, RetrievalNumber
from renrakucho_ca.store.sqlite.connection import Database, seconds, serial_number
from renrakucho_ca.store.tables import ca_certificates, certificates, pending_issuance
from renrakucho_ca.store.tables.ca_certificates import CaCertificate
from renrakucho_ca.store.tables.pending_issuance import INSERT, REPLACE, PendingIssuance

PENDING = "pending"
"""The recorded status of a pending issuance."""


class Known(NamedTuple):
    """A certificate with a known serial number: its retrieval number, and its recorded status."""

    number: RetrievalNumber
    status: str


def find(db: Database, authority: Authority, serial: int) -> Known | None:
    """Return the certificate or pending issuance with that serial number."""
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
    """Return the highest CRL number that the store knows."""
    return int(db.value("SELECT crl_number FROM authority WHERE id = ?", (authority.id,)))


def put_unknown(
    db: Database,
    authority: Authority,
    serial: int,
    number: RetrievalNumber,
    revoked_at: datetime,
) -> bool:
    """Record an unknown certificate that a CRL lists, for the caller to revoke.

    Its user is unknown, and it is valid as long as its CA. Return False if the number is taken.
    """
    db.execute("INSERT OR IGNORE INTO user (id) VALUES (?)", (UNKNOWN,))
    pending = PendingIssuance(
        number=number,
        authority=authority.id,
        serial=serial,
        user=UNKNOWN,
        device=UNKNOWN,
        profile=UNKNOWN,
        subject=UNKNOWN,
        at=_begin(authority, revoked_at),
        not_after=authority.not_after,
        supersedes=None,
    )
    is_free = pending_issuance.put_pending(db, pending)
    if is_free:
        pending_issuance.abandon(db, pending)
    return is_free


def _begin(authority: Authority, revoked_at: datetime) -> datetime:
    """Return the moment from which an unknown certificate of a CA counts as valid."""
    return min(revoked_at, authority.not_after - timedelta(seconds=1))


def move_unknown(db: Database, number: RetrievalNumber, serial: int, free: RetrievalNumber) -> None:
    """Give an unknown certificate a free number if it has `number` and another serial number.

    Its number was drawn at random, and no user has it.
    """
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
    """Record a certificate whose bundle is lost; an unknown certificate gets its own data.

    Return whether it is new. `facts` is the detail of its row in the audit log.
    """
    db.execute("INSERT OR IGNORE INTO user (id) VALUES (?)", (facts["user"],))
    db.execute("DELETE FROM intent WHERE number = ?", (int(number),))
    before = None if facts.get("supersedes") is None else int(facts["supersedes"])
    return bool(
        db.execute(
            f"""{INSERT} ON CONFLICT (authority, serial) DO UPDATE SET {REPLACE}
                WHERE user = '{UNKNOWN}' AND fingerprint_sha256 IS NULL""",
            {
                "number": int(number),
                "authority": authority.id,
                "hierarchy": authority.hierarchy,
                "serial": f"{serial:x}",
                "user": facts["user"],
                "device": facts["device"],
                "profile": facts["profile"],
                "note": facts.get("note"),
                "issued_at": issued_at,
                "not_before": facts.get("not_before", issued_at),
                "not_after": facts["not_after"],
                "supersedes": _free_predecessor(db, before),
                "continues": before,
                "key_algorithm": facts.get("key_algorithm"),
                "fingerprint_sha256": facts.get("fingerprint"),
            },
        )
    )


def _free_predecessor(db: Database, number: int | None) -> int | None:
    """Return the number of a superseded certificate that is known and has no other successor."""
    found: int | None = db.value(
        """SELECT number FROM certificate AS c WHERE number = ?
           AND NOT EXISTS (SELECT 1 FROM certificate AS s WHERE s.supersedes = c.number)""",
        (number,),
    )
    return found


def set_downloaded(db: Database, number: RetrievalNumber, at: datetime) -> bool:
    """Mark as downloaded, and destroy a remaining bundle. Return whether that is new."""
    is_new = db.execute(
        "UPDATE certificate SET downloaded_at = ? WHERE number = ? AND downloaded_at IS NULL",
        (seconds(at), int(number)),
    )
    if is_new:
        certificates.withdraw(db, number)
    return bool(is_new)


def ca(db: Database, root: Authority, serial: int, revoked_at: datetime) -> CaCertificate:
    """Return the record of a certificate that a root signed, for the caller to revoke.

    An unknown one is recorded by its serial number, so that every later CRL lists it too.
    """
    known = ca_certificates.serials_of(db, root).get(serial)
    if known is None:
        known = CaCertificate(
            authority=root.id,
            issuer=root.hierarchy,
            serial=serial,
            subject=UNKNOWN,
            crosses=None,
            at=_begin(root, revoked_at),
            not_after=root.not_after,
            der=None,
            revocation=None,
        )
        ca_certificates.put(db, known)
    return known


def revoked_by(db: Database, root: Authority) -> set[int]:
    """Return the serial numbers that belong on a root's CRL."""
    rows = db.tuples(
        """SELECT serial FROM certificate
           WHERE authority = :root AND revoked_at IS NOT NULL
           UNION ALL
           SELECT serial FROM ca_certificate
           WHERE authority = :root AND revoked_at IS NOT NULL""",
        {"root": root.id},
    )
    return {serial_number(serial) for (serial,) in rows}
