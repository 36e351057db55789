"""Revoke: the CRL entry, the row in the store, and the act for the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from renrakucho_ca.model import Act, RetrievalNumber, Revocation
from renrakucho_ca.pki import crl
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import ca_certificates, certificates
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.store.tables.ca_certificates import CaCertificate


def revoke_certificates(
    db: Database, numbers: Iterable[RetrievalNumber], why: Revocation
) -> list[AuditEntry]:
    """Revoke or hold certificates, within the open transaction.

    Returns one act for each changed certificate; the caller records them, or one act for all.
    """
    entry = partial(crl.entry, at=why.at, reason=why.reason)
    return [
        revoked_act(each.number, each.hierarchy, each.serial, why)
        for each in certificates.revoke(db, numbers, why, entry)
    ]


def revoke_ca(db: Database, certificate: CaCertificate, why: Revocation) -> AuditEntry | None:
    """Revoke a CA's certificate permanently, within the open transaction.

    Returns the act for the audit log; None if the certificate was already revoked.
    """
    entry = crl.entry(certificate.serial, why.at, why.reason)
    if not ca_certificates.revoke(db, certificate, why, entry):
        return None
    return revoked_ca_act(certificate, why)


def revoked_act(
    number: RetrievalNumber, hierarchy: str, serial: int, why: Revocation
) -> AuditEntry:
    """Return the act of a revoked or held certificate."""
    act = Act.HELD if why.is_hold else Act.REVOKED
    detail = {"reason": why.reason.value, "hierarchy": hierarchy, "serial": f"{serial:x}"}
    return AuditEntry(act, number, detail)


def revoked_ca_act(certificate: CaCertificate, why: Revocation) -> AuditEntry:
    """Return the act of a CA's revoked certificate."""
    detail = {"serial": f"{certificate.serial:x}", "reason": why.reason.value}
    return AuditEntry(Act.CA_REVOKED, certificate.issuer, detail)
