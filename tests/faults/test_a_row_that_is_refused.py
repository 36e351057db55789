"""A statement that fails in the middle of an act: nothing of the act stays, and it can be repeated.

A trigger stands for whatever makes SQLite refuse one row; each table has its turn.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from soundness import check_secrets, check_settled
from terminal import Terminal

COMMANDS = {
    "issue": ("issue", "--device", "mac", "--user", "sato", "--out", "out"),
    "export": ("export", "{number}", "--out", "out"),
    "revoke": ("revoke", "{number}"),
    "hold": ("hold", "{number}"),
    "publish": ("publish",),
}


def tables(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        return [name for (name,) in database.execute(sql)]


def script(path: Path, text: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(text)


@pytest.mark.parametrize("kind", COMMANDS)
def test_an_act_whose_row_is_refused_leaves_nothing_and_can_be_repeated(
    rca: Terminal, tmp_path: Path, kind: str
) -> None:
    number = rca.issue()["number"]
    command = [each.format(number=number) for each in COMMANDS[kind]]
    for place, table in enumerate(tables(rca.home / "ca-store" / "rca.sqlite")):
        spoiled = rca.copy(tmp_path / f"{place:02}")
        path = spoiled.home / "ca-store" / "rca.sqlite"
        names = [f"refuse_{act}" for act in ("INSERT", "UPDATE", "DELETE")]
        script(
            path,
            "".join(
                f"CREATE TRIGGER {name} BEFORE {name.removeprefix('refuse_')} ON {table} "
                "BEGIN SELECT raise(ABORT, 'refused'); END;"
                for name in names
            ),
        )
        result = spoiled(*command)
        assert "Traceback" not in result.err
        if result.code == 0:  # this act has no row there
            continue
        script(path, "".join(f"DROP TRIGGER {name};" for name in names))
        # Exit 4: the file was handed out, and what failed came after it.
        assert spoiled(*command).code in (0, 4), (table, result)
        check_settled(spoiled)
        check_secrets(spoiled)
