"""A certificate as the contract writes it: the keys of JSON and CSV, in their order."""

from __future__ import annotations

from datetime import datetime

from renrakucho_ca.console import Row
from renrakucho_ca.model import Certificate

FIELDS = (
    *("number", "serial", "hierarchy", "user", "name", "facility", "network", "device", "note"),
    *("status", "issued_at", "not_before", "not_after", "downloaded_at", "revoked_at"),
    *("revocation_reason", "supersedes", "superseded_by"),
    *("profile", "key_algorithm", "fingerprint_sha256"),
)

COLUMNS = (
    *("number", "device", "user", "name", "note"),
    *("hierarchy", "status", "issued_at", "not_after"),
)
"""The columns of a table of certificates."""

SPARE = ("issued_at", "name", "hierarchy")
"""The columns that a narrow terminal drops."""

DETAILS = (
    *("number", "password", "status", "user", "name", "facility", "network", "device", "note"),
    *("hierarchy", "issued_at", "not_after", "downloaded_at", "revoked_at", "revocation_reason"),
    *("supersedes", "superseded_by", "profile", "key_algorithm", "serial", "fingerprint_sha256"),
)
"""The fields of one certificate's page, those that users ask for on the telephone first."""


def row(certificate: Certificate, now: datetime) -> Row:
    """Return the record, with its state at `now`."""
    user, revocation = certificate.user, certificate.revocation
    return {
        "number": certificate.number,
        "serial": f"{certificate.serial:x}",
        "hierarchy": certificate.hierarchy,
        "user": user.id,
        "name": user.name,
        "facility": user.facility,
        "network": user.network,
        "device": certificate.device,
        "note": certificate.note,
        "status": certificate.status(now),
        "issued_at": certificate.issued_at,
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
        "downloaded_at": certificate.downloaded_at,
        "revoked_at": None if revocation is None else revocation.at,
        "revocation_reason": None if revocation is None else revocation.reason,
        "supersedes": certificate.supersedes,
        "superseded_by": certificate.superseded_by,
        "profile": certificate.profile,
        "key_algorithm": certificate.key_algorithm,
        "fingerprint_sha256": certificate.fingerprint_sha256,
    }
