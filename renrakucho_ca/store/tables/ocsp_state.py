"""OCSP in the database: the responders of a CA, and the changes since its responses were signed.

The caller opens the writing transactions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from renrakucho_ca.store.sqlite.connection import Database, moment, seconds

RecordedStatus = tuple[str, int | None, str | None]
"""The OCSP status of a certificate: stored serial number, time and reason of revocation. Plain
values, since worker processes receive a million of them."""


@dataclass(frozen=True, slots=True)
class DelegatedResponder:
    """The delegated responder of a CA: a certificate and its sealed key.

    Attributes:
        sealed_key: PKCS#8, under the passphrase.
        portal_key: the same, under the portal's key; None if the portal must not sign.
    """

    id: int
    serial: int
    not_before: datetime
    not_after: datetime
    certificate: bytes
    sealed_key: bytes = field(repr=False)
    portal_key: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class PendingResponder:
    """A responder whose certificate is about to be signed. `name` is its CA's."""

    authority: int
    name: str
    serial: int
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class SignedResponse:
    """The responses for one change, one for each hash."""

    responder: bytes
    this_update: datetime
    next_update: datetime
    recorded: RecordedStatus
    sha1: bytes
    sha256: bytes


@dataclass(frozen=True, slots=True)
class KnownCertificate:
    """The present state of a certificate, and its responses if it changed after all were signed."""

    recorded: RecordedStatus
    not_after: datetime
    signed: SignedResponse | None


# -- responders


def put_pending(db: Database, pending: PendingResponder) -> None:
    """Record the serial number of a responder's certificate that is about to be signed."""
    db.insert(
        "responder",
        {
            "authority": pending.authority,
            "serial": f"{pending.serial:x}",
            "not_before": seconds(pending.not_before),
            "not_after": seconds(pending.not_after),
        },
    )


def record_responder(
    db: Database, pending: PendingResponder, certificate: bytes, sealed_key: bytes
) -> None:
    """Record a signed responder with its key, and destroy the keys of the responders before it."""
    db.execute(
        "UPDATE responder SET sealed_key = NULL, portal_key = NULL WHERE authority = ?",
        (pending.authority,),
    )
    db.execute(
        "UPDATE responder SET certificate = ?, sealed_key = ? WHERE authority = ? AND serial = ?",
        (certificate, sealed_key, pending.authority, f"{pending.serial:x}"),
    )


def set_portal_key(db: Database, id: int, portal_key: bytes | None) -> None:
    """Set or delete the portal's copy of a responder's key."""
    db.execute("UPDATE responder SET portal_key = ? WHERE id = ?", (portal_key, id))


def responder(db: Database, authority: int) -> DelegatedResponder | None:
    """Return the responder that has a key: the newest."""
    sql = "SELECT * FROM responder WHERE authority = ? AND sealed_key IS NOT NULL"
    row = db.row(sql, (authority,))
    if row is None:
        return None
    return DelegatedResponder(
        id=row["id"],
        serial=int(row["serial"], 16),
        not_before=moment(row["not_before"]),
        not_after=moment(row["not_after"]),
        certificate=row["certificate"],
        sealed_key=row["sealed_key"],
        portal_key=row["portal_key"],
    )


# -- statuses to sign


def longest_serial(db: Database, authority: int) -> int:
    sql = "SELECT max(length(serial)) FROM certificate WHERE authority = ?"
    return db.value(sql, (authority,)) or 0


def recorded_statuses(
    db: Database, authority: int, now: datetime, width: int, after: str, limit: int
) -> list[RecordedStatus]:
    """Return the next unexpired certificates of a CA, by serial number as text.

    One query for all would block writers until all are signed.

    Args:
        width: leave out longer serial numbers.
    """
    return db.tuples(
        """SELECT serial, revoked_at, revocation_reason FROM certificate
           WHERE authority = ? AND serial > ? AND +not_after > ? AND length(serial) <= ?
           ORDER BY serial LIMIT ?""",
        (authority, after, seconds(now), width, limit),
    )


# -- later changes


def last_change(db: Database) -> int:
    return db.value("SELECT max(id) FROM ocsp_change") or 0


def count_changes(db: Database, authority: int) -> int:
    return int(db.value("SELECT count(*) FROM ocsp_change WHERE authority = ?", (authority,)))


def forget_changes(db: Database, authority: int, last: int) -> None:
    """Delete the changes up to that one: the new response file has them."""
    db.execute("DELETE FROM ocsp_change WHERE authority = ? AND id <= ?", (authority, last))


def unsigned(db: Database, authority: int, limit: int) -> list[tuple[int, RecordedStatus]]:
    """Return the first changes without signed responses, with their numbers."""
    rows = db.rows(
        """SELECT o.id, c.serial, c.revoked_at, c.revocation_reason
           FROM ocsp_change AS o JOIN certificate AS c ON c.id = o.certificate
           WHERE o.authority = ? AND o.responder IS NULL ORDER BY o.id LIMIT ?""",
        (authority, limit),
    )
    return [(row[0], (row[1], row[2], row[3])) for row in rows]


def record_signed(
    db: Database,
    responder: int,
    this_update: datetime,
    next_update: datetime,
    signed: Sequence[tuple[int, RecordedStatus, bytes, bytes]],
) -> None:
    """Record the responses for changes. A certificate that changed again stays unsigned."""
    begin, end = seconds(this_update), seconds(next_update)
    db.execute_many(
        """UPDATE ocsp_change SET responder = ?, this_update = ?, next_update = ?,
               revoked_at = ?, reason = ?, sha1 = ?, sha256 = ? WHERE id = ?""",
        [
            (responder, begin, end, revoked_at, reason, sha1, sha256, change)
            for change, (_, revoked_at, reason), sha1, sha256 in signed
        ],
    )


# -- answers


def known(db: Database, authority: int, serial: str) -> KnownCertificate | None:
    """Return the status of a certificate; None if this CA did not issue it."""
    row = db.row(
        """SELECT c.revoked_at, c.revocation_reason, c.not_after, o.this_update, o.next_update,
                  o.revoked_at AS said_at, o.reason AS said_reason, o.sha1, o.sha256,
                  r.certificate AS responder
           FROM certificate AS c
           LEFT JOIN ocsp_change AS o ON o.certificate = c.id
           LEFT JOIN responder AS r ON r.id = o.responder
           WHERE c.authority = ? AND c.serial = ?""",
        (authority, serial),
    )
    if row is None:
        return None
    signed = None
    if row["responder"] is not None:
        signed = SignedResponse(
            responder=row["responder"],
            this_update=moment(row["this_update"]),
            next_update=moment(row["next_update"]),
            recorded=(serial, row["said_at"], row["said_reason"]),
            sha1=row["sha1"],
            sha256=row["sha256"],
        )
    return KnownCertificate(
        recorded=(serial, row["revoked_at"], row["revocation_reason"]),
        not_after=moment(row["not_after"]),
        signed=signed,
    )
