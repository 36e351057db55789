"""The people: adding one, or what is new about one."""

from __future__ import annotations

from renrakucho_ca.model import User
from renrakucho_ca.service.home import Home
from renrakucho_ca.store import users


def add(home: Home, user: User) -> User:
    """Adds a user; of one who is known already, replaces the fields that are given.

    Returns:
        The user as recorded now.
    """
    with home.db.write():
        users.put(home.db, user)
        return users.get(home.db, user.id)
