"""Signing the audit log's checkpoints, whenever an issuing CA signs a CRL."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from renrakucho_ca.errors import Invalid, Unavailable
from renrakucho_ca.model import Act, Authority, Hierarchy
from renrakucho_ca.pki import authority_certificate, checkpoint
from renrakucho_ca.pki.checkpoint import Checkpoint
from renrakucho_ca.pki.keys import SigningKey
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.home import Home
from renrakucho_ca.store import files
from renrakucho_ca.store.tables import audit_log
from renrakucho_ca.store.tables.audit_log import AuditEntry


def file_name(hierarchy: str) -> str:
    """Of the newest checkpoint of a hierarchy, beside its CRLs."""
    return f"{hierarchy}-audit.json"


def path_of(home: Home, hierarchy: str) -> Path:
    """Where the store keeps it."""
    return home.store / "crl" / file_name(hierarchy)


def copies(home: Home) -> list[Path]:
    """The files that there are, in the store and as published."""
    folders = (home.store / "crl", home.public)
    return [path for folder in folders for path in sorted(folder.glob(file_name("*")))]


def expected(home: Home, hierarchy: str) -> list[Path]:
    """The files that there are once one was signed, and published here: not elsewhere (`--out`)."""
    found = [path_of(home, hierarchy)]
    if (home.public / f"{hierarchy}-root.pem").exists():
        found.append(home.public / file_name(hierarchy))
    return found


def sign(home: Home, authority: Authority, key: SigningKey, now: datetime) -> None:
    """Signs the log as it is now. The caller holds the publishing lock.

    The checkpoint is itself a row of the log, so that one cannot be taken out, and a restored store
    gets it back from the journal.
    """
    certificate = authority_certificate.of(authority)
    rows, hash = audit_log.head(home.db)
    made = Checkpoint(rows, hash, now, authority.fingerprint_sha256)
    signature = checkpoint.sign(made, key)
    document = checkpoint.to_document(made, signature, certificate)
    with home.db.write():
        recorder.record(home, now, AuditEntry(Act.CHECKPOINT_SIGNED, authority.name, document))
    files.write(path_of(home, authority.hierarchy), checkpoint.to_json(document))


def write_missing(home: Home, hierarchy: Hierarchy) -> None:
    """Writes the file that a run had no time for, between the row of its checkpoint and the end.

    Never an older one: a file may know of rows that somebody has taken out of the log. Where one of
    the two cannot be read, `audit verify` tells, and the CRLs do not wait for it.
    """
    path = path_of(home, hierarchy.name)
    with suppress(Invalid, Unavailable):
        row = audit_log.newest(home.db, Act.CHECKPOINT_SIGNED, hierarchy.issuing.name)
        there = _rows_in(files.read(path)) if path.exists() else 0
        if row is not None and _rows_in(row.detail) > there:
            files.write(path, checkpoint.to_json(row.facts))


def _rows_in(document: bytes | str) -> int:
    """How many rows of the log a checkpoint speaks of."""
    text, _ = checkpoint.from_json(document)
    return Checkpoint.parse(text).rows
