"""Find checkpoints and CRLs that were signed after the last known row.

A journal can lose its end and look complete. Only the CA can sign a checkpoint or CRL, so each
newer one proves that rows are missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from renrakucho_ca.errors import Attention, Invalid, Unavailable
from renrakucho_ca.model import Act, Authority
from renrakucho_ca.pki import authority_certificate, certificate_scanner, checkpoint
from renrakucho_ca.pki.checkpoint import Checkpoint
from renrakucho_ca.service.audit import checkpoints
from renrakucho_ca.service.ca import crls
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.recovery import crl_sources
from renrakucho_ca.store import files
from renrakucho_ca.store.tables import audit_log, hierarchies, recovery

GIVEN_UP = "forgotten"
"""The key in a `restored` act for hashes of checkpoints that the operator accepted as lost."""


@dataclass(frozen=True, slots=True)
class NewerRecord:
    """A file that proves unknown rows of the audit log.

    Attributes:
        rows: the least number of rows that the log had.
        checkpoint: the hash of its last row, if the file is a checkpoint.
    """

    file: Path
    rows: int
    problem: Attention
    checkpoint: str | None = None


def find(home: Home, crl_files: Sequence[Path] = ()) -> list[NewerRecord]:
    """Return the newer checkpoints and CRLs: in the store, as published, and given.

    Call it before reading CRLs, which raises the known CRL numbers.

    Args:
        crl_files: CRLs from elsewhere, in DER or PEM.
    """
    authorities = [each for one in hierarchies.all_of(home.db) for each in one.authorities]
    return [
        *_newer_checkpoints(home, authorities),
        *_newer_crls(home, authorities),
        *_newer_given_crls(home, authorities, crl_files),
    ]


def _newer_checkpoints(home: Home, authorities: list[Authority]) -> Iterator[NewerRecord]:
    given_up = _given_up(home)
    by_fingerprint = {each.fingerprint_sha256: each for each in authorities}
    for path in checkpoints.copies(home):
        with suppress(Invalid, Unavailable, LookupError, OSError):  # `audit verify` reports these
            text, signature = checkpoint.from_json(files.read(path))
            found = Checkpoint.parse(text)
            certificate = authority_certificate.of(by_fingerprint[found.authority])
            is_known = audit_log.hash_of(home.db, found.rows) == found.hash
            if is_known or found.hash.hex() in given_up:
                continue
            if checkpoint.verifies(text, signature, certificate):
                problem = Attention(
                    "it was signed when the audit log had {rows} rows; no journal here has them",
                    rows=found.rows,
                )
                # It may cover other rows than the known ones.
                rows = max(found.rows, audit_log.head(home.db)[0] + 1)
                yield NewerRecord(path, rows, problem, found.hash.hex())


def _newer_crls(home: Home, authorities: list[Authority]) -> Iterator[NewerRecord]:
    """Yield newer CRLs. A CA whose key is elsewhere signs there, so its CRL proves nothing."""
    rows = audit_log.head(home.db)[0] + 1
    for authority in (each for each in authorities if each.key is not None):
        known = recovery.crl_number(home.db, authority)
        with suppress(Invalid):
            issuer = authority_certificate.of(authority)
            for folder in (home.store / "crl", home.public):
                path = folder / f"{authority.name}.crl"
                with suppress(Unavailable, OSError):
                    if crls.number_in(path, issuer, above=known + 1) > known:
                        yield NewerRecord(path, rows, _newer_crl())


def _newer_given_crls(
    home: Home, authorities: list[Authority], crl_files: Sequence[Path]
) -> Iterator[NewerRecord]:
    rows = audit_log.head(home.db)[0] + 1
    certificates = [each.certificate for each in authorities]
    for path in crl_files:
        with suppress(Invalid):  # reading it later refuses it
            for der in crl_sources.crls_in(path):
                found = certificate_scanner.load_crl(der, certificates)
                authority = authorities[found.issuer]
                known = recovery.crl_number(home.db, authority)
                if authority.key is not None and found.number > known:
                    yield NewerRecord(path, rows, _newer_crl())


def _newer_crl() -> Attention:
    return Attention("it is newer than the journals here")


def _given_up(home: Home) -> set[str]:
    found: set[str] = set()
    for row in audit_log.since(home.db, Act.RESTORED, "store", 0):
        with suppress(Unavailable):
            hashes = row.facts.get(GIVEN_UP)
            found.update(map(str, hashes) if isinstance(hashes, list) else ())
    return found
