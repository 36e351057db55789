"""Add and update users."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from renrakucho_ca.model import Act, User
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.tables import users
from renrakucho_ca.store.tables.audit_log import AuditEntry


def add(home: Home, user: User) -> User:
    """Add a user, or replace the given fields of a known one; return the recorded user."""
    with home.db.write():
        put_all(home, [user], home.clock())
        return users.get(home.db, user.id)


def put_all(home: Home, wanted: Iterable[User], now: datetime) -> None:
    """Add or update users in the open transaction; unchanged users are not recorded."""
    recorder.record(home, now, *[_recorded(user) for user in wanted if users.put(home.db, user)])


def _recorded(user: User) -> AuditEntry:
    """Build the audit act. It has the mail address, which receives numbers and passwords."""
    given = {
        "name": user.name,
        "email": user.email,
        "facility": user.facility,
        "network": user.network,
    }
    return AuditEntry(
        Act.USER_RECORDED, user.id, {key: each for key, each in given.items() if each is not None}
    )
