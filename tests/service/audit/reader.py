"""The log as somebody else reads it: by sqlite3, json and hashlib, past all our code."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from renrakucho_ca.service.home import Home

MEMBERS = ("id", "at", "actor", "origin", "act", "object", "detail")


@contextmanager
def sql(home: Home) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(home.store / "rca.sqlite")
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def rows(home: Home) -> list[dict[str, Any]]:
    """The table, oldest first."""
    with sql(home) as connection:
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute("SELECT * FROM audit ORDER BY id")]
    return [row | {"detail": json.loads(row["detail"])} for row in found]


def acts(home: Home, since: int = 0) -> list[tuple[str, str]]:
    """What was done to what."""
    return [(row["act"], row["object"]) for row in rows(home) if row["id"] > since]


def line(row: dict[str, Any]) -> bytes:
    """The canonical line, as docs/architecture.md gives it."""
    members = {name: row[name] for name in MEMBERS}
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def chain(found: Sequence[dict[str, Any]]) -> list[bytes]:
    """The hash that each row should have."""
    hashes = [bytes(32)]
    for row in found:
        hashes.append(hashlib.sha256(hashes[-1] + line(row)).digest())
    return hashes[1:]


def journal(home: Home) -> Path:
    return home.store / "journal"


def journal_rows(home: Home) -> list[dict[str, Any]]:
    lines = journal(home).read_text("utf-8").split("\n")
    assert lines.pop() == ""
    return [json.loads(line) for line in lines]


def rechain(home: Home) -> None:
    """What an attacker does who has the database and knows how: every hash is made right again."""
    found = rows(home)
    with sql(home) as connection:
        connection.executemany(
            "UPDATE audit SET hash = ? WHERE id = ?",
            [(hash, row["id"]) for row, hash in zip(found, chain(found), strict=True)],
        )
