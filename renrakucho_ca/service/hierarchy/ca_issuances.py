"""Issuances of CAs' certificates under a root, as `service.pending` runs them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace

from renrakucho_ca.model import Act, Revocation
from renrakucho_ca.service.revocation.revoke import revoke_ca
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import ca_certificates
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.store.tables.ca_certificates import CaCertificate

put = ca_certificates.put


def orphaned(db: Database, /) -> list[CaCertificate]:
    found = ca_certificates.all_of(db)
    return [each for each in found if each.der is None and each.revocation is None]


def record(db: Database, signed: Sequence[tuple[CaCertificate, bytes]], /) -> list[AuditEntry]:
    for each, der in signed:
        put(db, replace(each, der=der))
    return [_signed_act(each, der) for each, der in signed]


def abandon(db: Database, each: CaCertificate, why: Revocation, /) -> list[AuditEntry]:
    act = revoke_ca(db, each, why)
    return [] if act is None else [act]


def _signed_act(each: CaCertificate, der: bytes) -> AuditEntry:
    facts = {
        "serial": f"{each.serial:x}",
        "crosses": each.crosses,
        "certificate": b64encode(der).decode(),
    }
    return AuditEntry(Act.CA_SIGNED, each.issuer, facts)
