"""The steps of the database's schema: `steps/*.sql`. Append steps, never edit one.

Times are whole seconds since 1970 in UTC. Facts are stored, states derived. SQL repeats every rule
that it can express, so that a bug in the code cannot write a wrong state.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from importlib import resources

from sqlite_utils import Database as Utilities
from sqlite_utils import Migrations

_STEPS = (
    "step_1_the_first_store",
    "step_2_downloads",
    "step_3_outbox",
    "step_4_audit",
    "step_5_ocsp",
    "step_6_ca_certificates",
)
"""A store records these names. Each is a file without its `step_`."""

steps = Migrations("rca")


def apply(connection: sqlite3.Connection) -> None:
    """Apply the missing steps. The caller holds the lock outside the database."""
    steps.apply(Utilities(connection, execute_plugins=False))


def _step(name: str) -> Callable[[Utilities], None]:
    def execute(db: Utilities) -> None:
        file = resources.files(__package__) / "steps" / f"{name.removeprefix('step_')}.sql"
        for statement in _statements(file.read_text("utf-8")):
            db.execute(statement)

    return execute


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script. `executescript` would commit between them."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


for _name in _STEPS:
    steps(name=_name)(_step(_name))
