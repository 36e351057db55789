"""Read the database file of one moment from beginning to end while others write.

A reader's lock, for which writers wait, spares a copy. If the reading takes longer than writers
should wait, the rest is copied and read from the copy.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from concurrent.futures import Future
from contextlib import ExitStack, closing
from os.path import samestat
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Self

from renrakucho_ca.store import files
from renrakucho_ca.store.sqlite.busy_wait import NAP_SECONDS, WAIT_SECONDS, patiently
from renrakucho_ca.store.sqlite.errors import own_errors

_HELD_SECONDS = 1.0
_PIECE = 64 * 1024 * 1024


class Snapshot:
    """The content of the database at the moment of `__enter__`.

    A thread holds the lock: the reader may be blocked by its own output, such as a full pipe.

    Args:
        database: its path.
        file: a descriptor of it, open for as long as any connection (see `Database`).
        spare: the path of a temporary copy, in a folder of ours.
        held: seconds until the rest is copied.

    Attributes:
        size: its length in bytes.
    """

    size: int

    def __init__(self, database: Path, file: int, spare: Path, held: float = _HELD_SECONDS) -> None:
        self._database, self._spare, self._held = database, spare, held
        self._source, self._place = file, 0
        self._copy: int | None = None
        self._failure: BaseException | None = None
        self._guard, self._is_over = Lock(), Event()
        self._locked: Future[int] = Future()
        self._keeper = Thread(target=self._keep, name="snapshot")

    def __enter__(self) -> Self:
        # Left by a process that died before it removed the name.
        self._spare.unlink(missing_ok=True)
        self._keeper.start()
        try:
            self.size = self._locked.result()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._keeper.join()
        if self._copy is not None:
            os.close(self._copy)

    def read(self, size: int) -> bytes:
        """Return the next bytes; none at the end.

        Raise OSError or Unavailable if the disk fails, or has no space for the rest.
        """
        with self._guard:
            if self._failure is not None:
                raise self._failure
            piece = os.pread(self._source, min(size, self.size - self._place), self._place)
            self._place += len(piece)
        if self._place == self.size:
            self._is_over.set()
        return piece

    def _keep(self) -> None:
        """Hold the lock while the file itself is read."""
        try:
            with (
                own_errors(),
                closing(
                    sqlite3.connect(self._database, timeout=NAP_SECONDS, isolation_level=None)
                ) as connection,
            ):
                connection.execute("BEGIN")
                patiently(WAIT_SECONDS, self._lock, connection)
                (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
                is_whole = mode != "wal"
                if not is_whole:
                    self._copy_by_sqlite(connection)
                self._locked.set_result(os.fstat(self._source).st_size)
                if is_whole and not self._is_over.wait(self._held):
                    self._copy_rest()
        except BaseException as error:
            self._locked.set_exception(error)

    def _lock(self, connection: sqlite3.Connection) -> None:
        """Take the lock with the first query, unless the reader has gone."""
        if not self._is_over.is_set():
            connection.execute("SELECT count(*) FROM sqlite_schema")

    def _copy_by_sqlite(self, connection: sqlite3.Connection) -> None:
        """Copy in WAL mode, which an operator may choose: the file alone is incomplete."""
        self._copy, copy = nameless(self._spare)
        with closing(copy):
            copy.execute("PRAGMA journal_mode = OFF")  # a journal would have a name
            connection.backup(copy)
        self._source = self._copy

    def _copy_rest(self) -> None:
        try:
            with own_errors():
                self._copy, copy = nameless(self._spare)
                copy.close()
                send(self._source, self._copy, self._place, self._is_over)
        except BaseException as error:
            # Set under the lock: `read` must not continue with a file that is being written.
            with self._guard:
                self._failure = error
        else:
            with self._guard:
                self._source = self._copy


def nameless(path: Path) -> tuple[int, sqlite3.Connection]:
    """Return a new file without a name, and a connection to it, both for the caller to close.

    Its name is removed after opening, so nothing remains after a crash. Raise OSError without
    space, or if another process uses the name at the same time.
    """
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, files.PRIVATE_FILE)
    with ExitStack() as on_failure:
        on_failure.callback(os.close, descriptor)
        try:
            connection = sqlite3.connect(path, isolation_level=None)
            on_failure.callback(connection.close)
            # If another process had removed the name meanwhile, SQLite would have opened that one's
            # file, or made an empty one, without an error.
            if not samestat(path.stat(), os.fstat(descriptor)):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        finally:
            path.unlink(missing_ok=True)
        on_failure.pop_all()
    return descriptor, connection


def send(source: int, target: int, place: int = 0, is_over: Event | None = None) -> None:
    """Copy a file's bytes from `place` on to the same places of another, inside the kernel."""
    os.lseek(target, place, os.SEEK_SET)
    while not (is_over and is_over.is_set()) and (
        sent := os.sendfile(target, source, place, _PIECE)
    ):
        place += sent
