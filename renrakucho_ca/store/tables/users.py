"""The users, to whom certificates belong."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from renrakucho_ca.errors import NotFound
from renrakucho_ca.model import User
from renrakucho_ca.store.sqlite.connection import Database

PAGE = 1000


def find(db: Database, id: str) -> User | None:
    row = db.row("SELECT * FROM user WHERE id = ?", (id,))
    return None if row is None else _user(row)


def get(db: Database, id: str) -> User:
    """Return a user. Raise NotFound."""
    user = find(db, id)
    if user is None:
        raise NotFound("there is no user {user}", user=repr(id))
    return user


def put(db: Database, user: User) -> bool:
    """Add a user, or set the given fields of an existing one; return whether that changed it."""
    changed = db.execute(
        """INSERT INTO user VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET
               name = coalesce(excluded.name, name),
               email = coalesce(excluded.email, email),
               facility = coalesce(excluded.facility, facility),
               network = coalesce(excluded.network, network)
           WHERE coalesce(excluded.name, name) IS NOT name
              OR coalesce(excluded.email, email) IS NOT email
              OR coalesce(excluded.facility, facility) IS NOT facility
              OR coalesce(excluded.network, network) IS NOT network""",
        (user.id, user.name, user.email, user.facility, user.network),
    )
    return bool(changed)


def merged(db: Database, user: User) -> User:
    """Return the user as `put` would leave it."""
    known = find(db, user.id) or user
    return User(
        id=user.id,
        name=user.name or known.name,
        email=user.email or known.email,
        facility=user.facility or known.facility,
        network=user.network or known.network,
    )


def stream(
    db: Database, *, facility: str | None = None, network: str | None = None
) -> Iterator[User]:
    """Yield all users by id, a page at a time."""
    after = ""
    while True:
        rows = list(
            db.rows(
                """SELECT * FROM user WHERE id > :after
                   AND (:facility IS NULL OR facility = :facility)
                   AND (:network IS NULL OR network = :network)
                   ORDER BY id LIMIT :page""",
                {"after": after, "facility": facility, "network": network, "page": PAGE},
            )
        )
        yield from map(_user, rows)
        if len(rows) < PAGE:
            return
        after = rows[-1]["id"]


def _user(row: sqlite3.Row) -> User:
    return User(row["id"], row["name"], row["email"], row["facility"], row["network"])
