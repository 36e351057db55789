"""Learning from journals: the home's own and copies, whole ones and such as were damaged.

A damaged one is never taken for all that happened. Where a whole copy tells the rest, or the
operator goes on without, what its sound rows tell is learned too, and the home's own is set aside:
else it would stand in the way for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from renrakucho_ca.errors import Invalid
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.recovery.replay import BATCH, Learned, Replayed, replay
from renrakucho_ca.store.files.journal import Examined, Journal
from renrakucho_ca.store.tables import audit_log


@dataclass(frozen=True, slots=True)
class Damaged:
    """A journal that was learned from as far as it is sound.

    Attributes:
        lost: how many of its lines were not learned from it.
    """

    file: Path
    fault: Invalid
    lost: int


@dataclass(slots=True)
class Told:
    """What journals had to say.

    Attributes:
        is_enough: one that is whole does not end before the backup.
        last: the id of the last row that those which are whole tell.
        is_to_be_set_aside: the log cannot go on as the home's own does.
        set_aside: where that is then.
    """

    is_enough: bool = False
    last: int = 0
    is_to_be_set_aside: bool = False
    damaged: list[Damaged] = field(default_factory=list)
    set_aside: Path | None = None


@dataclass(frozen=True, slots=True)
class _Tried:
    """A journal that was read through and, where it is whole, done again."""

    journal: Journal
    examined: Examined
    outcome: Replayed | Invalid
    is_ours: bool

    def reaches(self, head: int) -> bool:
        """Whether it is whole, and shares the row that a backup ends with."""
        return isinstance(self.outcome, Replayed) and self.examined.common >= head


def learn(
    home: Home,
    own: Journal | None,
    copies: Sequence[Journal],
    head: int,
    learned: Learned,
    *,
    anyhow: bool,
) -> Told:
    """Learns what journals tell: the home's own first, and where it is damaged, last.

    Args:
        own: None where it tells nothing.
        head: the last row of the log that the backup knew; 0 where none was restored.
        anyhow: damaged ones too, as far as they are sound.

    Raises:
        Invalid: one is damaged and no other tells what it does not, is of another store, or ends
            before the backup.
    """
    told = Told()
    mine = None if own is None else _try(home, own, learned)
    if mine is not None and isinstance(mine.outcome, Invalid) and not copies and not anyhow:
        raise _with_hint(mine.outcome)
    if mine is not None and mine.reaches(head):
        told.is_enough, told.last = True, mine.examined.last
    known = 0
    for copy in copies:
        tried = _try(home, copy, learned)
        if isinstance(tried.outcome, Invalid):
            if not tried.is_ours:
                raise tried.outcome
            if not anyhow:
                raise _with_hint(tried.outcome)
            told.damaged.append(_salvage(home, tried, learned))
        elif not tried.reaches(head):
            raise Invalid("{file} ends before the backup", file=copy.path)
        else:
            told.is_enough, told.last = True, max(told.last, tried.examined.last)
        known = max(known, tried.examined.last)
    if mine is not None and isinstance(mine.outcome, Invalid):
        found = _salvage(home, mine, learned)
        if found.lost and mine.is_ours and mine.examined.last > known and not anyhow:
            raise _with_hint(Invalid("{file} ends before {own}", file=copy.path, own=found.file))
        told.damaged.append(found)
        told.is_to_be_set_aside = True
    elif mine is not None and isinstance(mine.outcome, Replayed):
        told.is_to_be_set_aside = not mine.outcome.is_followed
    return told


def _try(home: Home, journal: Journal, learned: Learned) -> _Tried:
    newest, _ = audit_log.head(home.db)
    examined = journal.examine(home.db)
    outcome: Replayed | Invalid
    is_ours = bool(examined.common) or not newest or not examined.last
    if not is_ours:
        outcome = Invalid("{file} is the journal of another store", file=journal.path)
    elif examined.fault is not None:
        outcome = examined.fault
    else:
        try:
            outcome = replay(home, journal, examined.common, learned)
        except Invalid as error:
            outcome = error
    return _Tried(journal, examined, outcome, is_ours)


def _salvage(home: Home, tried: _Tried, learned: Learned) -> Damaged:
    """Learns what a damaged journal tells before its fault, and what of the rest is sound."""
    assert isinstance(tried.outcome, Invalid)
    # `_try` may have got further than what it found at first.
    last = tried.journal.examine(home.db).common
    # A row that cannot be done takes its portion with it: the others are done one by one then.
    for batch in (BATCH, 1) if tried.is_ours else ():
        try:
            last = replay(home, tried.journal, last, learned, batch).last
            break
        except Invalid:
            last = tried.journal.examine(home.db).common
    lost = 0
    for row in tried.journal.rows():
        lost = 0 if row is not None and row.id <= last else lost + 1
    return Damaged(tried.journal.path, tried.outcome, lost)


def _with_hint(problem: Invalid) -> Invalid:
    return Invalid(
        "{problem}",
        hint="rca restore --journal FILE with a whole copy of the journal; where there is none: "
        "rca restore --without-journal, which learns what is sound of it and sets it aside",
        problem=problem,
    )
