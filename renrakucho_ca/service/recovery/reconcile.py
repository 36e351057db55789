"""Reconcile a restored store with the events after its backup.

The same applies to an older database that was copied back by hand. A run can be killed at any point
and repeated:

    journals    each is replayed in one transaction, from the last known row on
    CRLs        each is read in one transaction; known revocations are skipped
    the state   `RecoveryState` is written before the first change and removed last
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from renrakucho_ca.errors import Invalid, RcaError
from renrakucho_ca.model import Act
from renrakucho_ca.service.audit import checkpoints, recorder
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.recovery import crl_sources, journal_sources, newer_records
from renrakucho_ca.service.recovery.journal_sources import JournalsRead
from renrakucho_ca.service.recovery.newer_records import GIVEN_UP, NewerRecord
from renrakucho_ca.service.recovery.replay import RestoreCounts
from renrakucho_ca.service.store_state import Phase, RecoveryState
from renrakucho_ca.store import files
from renrakucho_ca.store.tables import audit_log, hierarchies
from renrakucho_ca.store.tables.audit_log import AuditEntry


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The result of a run.

    Attributes:
        problems: files that were skipped or that prove a truncated journal, with their errors.
        set_aside: the new path of the home's own journal, if the log could not continue it.
    """

    restored: RestoreCounts
    state: RecoveryState
    problems: list[tuple[Path, RcaError]]
    set_aside: Path | None

    @property
    def is_finished(self) -> bool:
        return self.state.phase is Phase.COMPLETE


def begin(home: Home, staged: Home) -> None:
    """Write the first state of the unpacked backup `staged`, which is to replace `home`."""
    rows, _ = audit_log.head(staged.db)
    has_crls = bool(crl_sources.published(home))
    RecoveryState(Phase.RESTORED, rows, has_crls).write(staged.recovery_file)


def reconcile(
    home: Home,
    copies: Sequence[Path] = (),
    crl_files: Sequence[Path] = (),
    *,
    without_journal: bool = False,
) -> Reconciled:
    """Read the home's own files and the given ones; raise Invalid if a given one is refused.

    Args:
        copies: of the lost home's journal.
        crl_files: CRLs from elsewhere, in DER or PEM.
        without_journal: continue with the present data, and set a refused journal aside.
    """
    restored = RestoreCounts()
    with home.lock("issuing").exclusive():
        before = RecoveryState.read(home)
        journals = journal_sources.read(home, before, copies, restored, go_on=without_journal)
        newer = newer_records.find(home, crl_files)
        published = crl_sources.published(home)
        has_crls = bool(crl_files) or (before.phase is Phase.COMPLETE and bool(published))
        rows = max(before.rows, *(each.rows for each in newer), 0)
        is_finished = without_journal or _last_known(home, before, journals) >= rows
        state = before.after(is_finished=is_finished, rows=rows, has_crls=has_crls)
        if not is_finished:
            state.write(home.recovery_file)
        problems = [*journals.ignored, *((each.file, each.problem) for each in newer)]
        state, refused = crl_sources.read(home, crl_files, state, restored)
        for path, problem in refused:
            raise Invalid("{file}: {problem}", file=path, problem=problem)
        state, refused = crl_sources.read(home, published, state, restored)
        problems += refused
        for hierarchy in hierarchies.all_of(home.db):
            with suppress(OSError):  # the next publication tries again and reports it
                checkpoints.write_missing(home, hierarchy)
        state = state.after(is_finished=is_finished, rows=rows, has_crls=has_crls, crls_read=True)
        if not is_finished:
            state.write(home.recovery_file)
            return Reconciled(restored, state, problems, None)
        set_aside = _set_aside(home, journals)
        _finish(home, before, restored, newer, set_aside)
    return Reconciled(restored, state, problems, set_aside)


def _last_known(home: Home, before: RecoveryState, journals: JournalsRead) -> int:
    """Return the last row up to which the audit log is known to be complete."""
    # In a restored store, its own rows may follow those of the backup.
    return audit_log.head(home.db)[0] if before.phase is Phase.COMPLETE else journals.last


def _set_aside(home: Home, journals: JournalsRead) -> Path | None:
    """Rename the home's own refused journal: a new one begins."""
    if home.journal.path in (path for path, _ in journals.ignored):
        return home.journal.set_aside(f"journal.{home.clock():%Y%m%dT%H%M%SZ}")
    return None


def _finish(
    home: Home,
    before: RecoveryState,
    restored: RestoreCounts,
    newer: Sequence[NewerRecord],
    set_aside: Path | None,
) -> None:
    """Record the results, and finish the restore if it is complete."""
    detail: dict[str, object] = {key: count for key, count in restored.counts.items() if count}
    if given_up := sorted({each.checkpoint for each in newer if each.checkpoint is not None}):
        detail[GIVEN_UP] = given_up
    if set_aside is not None:
        detail["set_aside"] = set_aside.name
    acts = crl_sources.unrecorded_acts(home, before)
    if detail:
        acts.append(AuditEntry(Act.RESTORED, "store", detail))
    if acts:
        with home.db.write():
            recorder.record(home, home.clock(), *acts)
    if home.recovery_file.exists():
        home.recovery_file.unlink()
        files.sync_folder(home.store)
    home.append_to_journal()
