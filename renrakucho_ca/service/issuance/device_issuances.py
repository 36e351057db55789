"""Issuances of users' certificates, as `service.pending` runs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from renrakucho_ca.model import (
    Act,
    Authority,
    Certificate,
    Revocation,
    RevocationReason,
    Status,
)
from renrakucho_ca.service.issuance.planner import Succession
from renrakucho_ca.service.revocation.revoke import revoke_certificates
from renrakucho_ca.store.sqlite.connection import Database, seconds
from renrakucho_ca.store.tables import certificates, hierarchies, pending_issuance
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.store.tables.pending_issuance import PendingIssuance, SignedCertificate


@dataclass(frozen=True, slots=True)
class NewIssuance:
    """A certificate to be recorded, and its predecessor `before`, if any."""

    authority: Authority
    signed: SignedCertificate
    password: str = field(repr=False)
    before: Certificate | None
    succession: Succession

    @property
    def certificate(self) -> Certificate:
        return self.signed.certificate


put = pending_issuance.put_pending


orphaned = pending_issuance.orphaned


def record(
    db: Database, signed: Sequence[tuple[PendingIssuance, NewIssuance]], /
) -> list[AuditEntry]:
    new = [each for _, each in signed]
    pending_issuance.record(db, [(each.authority, each.signed) for each in new])
    return [act for each in new for act in (_issued(each), *_succeed(db, each))]


def abandon(db: Database, each: PendingIssuance, why: Revocation, /) -> list[AuditEntry]:
    pending_issuance.abandon(db, each)
    revoke_certificates(db, [each.number], why)
    detail = {
        "serial": f"{each.serial:x}",
        "authority": hierarchies.fingerprint(db, each.authority),
        "user": each.user,
        "device": each.device,
        "profile": each.profile,
        "issued_at": seconds(each.at),
        "not_after": seconds(each.not_after),
        "reason": why.reason.value,
    }
    return [AuditEntry(Act.ABANDONED, each.number, detail)]


def _succeed(db: Database, new: NewIssuance) -> list[AuditEntry]:
    """Apply the succession to the certificate before, and return the acts."""
    before, certificate = new.before, new.certificate
    if before is None or new.succession is Succession.KEPT:
        return []
    now = certificate.issued_at
    if new.succession is Succession.REPLACED:
        why = Revocation(now, RevocationReason.SUPERSEDED)
        return revoke_certificates(db, [before.number], why)
    acts = []
    if before.downloaded_at is None:
        certificates.withdraw(db, before.number)
        acts.append(AuditEntry(Act.WITHDRAWN, before.number, {"hierarchy": before.hierarchy}))
    if before.status(now) is Status.HELD:
        # A held user must not regain access by a migration.
        why = Revocation(now, RevocationReason.CERTIFICATE_HOLD)
        acts += revoke_certificates(db, [certificate.number], why)
    return acts


def _issued(new: NewIssuance) -> AuditEntry:
    """Return the act with all that a replay of the journal needs to restore the record."""
    certificate = new.certificate
    return AuditEntry(
        Act.ISSUED,
        certificate.number,
        {
            "serial": f"{certificate.serial:x}",
            "hierarchy": certificate.hierarchy,
            "authority": new.authority.fingerprint_sha256,
            "user": certificate.user.id,
            "device": certificate.device,
            "profile": certificate.profile,
            "note": certificate.note,
            "not_before": seconds(certificate.not_before),
            "not_after": seconds(certificate.not_after),
            "fingerprint": certificate.fingerprint_sha256,
            "key_algorithm": certificate.key_algorithm,
            "supersedes": certificate.supersedes,
        },
    )
