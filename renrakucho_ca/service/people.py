"""The people: adding one, or what is new about one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from renrakucho_ca.model import Act, User
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.tables import users
from renrakucho_ca.store.tables.audit_log import AuditEntry


def add(home: Home, user: User) -> User:
    """Adds a user; of one who is known already, replaces the fields that are given.

    Returns:
        The user as recorded now.
    """
    with home.db.write():
        put_all(home, [user], home.clock())
        return users.get(home.db, user.id)


def put_all(home: Home, wanted: Iterable[User], now: datetime) -> None:
    """As `add` does one, within the open transaction. What changes nothing leaves no trace."""
    recorder.record(home, now, *[_recorded(user) for user in wanted if users.put(home.db, user)])


def _recorded(user: User) -> AuditEntry:
    """With the mail address: who changes it gets the mails with number and password."""
    given = {
        "name": user.name,
        "email": user.email,
        "facility": user.facility,
        "network": user.network,
    }
    return AuditEntry(
        Act.USER_RECORDED, user.id, {key: each for key, each in given.items() if each is not None}
    )
