"""The database: its connections and transactions.

The journal is SQLite's rollback journal: WAL before 3.51.3 can corrupt a database when two
connections write and checkpoint at once (sqlite.org/wal.html, "the WAL-reset bug"). And its file is
removed after each transaction, without which `secure_delete` has no effect.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from renrakucho_ca.errors import Conflict, NotFound, Unavailable
from renrakucho_ca.store import files
from renrakucho_ca.store.sqlite.busy_wait import NAP_SECONDS, WAIT_SECONDS, patiently
from renrakucho_ca.store.sqlite.errors import SQLITE_ERRORS, own_error, own_errors
from renrakucho_ca.store.sqlite.opening import SCHEMA_VERSION, bring_up_to_date, connect, version

if TYPE_CHECKING:
    from renrakucho_ca.store.sqlite.snapshot import Snapshot

_Word = TypeVar("_Word", bound=StrEnum)
_Result = TypeVar("_Result")


class Database:
    """A connection and its transactions.

    Args:
        wait: seconds to wait for other connections.

    Attributes:
        before_writing: called once, before the first writing transaction.
    """

    def __init__(self, connection: sqlite3.Connection, wait: float = WAIT_SECONDS) -> None:
        self.before_writing: Callable[[], None] | None = None
        self._connection = connection
        self._wait = wait
        self._in_transaction = False
        self._after_commit: list[Callable[[], None]] = []
        self._failure: Unavailable | None = None

    @classmethod
    def create(cls, path: Path) -> Database:
        """Create an empty store. SQLite gives its journals the mode of the database.

        Raise Conflict if it exists.
        """
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, files.PRIVATE_FILE)
        except FileExistsError as error:
            raise Conflict("{path} exists already", path=path) from error
        os.close(descriptor)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path, wait: float = WAIT_SECONDS) -> Database:
        """Open a store and bring its schema up to date.

        Args:
            wait: seconds to wait for other connections.

        Raises:
            NotFound: it is missing.
            Unavailable: unreadable, no database, or written by a newer version.
        """
        if not path.exists():
            raise NotFound(
                "no store at {path}",
                hint="run `rca init` here, or name the home with --home or RCA_HOME",
                path=path,
            )
        with own_errors():
            connection = connect(path)
            bring_up_to_date(connection, path)
        return cls(connection, wait)

    @classmethod
    def look_at(cls, path: Path) -> Database:
        """Open a store for reading, without a change of its schema.

        SQLite rolls back a dead process's transaction, as it must to read. Raise Unavailable if the
        file is missing, empty, no database, or has another version's schema.
        """
        if not path.exists() or path.stat().st_size == 0:
            # An empty file would be taken for a new store.
            raise Unavailable("the database {path} is missing", hint="restore a backup", path=path)
        with own_errors():
            connection = connect(path, "PRAGMA query_only = ON")
            found = version(connection)
        if found != SCHEMA_VERSION:
            raise Unavailable(
                "the store has schema {found}, but this rca needs schema {own}",
                hint="run `rca list` to upgrade an older store; update rca for a newer store",
                found=found,
                own=SCHEMA_VERSION,
            )
        return cls(connection)

    def close(self) -> None:
        self._connection.close()
        if "_file" in self.__dict__:
            os.close(self._file)

    def write(self) -> AbstractContextManager[None]:
        """Open a writing transaction, all or nothing.

        It takes the write lock at once: after a read it would fail with "database is locked"
        instead of waiting.
        """
        if self.before_writing is not None:
            due, self.before_writing = self.before_writing, None
            due()
        return self._transaction("BEGIN IMMEDIATE")

    def read(self) -> AbstractContextManager[None]:
        """Open a reading transaction, which sees one moment. Writers wait for it."""
        return self._transaction("BEGIN")

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        with own_errors():
            patiently(self._wait, self._connection.execute, begin)
        self._in_transaction = True
        try:
            yield
            self._patiently(self._connection.execute, "COMMIT")
            due, self._after_commit = self._after_commit, []
        except BaseException:
            self._after_commit.clear()
            # After some failures, such as a full disk, SQLite has rolled back already.
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise
        finally:
            self._in_transaction, self._failure = False, None
        for follow in due:
            follow()

    def after_commit(self, follow: Callable[[], None]) -> None:
        """Call `follow` after the open transaction is committed, not if it is rolled back.

        The commit cannot be undone, so `follow` must not raise.
        """
        assert self._in_transaction
        if follow not in self._after_commit:
            self._after_commit.append(follow)

    def _run(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        """Call a function of SQLite. After a failure the open transaction accepts nothing more.

        After a full disk SQLite undoes the statement, or the whole transaction. A batch that
        continues would then commit each further statement alone.
        """
        if self._failure is not None:
            raise self._failure
        try:
            return function(*arguments)
        except SQLITE_ERRORS as error:
            if (own := own_error(error)) is None:
                raise
            if isinstance(own, Unavailable) and self._in_transaction:
                self._failure = own
            raise own from error

    def _patiently(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        """Do `_run`, and wait for other connections.

        A query's further rows do not wait: repeated after a failure, it would return none.
        """
        result: _Result = self._run(patiently, self._wait, function, *arguments)
        return result

    def snapshot(self, spare: Path) -> Snapshot:
        """Return the whole database file of one moment, while others write.

        Args:
            spare: the path of a temporary copy, in a folder of ours.
        """
        from renrakucho_ca.store.sqlite.snapshot import Snapshot

        return Snapshot(self._path, self._file, spare)

    @contextmanager
    def apart(self, spare: Path) -> Iterator[Database]:
        """Yield the database of one moment, for long reading; if possible, writers do not wait.

        Args:
            spare: as for `snapshot`.
        """
        try:
            # In WAL mode readers block no writer; elsewhere a copy may lack space or permission.
            copy = None if self.is_wal() else self._copied(spare)
        except (OSError, sqlite3.Error):
            copy = None
        if copy is None:
            yield self
            return
        with closing(copy):
            yield Database(copy)

    def _copied(self, spare: Path) -> sqlite3.Connection:
        """Copy the database; writers wait until it is done.

        While a reader holds its lock the file is consistent: a plain copy takes a quarter of the
        time of SQLite's copy, page by page.
        """
        from renrakucho_ca.store.sqlite.snapshot import nameless, send

        descriptor, copy = nameless(spare)
        try:
            with self.read():
                self.row("SELECT count(*) FROM sqlite_schema")  # only now it is locked
                send(self._file, descriptor)
        except BaseException:
            copy.close()
            raise
        finally:
            os.close(descriptor)
        return copy

    def twin(self) -> Database | None:
        """Return a connection for another thread that sees this reading transaction's state.

        The lock prevents commits meanwhile. None in WAL mode, which does not.
        """
        assert self._in_transaction
        if self.is_wal():
            return None
        with own_errors():
            connection = sqlite3.connect(
                self._path, timeout=NAP_SECONDS, isolation_level=None, check_same_thread=False
            )
        return Database(connection, self._wait)

    def is_wal(self) -> bool:
        """Return whether the operator has switched to WAL."""
        return bool(self.value("PRAGMA journal_mode") == "wal")

    @cached_property
    def _file(self) -> int:
        """Return the database's file, open until the connection is closed.

        Not earlier: a process that closes any descriptor of a file loses all its POSIX locks on it,
        also SQLite's (sqlite.org/howtocorrupt.html, §2.2).
        """
        return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)

    @property
    def _path(self) -> Path:
        (_, _, path) = self._connection.execute("PRAGMA database_list").fetchone()
        return Path(path)

    def execute(self, sql: str, values: Sequence[object] | dict[str, object] = ()) -> int:
        """Run a statement that changes rows; return their number."""
        return self._patiently(self._connection.execute, sql, values).rowcount

    def execute_many(
        self, sql: str, rows: Sequence[Sequence[object]] | Sequence[dict[str, object]]
    ) -> None:
        """Run a statement that changes rows once for each of `rows`."""
        self._run(self._connection.executemany, sql, rows)

    def insert(self, table: str, row: dict[str, object]) -> int:
        """Insert one row; return its rowid."""
        columns = ", ".join(row)
        marks = ", ".join(f":{column}" for column in row)
        sql = f"INSERT INTO {table} ({columns}) VALUES ({marks})"
        return self._patiently(self._connection.execute, sql, row).lastrowid or 0

    def rows(
        self, sql: str, values: Sequence[object] | dict[str, object] = ()
    ) -> Generator[sqlite3.Row, None, None]:
        """Stream a query's rows. An unfinished one keeps writers waiting: page long ones."""
        with closing(self._connection.cursor()) as cursor:
            cursor.row_factory = sqlite3.Row
            self._patiently(cursor.execute, sql, values)
            while (row := self._run(cursor.fetchone)) is not None:
                yield row

    def tuples(
        self, sql: str, values: Sequence[object] | dict[str, object] = ()
    ) -> list[tuple[Any, ...]]:
        """Return all rows of a frequent, short query: tuples take half the time of `rows`."""
        with closing(self._connection.cursor()) as cursor:
            self._patiently(cursor.execute, sql, values)
            return self._run(cursor.fetchall)

    def row(
        self, sql: str, values: Sequence[object] | dict[str, object] = ()
    ) -> sqlite3.Row | None:
        """Return the first row, or None."""
        with closing(self.rows(sql, values)) as rows:
            return next(rows, None)

    def value(self, sql: str, values: Sequence[object] | dict[str, object] = ()) -> Any:
        """Return the first column of the first row, or None."""
        row = self.row(sql, values)
        return None if row is None else row[0]


def seconds(moment: datetime) -> int:
    """Return a moment as the database stores it: whole seconds since 1970."""
    return int(moment.timestamp())


def optional_seconds(moment: datetime | None) -> int | None:
    return None if moment is None else seconds(moment)


def moment(value: int) -> datetime:
    """Return a stored moment in UTC."""
    try:
        return datetime.fromtimestamp(value, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise damaged(value) from None


def optional_moment(value: int | None) -> datetime | None:
    return None if value is None else moment(value)


def serial_number(text: str) -> int:
    """Return a serial number that is stored in hex."""
    try:
        return int(text, 16)
    except (TypeError, ValueError):
        raise damaged(text) from None


def word(kind: type[_Word], text: str) -> _Word:
    """Return the enum member for a stored word."""
    try:
        return kind(text)
    except ValueError:
        raise damaged(text) from None


def damaged(value: object) -> Unavailable:
    """Return the error for a value that the schema forbids: bits have flipped on the disk."""
    return Unavailable(
        "the store is damaged: it has the impossible value {value}",
        hint="restore a backup",
        value=repr(value)[:60],
    )
