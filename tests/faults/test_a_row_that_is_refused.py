"""A statement that fails in the middle of an act: nothing of the act stays, and it can be repeated.

A trigger stands for whatever makes SQLite refuse a row; each table that an act writes has its turn.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.shared.runner import Workspace
from tests.shared.soundness import check_secrets, check_settled

COMMANDS = {
    "issue": ("issue", "--device", "mac", "--user", "sato", "--out", "out"),
    "export": ("export", "{number}", "--out", "out"),
    "revoke": ("revoke", "{number}"),
    "publish": ("publish",),
}


@contextmanager
def opened(rca: Workspace) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(rca.home / "ca-store" / "rca.sqlite")) as database, database:
        yield database


def trigger(table: str, statement: str) -> str:
    """On whatever happens to a row of the table."""
    return "".join(
        f"CREATE TRIGGER {act}_{table} BEFORE {act} ON {table} BEGIN {statement}; END;"
        for act in ("INSERT", "UPDATE", "DELETE")
    )


def written_by(command: Sequence[str], rca: Workspace) -> list[str]:
    """The tables in which a command writes."""
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    with opened(rca) as database:
        names = [name for (name,) in database.execute(tables)]
        database.execute("CREATE TABLE written (name TEXT)")
        for name in names:
            database.executescript(trigger(name, f"INSERT INTO written VALUES ('{name}')"))
    assert rca(*command).code == 0
    with opened(rca) as database:
        return [name for (name,) in database.execute("SELECT DISTINCT name FROM written")]


@pytest.mark.parametrize("kind", COMMANDS)
def test_an_act_without_its_audit_row_is_rolled_back_and_can_be_repeated(
    rca: Workspace, tmp_path: Path, kind: str
) -> None:
    number = rca.issue()["number"]
    command = [each.format(number=number) for each in COMMANDS[kind]]
    written = written_by(command, rca.copy(tmp_path / "all"))
    assert written
    for table in written:
        spoiled = rca.copy(tmp_path / table)
        with opened(spoiled) as database:
            database.executescript(trigger(table, "SELECT raise(ABORT, 'refused')"))
        result = spoiled(*command)
        assert (result.code == 0, "Traceback" in result.err) == (False, False), (table, result)
        with opened(spoiled) as database:
            for act in ("INSERT", "UPDATE", "DELETE"):
                database.execute(f"DROP TRIGGER {act}_{table}")
        # Exit 4: the file was handed out, and what failed came after it.
        assert spoiled(*command).code in (0, 4), (table, result)
        check_settled(spoiled)
        check_secrets(spoiled)
