"""What was signed after all that the journals tell: checkpoints and CRLs.

A journal can lose its end and look whole. What a CA has signed since cannot be made by anybody
else, so a store that learned from such a journal knows that it has not learned all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from renrakucho_ca.errors import Attention, Invalid, Unavailable
from renrakucho_ca.model import Act
from renrakucho_ca.pki import authority_certificate, checkpoint
from renrakucho_ca.pki.checkpoint import Checkpoint
from renrakucho_ca.service.audit import checkpoints
from renrakucho_ca.service.ca import crls
from renrakucho_ca.service.home import Home
from renrakucho_ca.store import files
from renrakucho_ca.store.files.journal import Journal
from renrakucho_ca.store.tables import audit_log, hierarchies, recovery
from renrakucho_ca.store.tables.audit_log import AuditRecord


@dataclass(frozen=True, slots=True)
class Witness:
    """A checkpoint whose last row nobody has."""

    file: Path
    checkpoint: Checkpoint

    @property
    def problem(self) -> Attention:
        return Attention(
            "it was signed when the log had {rows} rows, and no journal here tells all of them",
            rows=self.checkpoint.rows,
        )


def unheard(home: Home, whole: Sequence[Journal]) -> list[Witness]:
    """The newest checkpoints, in the store and as published, that know of more than is known here.

    Args:
        whole: journals that the store has learned from, and that are not damaged.
    """
    forgotten = {
        hash
        for row in audit_log.since(home.db, Act.RESTORED, "store", 0)
        for hash in _given_up(row)
    }
    return [
        each
        for each in _signed(home)
        if each.checkpoint.hash.hex() not in forgotten
        and not _is_known(home, each.checkpoint)
        and not any(_tells(journal, each.checkpoint) for journal in whole)
    ]


def newer_crls(home: Home) -> list[tuple[Path, Attention]]:
    """The CRLs here with a number that neither the backup nor a journal has, and why each counts.

    Comes before the store learns from CRLs, which raises the numbers that it knows. A CA whose key
    is not here is left out: its CRLs are signed elsewhere.
    """
    found = []
    everybody = [each for one in hierarchies.all_of(home.db) for each in one.authorities]
    for authority in (each for each in everybody if each.key is not None):
        known = recovery.crl_number(home.db, authority)
        with suppress(Invalid):
            issuer = authority_certificate.of(authority)
            for folder in (home.store / "crl", home.public):
                path = folder / f"{authority.name}.crl"
                with suppress(Unavailable, OSError):
                    if crls.number_in(path, issuer, above=known + 1) > known:
                        found.append((path, Attention("it is newer than what journals here tell")))
    return found


def _given_up(row: AuditRecord) -> list[str]:
    """What an operator went on without, as `catching_up` has recorded it."""
    try:
        found = row.facts.get("forgotten")
    except Unavailable:
        return []
    return list(map(str, found)) if isinstance(found, list) else []


def _signed(home: Home) -> Iterator[Witness]:
    """Those that CAs of this home have signed; of others `audit verify` tells."""
    everybody = [each for one in hierarchies.all_of(home.db) for each in one.authorities]
    by_fingerprint = {each.fingerprint_sha256: each for each in everybody}
    for path in checkpoints.copies(home):
        with suppress(Invalid, Unavailable, LookupError, OSError):
            text, signature = checkpoint.from_json(files.read(path))
            found = Checkpoint.parse(text)
            certificate = authority_certificate.of(by_fingerprint[found.authority])
            if checkpoint.verifies(text, signature, certificate):
                yield Witness(path, found)


def _is_known(home: Home, signed: Checkpoint) -> bool:
    return audit_log.hash_of(home.db, signed.rows) == signed.hash


def _tells(journal: Journal, signed: Checkpoint) -> bool:
    return any(
        row is not None and row.id == signed.rows and row.hash == signed.hash
        for row in journal.rows()
    )
