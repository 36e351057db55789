"""Rows for the tests of the store, made without any cryptography."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from renrakucho_ca.model import (
    Authority,
    Certificate,
    Container,
    Hierarchy,
    RetrievalNumber,
    Revocation,
    RevocationReason,
    Tier,
    User,
)
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import certificates, hierarchies, pending_issuance, users
from renrakucho_ca.store.tables.certificates import SealedBundle
from renrakucho_ca.store.tables.pending_issuance import PendingIssuance, SignedCertificate

NOW = datetime(2026, 5, 1, 3, 4, 5, tzinfo=UTC)
HOLD = RevocationReason.CERTIFICATE_HOLD
SUPERSEDED = RevocationReason.SUPERSEDED

CERTIFICATE = Certificate(
    number=RetrievalNumber("67075623"),
    serial=0x1234,
    hierarchy="new",
    user=User("hanako"),
    device="windows",
    note=None,
    issued_at=NOW,
    not_before=NOW,
    not_after=NOW.replace(year=2036),
    downloaded_at=None,
    revocation=None,
    supersedes=None,
    superseded_by=None,
    profile="windows",
    key_algorithm="ec-p256",
    fingerprint_sha256=None,
)
BUNDLE = SealedBundle(Container.P12, b"sealed bundle", b"sealed password", "password hash")


def make_store(path: Path) -> Database:
    """An empty store with two hierarchies, `old` and `new`."""
    db = Database.create(path)
    with db.write():
        for name in ("old", "new"):
            add_hierarchy(db, name)
    return db


def add_hierarchy(db: Database, name: str) -> None:
    authorities = tuple(
        Authority(
            id=0,
            hierarchy=name,
            tier=tier,
            certificate=b"certificate",
            fingerprint_sha256=f"{name} {tier}",
            subject=f"CN={name}",
            not_after=NOW.replace(year=2046),
            key_algorithm="ec-p384",
            key=f"{name}-{tier}",
        )
        for tier in Tier
    )
    hierarchy = Hierarchy(name, NOW, None, None, authorities)
    hierarchies.put(db, hierarchy, {Tier.ROOT: 90, Tier.ISSUING: 30})


def add(db: Database, certificate: Certificate, bundle: SealedBundle = BUNDLE) -> None:
    """Records a certificate in whatever state it is; the caller has begun to write."""
    users.put(db, certificate.user)
    authority = hierarchies.get(db, certificate.hierarchy).issuing
    pending_issuance.record(db, [(authority, SignedCertificate(certificate, b"der", bundle))])
    if certificate.downloaded_at is not None:
        assert certificates.claim(db, certificate.number, certificate.downloaded_at)
    if certificate.revocation is not None:
        assert certificates.revoke(
            db, [certificate.number], certificate.revocation, lambda _: b"entry"
        )


def numbered(number: int, certificate: Certificate = CERTIFICATE, **changes: object) -> Certificate:
    """One more like that, with a number and serial of its own."""
    return replace(certificate, number=RetrievalNumber(number), serial=number, **changes)  # type: ignore[arg-type]


def pending(number: int, serial: int, supersedes: RetrievalNumber | None = None) -> PendingIssuance:
    return PendingIssuance(
        number=RetrievalNumber(number),
        authority=4,
        serial=serial,
        user="hanako",
        device="windows",
        profile="windows",
        subject="common_name=hanako",
        at=NOW,
        not_after=NOW.replace(year=2036),
        supersedes=supersedes,
    )


def revoked(at: datetime = NOW, reason: RevocationReason = SUPERSEDED) -> Revocation:
    return Revocation(at, reason)


def days(count: int) -> timedelta:
    return timedelta(days=count)
