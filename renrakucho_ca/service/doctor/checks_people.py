"""Checks of pending issuances and unsent mails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from renrakucho_ca.service.doctor.finding import Finding, new_problem, new_warning
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.sqlite import health

PENDING_GRACE = timedelta(hours=1)
MAIL_GRACE = timedelta(hours=6)


def pending_issuances(home: Home) -> Iterator[Finding]:
    count = health.count_old_pending(home.db, home.clock() - PENDING_GRACE)
    if count:
        yield new_warning(
            "issuances begun but not finished: {count}",
            hint="the next `rca issue` completes or revokes them",
            count=count,
        )


def mails(home: Home) -> Iterator[Finding]:
    now = home.clock()
    failed = health.mails_given_up(home.db, now)
    late = health.mails_waiting(home.db, now - MAIL_GRACE)
    if failed:
        yield new_problem(
            "{count} mails could not be delivered",
            hint="list them with `rca mail list --state failed`, and contact these users "
            "another way",
            count=failed,
        )
    if late:
        yield new_problem(
            "{count} mails have waited for more than six hours",
            hint="run `rca mail send`, then check why cron did not",
            count=late,
        )
