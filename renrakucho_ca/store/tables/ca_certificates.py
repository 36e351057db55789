"""Requests for issuing CAs that are signed elsewhere, and CA certificates that roots here sign."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from renrakucho_ca.errors import NotFound
from renrakucho_ca.model import Authority, Revocation, Status
from renrakucho_ca.store.sqlite.connection import Database, moment, seconds
from renrakucho_ca.store.tables.certificates import revocation_of


@dataclass(frozen=True, slots=True)
class CaRequest:
    """A request for an issuing CA's certificate; the keystore has its key.

    Attributes:
        hierarchy: the name of the future hierarchy.
        request: PKCS #10 in DER.
    """

    hierarchy: str
    request: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CaCertificate:
    """A CA certificate signed by a root of this home, except those of its own issuing CAs.

    Attributes:
        issuer: the hierarchy whose root signs.
        crosses: the hierarchy that it cross-certifies; None for a CA of another home.
        der: None while it is pending.
    """

    authority: int
    issuer: str
    serial: int
    subject: str
    crosses: str | None
    at: datetime
    not_after: datetime
    der: bytes | None
    revocation: Revocation | None

    def status(self, now: datetime) -> Status:
        """Return its status at `now`: issued, revoked or expired."""
        if self.revocation is not None:
            return Status.REVOKED
        return Status.EXPIRED if now >= self.not_after else Status.ISSUED


# -- requests


def put_request(db: Database, request: CaRequest) -> None:
    db.insert(
        "ca_request",
        {
            "hierarchy": request.hierarchy,
            "request": request.request,
            "created_at": seconds(request.created_at),
        },
    )


def requests(db: Database) -> list[CaRequest]:
    """Return the requests that wait for their certificate, by name."""
    return [
        CaRequest(row["hierarchy"], row["request"], moment(row["created_at"]))
        for row in db.rows("SELECT * FROM ca_request ORDER BY hierarchy")
    ]


def find_request(db: Database, hierarchy: str) -> CaRequest | None:
    return next((each for each in requests(db) if each.hierarchy == hierarchy), None)


def delete_request(db: Database, hierarchy: str) -> None:
    db.execute("DELETE FROM ca_request WHERE hierarchy = ?", (hierarchy,))


# -- certificates


def put(db: Database, certificate: CaCertificate) -> None:
    """Record a certificate, pending or signed.

    A pending one, or one known only by its serial number, is completed. A revocation stays.
    """
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


def all_of(db: Database) -> list[CaCertificate]:
    """Return all CA certificates, oldest first."""
    rows = db.rows(
        """SELECT c.*, a.hierarchy AS issuer FROM ca_certificate AS c
           JOIN authority AS a ON a.id = c.authority ORDER BY c.at, c.serial"""
    )
    return [_certificate(row) for row in rows]


def get(db: Database, serial: int) -> CaCertificate:
    """Return a CA certificate. Raise NotFound."""
    for each in all_of(db):
        if each.serial == serial:
            return each
    raise NotFound(
        "no CA certificate has the serial number {serial}",
        hint="run `rca hierarchy signed` to list them",
        serial=f"{serial:x}",
    )


def serials_of(db: Database, authority: Authority) -> dict[int, CaCertificate]:
    """Return a root's certificates by serial number."""
    return {each.serial: each for each in all_of(db) if each.authority == authority.id}


def revoke(
    db: Database, certificate: CaCertificate, revocation: Revocation, crl_entry: bytes
) -> bool:
    """Revoke one for good; a revoked one stays as it was. Return whether anything changed."""
    changed = db.execute(
        """UPDATE ca_certificate SET revoked_at = ?, revocation_reason = ?, crl_entry = ?
           WHERE authority = ? AND serial = ? AND revoked_at IS NULL""",
        (
            seconds(revocation.at),
            revocation.reason.value,
            crl_entry,
            certificate.authority,
            f"{certificate.serial:x}",
        ),
    )
    if changed:
        db.execute(
            "UPDATE authority SET changes = changes + 1 WHERE id = ?", (certificate.authority,)
        )
    return bool(changed)


def _certificate(row: sqlite3.Row) -> CaCertificate:
    return CaCertificate(
        authority=row["authority"],
        issuer=row["issuer"],
        serial=int(row["serial"], 16),
        subject=row["subject"],
        crosses=row["crosses"],
        at=moment(row["at"]),
        not_after=moment(row["not_after"]),
        der=row["der"],
        revocation=revocation_of(row),
    )
