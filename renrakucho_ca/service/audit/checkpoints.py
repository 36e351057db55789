"""Sign the audit log's checkpoints, whenever an issuing CA signs a CRL."""

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
    """Return the name of a hierarchy's newest checkpoint; the file is in the folder of its CRLs."""
    return f"{hierarchy}-audit.json"


def path_of(home: Home, hierarchy: str) -> Path:
    """Return the path of a hierarchy's checkpoint in the store."""
    return home.store / "crl" / file_name(hierarchy)


def copies(home: Home) -> list[Path]:
    """Return the existing checkpoints, in the store and as published."""
    folders = (home.store / "crl", home.public)
    return [path for folder in folders for path in sorted(folder.glob(file_name("*")))]


def expected(home: Home, hierarchy: str) -> list[Path]:
    """Return the files that a signed checkpoint must have; not those of `publish --out`."""
    found = [path_of(home, hierarchy)]
    if (home.public / f"{hierarchy}-root.pem").exists():
        found.append(home.public / file_name(hierarchy))
    return found


def sign(home: Home, authority: Authority, key: SigningKey, now: datetime) -> None:
    """Sign the present log; the caller holds the publishing lock.

    The checkpoint is itself a row, so its removal is noticed, and a restore gets it back from the
    journal.
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
    """Write the file of the newest checkpoint, if a killed run recorded only the row.

    A newer file is kept: it may cover rows removed from the log. `audit verify` reports an
    unreadable row or file; the CRLs do not wait for it.
    """
    path = path_of(home, hierarchy.name)
    with suppress(Invalid, Unavailable):
        row = audit_log.newest(home.db, Act.CHECKPOINT_SIGNED, hierarchy.issuing.name)
        there = _rows_in(files.read(path)) if path.exists() else 0
        if row is not None and _rows_in(row.detail) > there:
            files.write(path, checkpoint.to_json(row.facts))


def _rows_in(document: bytes | str) -> int:
    """Return the number of rows that a checkpoint covers."""
    text, _ = checkpoint.from_json(document)
    return Checkpoint.parse(text).rows
