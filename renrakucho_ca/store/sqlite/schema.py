"""The steps of the database's schema. Append steps, never edit one: a store of any age is upgraded.

Times are whole seconds since 1970 in UTC. Facts are stored, states derived. SQL repeats every rule
that it can express, so that a bug in the code cannot write a wrong state.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from sqlite_utils import Database as Utilities
from sqlite_utils import Migrations

from renrakucho_ca.store.sqlite.steps import step_1, step_2, step_3, step_4, step_5, step_6

steps = Migrations("rca")


def apply(connection: sqlite3.Connection) -> None:
    """Apply the missing steps. The caller holds the lock outside the database."""
    steps.apply(Utilities(connection, execute_plugins=False))


def _execute(db: Utilities, statements: Iterable[str]) -> None:
    for statement in statements:
        db.execute(statement)


# A store records the names of the functions that it has applied.


@steps()
def step_1_the_first_store(db: Utilities) -> None:
    _execute(db, step_1.STATEMENTS)


@steps()
def step_2_downloads(db: Utilities) -> None:
    _execute(db, step_2.STATEMENTS)


@steps()
def step_3_outbox(db: Utilities) -> None:
    _execute(db, step_3.STATEMENTS)


@steps()
def step_4_audit(db: Utilities) -> None:
    _execute(db, step_4.STATEMENTS)


@steps()
def step_5_ocsp(db: Utilities) -> None:
    _execute(db, step_5.STATEMENTS)


@steps()
def step_6_ca_certificates(db: Utilities) -> None:
    _execute(db, step_6.STATEMENTS)
