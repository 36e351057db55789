"""Counters of wrong guesses: one for each number and each address, and one for all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from renrakucho_ca.store.sqlite.connection import Database, moment, seconds


class CounterKind(StrEnum):
    """The subject of a counter."""

    NUMBER = "number"
    ADDRESS = "address"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Count:
    """Wrong guesses since a moment, and the end of the resulting delay."""

    failures: int
    since: datetime
    blocked_until: datetime


def get(db: Database, kind: CounterKind, name: str) -> Count | None:
    row = db.row("SELECT * FROM guess WHERE kind = ? AND name = ?", (kind.value, name))
    if row is None:
        return None
    return Count(row["failures"], moment(row["since"]), moment(row["blocked_until"]))


def put(db: Database, kind: CounterKind, name: str, count: Count) -> None:
    db.execute(
        "INSERT OR REPLACE INTO guess VALUES (?, ?, ?, ?, ?)",
        (kind.value, name, count.failures, seconds(count.since), seconds(count.blocked_until)),
    )


def delete(db: Database, kind: CounterKind, name: str) -> bool:
    """Delete a counter; return whether there was one."""
    return db.execute("DELETE FROM guess WHERE kind = ? AND name = ?", (kind.value, name)) > 0


def take_back(db: Database, kind: CounterKind, name: str) -> None:
    """Take back one guess, which was right, and its delay."""
    db.execute(
        """UPDATE guess SET failures = failures - 1, blocked_until = 0
           WHERE kind = ? AND name = ? AND failures > 0""",
        (kind.value, name),
    )


def delete_old(db: Database, since_before: datetime, now: datetime) -> None:
    """Delete counters without effect."""
    db.execute(
        "DELETE FROM guess WHERE since <= ? AND blocked_until <= ?",
        (seconds(since_before), seconds(now)),
    )
