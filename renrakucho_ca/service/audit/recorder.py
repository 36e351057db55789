"""Recording who did what: a row in the transaction that does it, then journal and syslog."""

from __future__ import annotations

import syslog
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

from renrakucho_ca.service.home import Home
from renrakucho_ca.store.files import journal
from renrakucho_ca.store.files.journal import JournalState
from renrakucho_ca.store.tables import audit_log
from renrakucho_ca.store.tables.audit_log import AuditEntry, AuditRecord

_MAY_KNOW_MORE = (JournalState.AHEAD, JournalState.DIVERGED, JournalState.UNREADABLE)


def record(home: Home, at: datetime, *entries: AuditEntry) -> None:
    """Records acts, in the writing transaction that does them.

    Args:
        at: the use case's moment.
    """
    if not entries:
        return
    records = audit_log.append(home.db, at, home.actor, entries)
    home.db.after_commit(home.append_to_journal)
    if home.settings.audit.syslog:
        home.db.after_commit(partial(_to_syslog, records))


def has_forgotten(home: Home) -> bool:
    """Whether the journal knows, or may know, what the database does not."""
    return home.journal.state(home.db) in _MAY_KNOW_MORE


def _to_syslog(records: Sequence[AuditRecord]) -> None:
    """To journald as well, where that takes syslog's place. Nobody may be listening."""
    with suppress(OSError):
        syslog.openlog("rca", facility=syslog.LOG_AUTHPRIV)
        for each in records:
            syslog.syslog(syslog.LOG_NOTICE, journal.encode(each).decode())
