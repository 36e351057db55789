"""Wait for a busy database, so that signals can interrupt the wait.

Python handles no signal while SQLite waits, so Ctrl-C would take as long. So SQLite waits only
briefly, and Python repeats the statement.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

WAIT_SECONDS = 30
"""Seconds that a connection waits for other connections."""

NAP_SECONDS = 0.25
"""Seconds that SQLite waits at a time, and Ctrl-C at most."""

_Result = TypeVar("_Result")


def patiently(seconds: float, function: Callable[..., _Result], *arguments: object) -> _Result:
    """Call a function of SQLite, and repeat it while the database is busy.

    A busy statement has done nothing; a busy COMMIT leaves its transaction open, and still blocks
    new readers (sqlite.org/lang_transaction.html, sqlite.org/lockingv3.html).

    Raise sqlite3.OperationalError if it is still busy at the end.
    """
    deadline: float | None = None
    while True:
        try:
            return function(*arguments)
        except sqlite3.OperationalError as error:
            now = time.monotonic()
            deadline = deadline or now + seconds
            is_busy = getattr(error, "sqlite_errorname", None) == "SQLITE_BUSY"
            if not is_busy or now >= deadline:
                raise
