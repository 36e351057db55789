"""The rules that SQLite itself holds, whatever the code above it does."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from sqlite_utils import Database as Utilities

from renrakucho_ca.model import RevocationReason
from renrakucho_ca.store.sqlite import schema
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.sqlite.opening import SCHEMA_VERSION

from .stock import CERTIFICATE, add, numbered

ROW = {
    "number": "20000000",
    "authority": "4",
    "serial": "'ab12'",
    "user": "'hanako'",
    "device": "'windows'",
    "profile": "'windows'",
    "line": "20000000",
    "issued_at": "100",
    "not_before": "100",
    "not_after": "200",
}


@pytest.fixture
def sql(db: Database, path: Path) -> sqlite3.Connection:
    """A connection as somebody would open it who knows nothing of our code."""
    with db.write():
        add(db, CERTIFICATE)
    db.close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def insert(sql: sqlite3.Connection, **changes: str) -> None:
    row = ROW | changes
    sql.execute(f"INSERT INTO certificate ({', '.join(row)}) VALUES ({', '.join(row.values())})")


def test_the_row_that_the_others_vary_is_accepted(sql: sqlite3.Connection) -> None:
    insert(sql)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"number": "9999999"}, "CHECK"),
        ({"number": "100000000"}, "CHECK"),
        ({"number": "67075623"}, r"UNIQUE.*number"),
        ({"number": "'text'"}, "cannot store TEXT"),
        ({"serial": "''"}, "CHECK"),
        ({"serial": "'AB'"}, "CHECK"),
        ({"serial": "'-'"}, "CHECK"),
        ({"serial": "'1-2'"}, "CHECK"),
        ({"serial": "'1234'"}, r"UNIQUE.*serial"),
        ({"user": "'nobody'"}, "FOREIGN KEY"),
        ({"authority": "99"}, "FOREIGN KEY"),
        ({"not_after": "100"}, "CHECK"),
        ({"revoked_at": "150"}, "CHECK"),
        ({"revocation_reason": "'superseded'"}, "CHECK"),
        ({"revoked_at": "150", "revocation_reason": "'because'"}, "CHECK"),
        ({"supersedes": "55555555"}, "FOREIGN KEY"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused(
    sql: sqlite3.Connection, changes: dict[str, str], rule: str
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=rule):
        insert(sql, **changes)


def test_a_negative_serial_number_of_an_imported_ca_is_stored(
    sql: sqlite3.Connection,
) -> None:
    insert(sql, serial="'-ab'")


@pytest.mark.parametrize("reason", list(RevocationReason))
def test_every_reason_of_ours_is_one_of_the_schema(
    sql: sqlite3.Connection, reason: RevocationReason
) -> None:
    insert(sql, revoked_at="150", revocation_reason=f"'{reason}'")


def test_a_second_successor_is_refused(sql: sqlite3.Connection) -> None:
    insert(sql, supersedes="67075623")
    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE.*supersedes"):
        insert(sql, number="20000001", serial="'ab13'", supersedes="67075623")


def test_the_same_serial_under_another_ca_is_another_certificate(sql: sqlite3.Connection) -> None:
    insert(sql, serial="'1234'", authority="2")


def test_a_certificate_that_has_a_successor_cannot_be_deleted(sql: sqlite3.Connection) -> None:
    insert(sql, supersedes="67075623")
    for table in ("bundle", "certificate_der"):
        sql.execute(f"DELETE FROM {table}")
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        sql.execute("DELETE FROM certificate WHERE number = 67075623")


@pytest.mark.parametrize("days", ["6", "NULL"])
def test_a_crl_lives_a_week_at_least(sql: sqlite3.Connection, days: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=r"CHECK|NOT NULL"):
        sql.execute(f"UPDATE authority SET crl_days = {days}")


def test_every_table_of_ours_is_strict(sql: sqlite3.Connection) -> None:
    found = sql.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    ours = {name: text for name, text in found if not name.startswith(("_", "sqlite_"))}
    assert "certificate" in ours
    assert [name for name, text in ours.items() if not re.search(r"\)\s*STRICT", text)] == []


def test_the_version_is_the_number_of_the_steps(path: Path) -> None:
    Database.create(path).close()
    applied = schema.steps.applied(Utilities(path))
    assert len(applied) == SCHEMA_VERSION
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_every_index_is_used_by_a_query(db: Database) -> None:
    """SQLite's own check of every index against its table."""
    with db.write():
        for number in range(30_000_000, 30_000_100):
            add(db, numbered(number))
    row = db.row("PRAGMA integrity_check")
    assert row is not None
    assert row[0] == "ok"
