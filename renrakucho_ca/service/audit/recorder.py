"""Record each act: a row in the transaction that does it, then a line in journal and syslog."""

from __future__ import annotations

import syslog
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

from renrakucho_ca.service.home import Home
from renrakucho_ca.store.files import journal
from renrakucho_ca.store.tables import audit_log
from renrakucho_ca.store.tables.audit_log import AuditEntry, AuditRecord


def record(home: Home, at: datetime, *entries: AuditEntry) -> None:
    """Record acts at the use case's time `at`, within the open transaction that does them."""
    if not entries:
        return
    records = audit_log.append(home.db, at, home.actor, entries)
    home.db.after_commit(home.append_to_journal)
    if home.settings.audit.syslog:
        home.db.after_commit(partial(_to_syslog, records))


def _to_syslog(records: Sequence[AuditRecord]) -> None:
    """Log acts to syslog, or to journald in its place. Without a listener they are dropped."""
    with suppress(OSError):
        syslog.openlog("rca", facility=syslog.LOG_AUTHPRIV)
        for each in records:
            syslog.syslog(syslog.LOG_NOTICE, journal.encode(each).decode())
