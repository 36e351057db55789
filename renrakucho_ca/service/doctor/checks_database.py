"""Checks of the database, audit log, journal, clock and backup."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.service.audit import verifier
from renrakucho_ca.service.ca.clock_guard import TOLERANCE, guarded_now
from renrakucho_ca.service.doctor.finding import Finding, new_problem, new_warning, problem_of
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.recovery import backup
from renrakucho_ca.service.store_state import Phase, RecoveryState
from renrakucho_ca.store.sqlite import health
from renrakucho_ca.store.tables import hierarchies

BACKUP_DAYS = 8
"""Days after which a backup is too old: a weekly backup that failed once is reported."""


def database(home: Home) -> Iterator[Finding]:
    if health.wal_can_corrupt(home.db):
        yield new_problem(
            "the database is in WAL mode, and SQLite {version} can corrupt it",
            hint="run `PRAGMA journal_mode = DELETE`, or install SQLite 3.51.3 "
            "(sqlite.org/wal.html)",
            version=health.sqlite_version(),
        )
    for part in health.alterations(home.db):
        yield new_problem(
            "the database schema was altered: {part}",
            hint="find out who changed it, or restore a backup",
            part=part,
        )
    with home.db.apart(home.store / ".doctor.sqlite") as copy:
        for damage in health.damage(copy):
            yield new_problem(
                "the database is damaged: {problem}", hint="restore a backup", problem=damage
            )


def restored(home: Home) -> Iterator[Finding]:
    state = RecoveryState.read(home)
    if state.phase is not Phase.COMPLETE:
        yield problem_of(state.missing)


def audit_log(home: Home) -> Iterator[Finding]:
    yield from map(problem_of, verifier.verify(home).problems)


def clock(home: Home) -> Iterator[Finding]:
    """Compare the clock with the newest signature and the last audited act."""
    last = health.last_act(home.db)
    try:
        now = guarded_now(home)
    except Unavailable as error:
        yield problem_of(error)
        return
    if last is not None and now < last.at - TOLERANCE:
        yield new_problem(
            "the clock says {now}, but the last row of the audit log is from {before}",
            hint="set the clock, and run chronyd or systemd-timesyncd",
            now=f"{now:%Y-%m-%d %H:%M}Z",
            before=f"{last.at:%Y-%m-%d %H:%M}Z",
        )


def backup_(home: Home) -> Iterator[Finding]:
    """Report an old or missing backup; a home younger than `BACKUP_DAYS` needs none."""
    oldest = home.clock() - timedelta(days=BACKUP_DAYS)
    last = backup.last(home)
    if last is None and any(each.created_at < oldest for each in hierarchies.all_of(home.db)):
        yield new_warning("there is no backup", hint="run `rca backup FILE` daily from cron")
    elif last is not None and last < oldest:
        yield new_warning(
            "the last backup is from {moment}",
            hint="run `rca backup FILE`, then check why cron did not",
            moment=last.date(),
        )
