"""The journals that a restore reads: the home's own, and given copies.

A journal that continues the database's log is replayed. A damaged, foreign or diverging one is
refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from renrakucho_ca.errors import Invalid
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.recovery.replay import RestoreCounts, replay
from renrakucho_ca.service.store_state import Phase, RecoveryState
from renrakucho_ca.store.files.journal import Journal
from renrakucho_ca.store.tables import audit_log


@dataclass(slots=True)
class JournalsRead:
    """The result of reading the journals.

    Attributes:
        last: the highest row id in any of them; -1 if there is none.
        ignored: the refused files and their errors, if the operator continues without them.
    """

    last: int = -1
    ignored: list[tuple[Path, Invalid]] = field(default_factory=list)


def read(
    home: Home,
    state: RecoveryState,
    copies: Sequence[Path],
    restored: RestoreCounts,
    *,
    go_on: bool,
) -> JournalsRead:
    """Replay the home's own journal, then each copy; raise Invalid for a refused one.

    Earlier replays stay.

    Args:
        state: of the store before.
        go_on: skip refused journals, as `--without-journal` does.
    """
    found = JournalsRead()
    for journal in (home.journal, *map(Journal, copies)):
        is_copy = journal is not home.journal
        try:
            last = _follow(home, journal, state, restored, is_copy=is_copy)
        except Invalid as error:
            if not go_on:
                raise _with_hint(error) from error
            found.ignored.append((journal.path, error))
        else:
            found.last = max(found.last, last)
    return found


def _follow(
    home: Home, journal: Journal, state: RecoveryState, restored: RestoreCounts, *, is_copy: bool
) -> int:
    """Replay the rows that the database lacks; return the id of the journal's last row."""
    newest, _ = audit_log.head(home.db)
    examined = journal.examine(home.db)
    if examined.last == 0 and examined.fault is None:
        if is_copy:
            raise Invalid("{file} is empty", file=journal.path)
        return -1
    if newest and not examined.common and examined.last:
        raise Invalid("{file} is the journal of another store", file=journal.path)
    if examined.fault is not None:
        raise examined.fault
    if examined.common < min(newest, examined.last):
        raise Invalid(
            "the database and {file} diverge after row {row}",
            hint="restore the backup into an empty home with `--journal FILE` to follow the "
            "journal, or run `rca restore --without-journal` to keep the database",
            file=journal.path,
            row=examined.common,
        )
    if is_copy and examined.last <= newest and examined.last < state.rows:
        raise Invalid(
            "{file} ends at row {last}, and row {row} is needed",
            file=journal.path,
            last=examined.last,
            row=state.rows,
        )
    if examined.last > newest:
        if state.phase is Phase.COMPLETE:
            # An older database was copied back by hand. If this run is killed before it reads the
            # CRLs, the store must not count as complete.
            state = RecoveryState(Phase.RESTORED, examined.last, has_crls=True)
        replay(home, journal, examined.common, restored, state)
    return examined.last


def _with_hint(error: Invalid) -> Invalid:
    if error.hint is not None:
        return error
    return Invalid(
        "{problem}",
        hint="move the journal away, then run `rca restore --journal FILE` with an intact copy; "
        "without a copy, run `rca restore --without-journal`",
        problem=error,
    )
