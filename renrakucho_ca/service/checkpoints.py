"""Signing the audit log's checkpoints, whenever an issuing CA signs a CRL."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from renrakucho_ca.model import Act, Authority
from renrakucho_ca.pki import certificates, checkpoint
from renrakucho_ca.pki.checkpoint import Checkpoint
from renrakucho_ca.pki.keys import SigningKey
from renrakucho_ca.service import auditing
from renrakucho_ca.service.home import Home
from renrakucho_ca.store import audit, files
from renrakucho_ca.store.audit import Entry


def file_name(hierarchy: str) -> str:
    """Of the newest checkpoint of a hierarchy, beside its CRLs."""
    return f"{hierarchy}-audit.json"


def path_of(home: Home, hierarchy: str) -> Path:
    """Where the store keeps it."""
    return home.store / "crl" / file_name(hierarchy)


def sign(home: Home, authority: Authority, key: SigningKey, now: datetime) -> None:
    """Signs the log as it is now. The caller holds the publishing lock.

    The checkpoint is itself a row of the log, so that one cannot be taken out, and a restored store
    gets it back from the journal.
    """
    certificate = certificates.load(authority.certificate)
    rows, hash = audit.head(home.db)
    made = Checkpoint(rows, hash, now, authority.fingerprint_sha256)
    signature = checkpoint.sign(made, key)
    document = checkpoint.to_document(made, signature, certificate)
    with home.db.write():
        auditing.record(home, now, Entry(Act.CHECKPOINT_SIGNED, authority.name, document))
    files.replace(path_of(home, authority.hierarchy), checkpoint.to_json(document))
