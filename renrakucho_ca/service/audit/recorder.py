"""Recording who did what: a row in the transaction that does it, then journal and syslog."""

from __future__ import annotations

import syslog
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

from renrakucho_ca.errors import Refused, Unavailable
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.files import journal
from renrakucho_ca.store.files.journal import Standing
from renrakucho_ca.store.tables import audit
from renrakucho_ca.store.tables.audit import Entry, Record

_MAY_KNOW_MORE = (Standing.AHEAD, Standing.DIVERGED, Standing.UNREADABLE)


def record(home: Home, at: datetime, *entries: Entry) -> None:
    """Records acts, in the writing transaction that does them.

    Args:
        at: the use case's moment.
    """
    if not entries:
        return
    records = audit.append(home.db, at, home.actor, entries)
    home.db.after_commit(home.catch_up_journal)
    if home.settings.audit.syslog:
        home.db.after_commit(partial(_to_syslog, records))


def has_forgotten(home: Home) -> bool:
    """Whether the journal knows, or may know, what the database does not."""
    return home.journal.standing(home.db) in _MAY_KNOW_MORE


def refuse_unless_in_step(home: Home) -> None:
    """Nothing is issued from a database that has forgotten something.

    Its serials, numbers and revocations could be given out again, or be missing on the next CRL.

    Raises:
        Refused: the journal knows what the database does not.
        Unavailable: the journal cannot be read or written.
    """
    standing = home.journal.standing(home.db)
    if standing is Standing.BEHIND:
        standing = home.journal.catch_up(home.db)
    if standing is Standing.UNREADABLE:
        raise Unavailable(
            "the journal {path} cannot be read: nothing is issued without it",
            hint="`rca restore` tells more, `rca restore --without-journal` sets it aside",
            path=home.journal.path,
        )
    if standing in (Standing.AHEAD, Standing.DIVERGED):
        raise Refused(
            "the database is older than its journal: nothing is issued from it",
            hint="`rca restore` brings back what it has forgotten; `rca audit verify` tells more",
        )


def _to_syslog(records: Sequence[Record]) -> None:
    """To journald as well, where that takes syslog's place. Nobody may be listening."""
    with suppress(OSError):
        syslog.openlog("rca", facility=syslog.LOG_AUTHPRIV)
        for each in records:
            syslog.syslog(syslog.LOG_NOTICE, journal.encode(each).decode())
