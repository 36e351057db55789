"""The journals that a restore reads: the home's own, and copies that are given.

A journal is followed where it goes straight on from what the database has. One that is damaged,
of another store, or that has parted from the database is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from renrakucho_ca.errors import Invalid
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.recovery.replay import Learned, replay
from renrakucho_ca.service.store_state import Phase, RecoveryState
from renrakucho_ca.store.files.journal import Journal
from renrakucho_ca.store.tables import audit_log


@dataclass(slots=True)
class JournalsRead:
    """What came of the journals.

    Attributes:
        last: the id of the last row that one of them has; -1 where there is none.
        ignored: the files that were refused, and why, where the operator goes on without them.
    """

    last: int = -1
    ignored: list[tuple[Path, Invalid]] = field(default_factory=list)


def read(
    home: Home,
    state: RecoveryState,
    copies: Sequence[Path],
    learned: Learned,
    *,
    go_on: bool,
) -> JournalsRead:
    """Replay the home's own journal and then each copy.

    Args:
        state: of the store before.
        go_on: pass over a journal that is refused, as `--without-journal` does.

    Raises:
        Invalid: one is refused. What came before it stays replayed.
    """
    found = JournalsRead()
    for journal in (home.journal, *map(Journal, copies)):
        is_copy = journal is not home.journal
        try:
            last = _follow(home, journal, state, learned, is_copy=is_copy)
        except Invalid as error:
            if not go_on:
                raise _with_hint(error) from error
            found.ignored.append((journal.path, error))
        else:
            found.last = max(found.last, last)
    return found


def _follow(
    home: Home, journal: Journal, state: RecoveryState, learned: Learned, *, is_copy: bool
) -> int:
    """Replays what a journal has and the database lacks. Returns the id of its last row."""
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
            # An older database was copied back by hand. Killed before the CRLs are read, the store
            # must not pass for one that knows all.
            state = RecoveryState(Phase.RESTORED, examined.last, has_crls=True)
        replay(home, journal, examined.common, learned, state)
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
