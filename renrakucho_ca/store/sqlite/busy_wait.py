"""Waiting for others who use the database, in a way that can be broken off.

SQLite waits by itself, but Python hears of no signal before it returns: Ctrl-C would take as long
as the wait. So SQLite waits for a nap only, and Python has the statement tried again.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

WAIT_SECONDS = 30
"""Seconds that a connection waits for others."""

NAP_SECONDS = 0.25
"""Seconds that SQLite waits at a time, and Ctrl-C at most."""

_Result = TypeVar("_Result")


def patiently(seconds: float, function: Callable[..., _Result], *arguments: object) -> _Result:
    """Has SQLite do something, again and again while others keep it from it.

    What was refused as busy has done nothing; a COMMIT leaves its transaction open, and goes on
    keeping new readers out (sqlite.org/lang_transaction.html, sqlite.org/lockingv3.html).

    Raises:
        sqlite3.OperationalError: it is busy still.
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
