"""Decide whether this store may issue, sign, publish or deliver now.

A restored store, or one whose database is an older copy, does not know all its issuances,
revocations and deliveries. Until `rca restore` completes it, it would use a serial number twice,
deliver a bundle twice, or sign a CRL that lacks a revocation. Revocation is always possible.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import Enum, StrEnum, auto
from pathlib import Path
from typing import Any

from renrakucho_ca.errors import Attention, Refused, Unavailable
from renrakucho_ca.model import Authority
from renrakucho_ca.pki import certificate_scanner
from renrakucho_ca.service.home import Home
from renrakucho_ca.store import files
from renrakucho_ca.store.files.journal import JournalState
from renrakucho_ca.store.tables import audit_log, recovery


class Phase(StrEnum):
    """The progress of the restore of a backup (docs/architecture.md)."""

    RESTORED = "restored"
    """The backup is in place; neither journal nor CRLs have been read."""
    CRLS_READ = "CRLs read"
    """The entries of published CRLs are revoked here too; a journal is still missing."""
    COMPLETE = "complete"
    """The store knows all events after the backup, or none was restored."""


@dataclass(frozen=True, slots=True)
class RecoveryState:
    """The state of an unfinished restore (`Home.recovery_file`).

    Attributes:
        rows: the row of the audit log that a journal must reach: the backup's last row, or a later
            one that a checkpoint or CRL proves.
        has_crls: CRLs had survived when the backup was restored, or were given.
        unrecorded: serial numbers revoked from CRLs, by the CA's fingerprint. They enter the audit
            log when the restore is finished: the journal must follow the log of the backup.
    """

    phase: Phase
    rows: int = 0
    has_crls: bool = False
    unrecorded: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, home: Home) -> RecoveryState:
        """Return the state of a store. For a damaged file it is the worst: no journal here
        suffices.
        """
        try:
            found = json.loads(files.read(home.recovery_file))
            return cls._of_0_1(home, found) if "head" in found else cls._parse(found)
        except FileNotFoundError:
            return cls(Phase.COMPLETE)
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
            return cls(Phase.RESTORED, audit_log.head(home.db)[0] + 1)

    @classmethod
    def _parse(cls, found: dict[str, Any]) -> RecoveryState:
        unrecorded = {str(key): list(map(str, each)) for key, each in found["unrecorded"].items()}
        return cls(Phase(found["phase"]), int(found["rows"]), bool(found["has_crls"]), unrecorded)

    @classmethod
    def _of_0_1(cls, home: Home, found: dict[str, Any]) -> RecoveryState:
        """Parse the format of version 0.1.0, which also added rows to an untrusted journal."""
        phase = Phase.CRLS_READ if found["has_crls"] and found["has_looked"] else Phase.RESTORED
        rows = int(found["head"]) if found["has_journal"] else audit_log.head(home.db)[0] + 1
        return cls(phase, max(rows, int(found["least"])), bool(found["has_crls"]))

    def write(self, path: Path) -> None:
        files.write(path, json.dumps(asdict(self)).encode())

    def after(
        self, *, is_finished: bool, rows: int, has_crls: bool, crls_read: bool = False
    ) -> RecoveryState:
        """Return the state after a step of `rca restore`: the only transition.

        Args:
            is_finished: a journal reaches all known rows, or the operator continues without one.
            rows: the row that a journal must reach, as far as the step knows.
            has_crls, crls_read: CRLs were found; they have been read.
        """
        if is_finished:
            return RecoveryState(Phase.COMPLETE)
        has_crls = has_crls or self.has_crls
        is_read = self.phase is Phase.CRLS_READ or (crls_read and has_crls)
        phase = Phase.CRLS_READ if is_read else Phase.RESTORED
        return replace(self, phase=phase, rows=max(rows, self.rows), has_crls=has_crls)

    def remembering(self, fingerprint: str, serials: Sequence[str]) -> RecoveryState:
        """Return the state with more serial numbers of a CA that the audit log lacks."""
        all_of = dict.fromkeys([*self.unrecorded.get(fingerprint, []), *serials])
        return replace(self, unrecorded={**self.unrecorded, fingerprint: list(all_of)})

    @property
    def missing(self) -> Attention:
        """Return an error that names the files needed to finish the restore."""
        if self.phase is Phase.CRLS_READ:
            return Attention(
                "the restore is not finished: it needs a journal with row {row} of the audit log",
                hint="run `rca restore --journal FILE`, or `rca restore --without-journal` if "
                "the journal is lost",
                row=self.rows,
            )
        return Attention(
            "the restore is not finished: it needs a journal with row {row} of the audit log, "
            "and the CRLs that servers have",
            hint="run `rca restore --journal FILE`, or `rca restore --without-journal` if "
            "the journal is lost",
            row=self.rows,
        )


class Action(Enum):
    """The action of a command."""

    ISSUE = auto()
    """Sign a certificate for a device."""
    SIGN_CA = auto()
    """Make, import or certify a CA."""
    PUBLISH = auto()
    """Sign CRLs and OCSP responses."""
    DELIVER = auto()
    """Give a bundle, or a link or sheet to download it with, to a user."""


def require(home: Home, action: Action) -> None:
    """Check that the store may do the action now.

    Raises:
        Refused: the store was restored, or its database is older than its journal.
        Unavailable: the journal cannot be read or written.
    """
    if action is Action.PUBLISH:
        # Servers need CRLs while the operator searches for the journal, even a damaged one.
        # `require_listed` is the second check.
        _require_crls_read(home)
        return
    if home.recovery_file.exists():
        raise Refused(
            "the restored store lacks the changes made after its backup",
            hint="run `rca restore --journal FILE`, or `rca restore --without-journal` if "
            "the journal is lost",
        )
    state = home.journal.state(home.db)
    if state is JournalState.BEHIND:
        state = home.journal.append_missing(home.db)
    if state is JournalState.UNREADABLE:
        raise Unavailable(
            "the journal {path} cannot be read",
            hint="run `rca restore` to see the reason; run `rca restore --without-journal` to "
            "rename the journal and continue",
            path=home.journal.path,
        )
    if state in (JournalState.AHEAD, JournalState.DIVERGED):
        raise Refused(
            "the database is older than its journal",
            hint="run `rca restore` to replay it; `rca audit verify` names the first lost row",
        )


def require_listed(home: Home, authority: Authority, path: Path) -> None:
    """Raise Refused if a CA's present CRL lists a revocation that the store lacks.

    Args:
        path: the CRL, with a number that the store does not know.
    """
    before = certificate_scanner.load_crl(files.read(path), [authority.certificate])
    listed = {serial for serial, why in before.revocations() if not why.is_hold}
    if not listed <= recovery.revoked_by(home.db, authority):
        raise Refused(
            "the database is older than {file}, which lists revocations that the next CRL would "
            "lack",
            hint="run `rca restore`",
            file=path,
        )


def _require_crls_read(home: Home) -> None:
    if not home.recovery_file.exists():
        return
    state = RecoveryState.read(home)
    if state.phase is Phase.RESTORED:
        raise Refused(
            "the restored store lacks the revocations made after its backup",
            # The restore was killed or refused a file before it read the CRLs.
            hint="run `rca restore`"
            if state.has_crls
            else "run `rca restore --journal FILE`, or `rca restore --crl FILE` with each CRL "
            "that servers have; if all are lost, run `rca restore --without-journal`",
        )
