"""Open a connection to the database file, and bring its schema up to date."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.store.files.lock import FileLock
from renrakucho_ca.store.sqlite.busy_wait import NAP_SECONDS, WAIT_SECONDS, patiently

SCHEMA_VERSION = 6
"""The number of steps in `schema`. An up-to-date store spares the import of `schema` (0.15 s)."""

_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA trusted_schema = OFF",
    # EXTRA also syncs the folder after it deletes the journal: a commit survives a power cut.
    "PRAGMA synchronous = EXTRA",
    "PRAGMA temp_store = MEMORY",
)


def connect(path: Path, *more_pragmas: str) -> sqlite3.Connection:
    """Open a connection with the pragmas that every connection needs."""
    connection = sqlite3.connect(path, timeout=NAP_SECONDS, isolation_level=None)
    for pragma in (*_PRAGMAS, *more_pragmas):
        # Some read the schema first, and wait for a writer.
        patiently(WAIT_SECONDS, connection.execute, pragma)
    return connection


def bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    """Apply missing schema steps, under a lock outside the database: first starts would race."""
    if version(connection) == SCHEMA_VERSION:
        return
    with FileLock(path.with_name("schema.lock")).exclusive():
        found = version(connection)
        if found > SCHEMA_VERSION:
            raise Unavailable(
                "the store was written by a newer version of rca (schema {found})", found=found
            )
        if found < SCHEMA_VERSION:
            from renrakucho_ca.store.sqlite import schema

            # SQLite itself waits here, since sqlite-utils executes the statements.
            connection.execute(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}")
            schema.apply(connection)
            connection.execute(f"PRAGMA busy_timeout = {int(NAP_SECONDS * 1000)}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def version(connection: sqlite3.Connection) -> int:
    """Return the number of schema steps that the database has."""
    found = patiently(WAIT_SECONDS, connection.execute, "PRAGMA user_version")
    number: int = found.fetchone()[0]
    return number
