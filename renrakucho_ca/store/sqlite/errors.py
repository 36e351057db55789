"""Translate SQLite's errors: those that a person can fix become Unavailable, with a hint."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from renrakucho_ca.errors import Invalid, Unavailable


class Duplicate(Exception):
    """A UNIQUE rule of the schema refused a row. The caller knows its meaning."""


class Misfit(Exception):
    """A value does not fit the schema. Only rows that others wrote have such values."""


# The errors of Python's sqlite3: SQLite's, and its own about values and text.
SQLITE_ERRORS = (sqlite3.Error, UnicodeError, OverflowError)


@contextmanager
def own_errors() -> Iterator[None]:
    """Translate SQLite's errors to ours."""
    try:
        yield
    except SQLITE_ERRORS as error:
        if (own := own_error(error)) is None:
            raise
        raise own from error


def own_error(error: Exception) -> Exception | None:
    """Translate one of `SQLITE_ERRORS`; return None for a bug of ours."""
    match error:
        case sqlite3.IntegrityError(sqlite_errorname=name) if name in _NOT_UNIQUE:
            return Duplicate(str(error))
        # A ProgrammingError: of a type that no SQLite column has, such as a list.
        case sqlite3.IntegrityError() | sqlite3.ProgrammingError():
            return Misfit(str(error))
        case sqlite3.DatabaseError():
            return _unavailable(error)
        case UnicodeDecodeError():
            # Python cannot decode SQLite's message: it quotes the damaged schema.
            return Unavailable("the store is damaged", hint="restore a backup")
        case UnicodeEncodeError():
            # Python passes on an argument that is not UTF-8 as lone surrogates (PEP 383).
            return Invalid("{text} is not in UTF-8", text=repr(error.object[:40]))
        case OverflowError():
            return Invalid("a number is too large")
    return None


def _unavailable(error: sqlite3.DatabaseError) -> Unavailable | None:
    name = (getattr(error, "sqlite_errorname", None) or "").removeprefix("SQLITE_")
    for prefix, (message, hint) in _UNAVAILABLE.items():
        if name.startswith(prefix):
            return Unavailable(message, hint=hint)
    is_lost = str(error).startswith(_LOST)
    if is_lost or (not name and isinstance(error, sqlite3.OperationalError)):
        # A damaged schema; or Python's own error: a text that is not UTF-8, which we never wrote.
        return Unavailable("the store is damaged", hint="restore a backup")
    return None


_NOT_UNIQUE = {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}

_LOST = ("no such table: ", "no such column: ")
"""SQLite's messages for a damaged schema: a bit of a name has flipped."""

_UNAVAILABLE: dict[str, tuple[str, str | None]] = {
    "BUSY": ("the store is busy", "another command is writing; try again"),
    "LOCKED": ("the store is busy", "another command is writing; try again"),
    "FULL": ("the disk is full", "free some space and run the command again; nothing was lost"),
    "READONLY": ("the store cannot be written: it is read-only", None),
    "CANTOPEN": ("the store cannot be opened", "check the owner of the home and of ca-store"),
    "PERM": ("the store cannot be opened", "check the owner of the home and of ca-store"),
    "IOERR": ("the disk reported an error", "check the system log; nothing was lost"),
    "CORRUPT": ("the store is damaged", "restore a backup"),
    "NOTADB": ("the store is damaged", "restore a backup"),
}
