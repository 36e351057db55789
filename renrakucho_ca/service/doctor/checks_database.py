"""The database and what tells of it: its soundness, its log and journal, its clock, its backup."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from renrakucho_ca.errors import Attention, Unavailable
from renrakucho_ca.service import store_state
from renrakucho_ca.service.audit import verifier
from renrakucho_ca.service.ca.clock_guard import TOLERANCE, guarded_now
from renrakucho_ca.service.doctor.finding import Finding, problem, warning
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.recovery import backup
from renrakucho_ca.store.sqlite import health, schema
from renrakucho_ca.store.tables import hierarchies

BACKUP_DAYS = 8
"""Days after which a backup is too old: a weekly one that failed once is told."""


def database(home: Home) -> Iterator[Finding]:
    if health.wal_can_corrupt(home.db):
        yield problem(
            Attention(
                "the database is in WAL mode, and SQLite {version} can corrupt it",
                hint="run `PRAGMA journal_mode = DELETE`, or install SQLite 3.51.3 "
                "(sqlite.org/wal.html)",
                version=health.sqlite_version(),
            )
        )
    for part in schema.alterations(home.db):
        yield problem(
            Attention(
                "the database schema was altered: {part}",
                hint="find out who changed it, or restore a backup",
                part=part,
            )
        )
    with home.db.apart(home.store / ".doctor.sqlite") as copy:
        for damage in health.damage(copy):
            yield problem(
                Attention(
                    "the database is damaged: {problem}", hint="restore a backup", problem=damage
                )
            )


def restored(home: Home) -> Iterator[Finding]:
    store_state.require_reconciled(home)
    yield from ()


def audit_log(home: Home) -> Iterator[Finding]:
    yield from map(problem, verifier.verify(home).problems)


def clock(home: Home) -> Iterator[Finding]:
    """Against what was signed, and against the last thing that was done at all."""
    last = health.last_act(home.db)
    try:
        now = guarded_now(home)
    except Unavailable as error:
        yield problem(error)
        return
    if last is not None and now < last.at - TOLERANCE:
        yield problem(
            Attention(
                "the clock says {now}, but the last row of the audit log is from {before}",
                hint="set the clock, and run chronyd or systemd-timesyncd",
                now=f"{now:%Y-%m-%d %H:%M}Z",
                before=f"{last.at:%Y-%m-%d %H:%M}Z",
            )
        )


def backup_(home: Home) -> Iterator[Finding]:
    """A home that is younger than that needs none yet."""
    oldest = home.clock() - timedelta(days=BACKUP_DAYS)
    last = backup.last(home)
    if last is None and any(each.created_at < oldest for each in hierarchies.all_of(home.db)):
        yield warning(Attention("there is no backup", hint="run `rca backup FILE` daily from cron"))
    elif last is not None and last < oldest:
        yield warning(
            Attention(
                "the last backup is from {moment}",
                hint="run `rca backup FILE`, then check why cron did not",
                moment=f"{last:%Y-%m-%d}",
            )
        )
