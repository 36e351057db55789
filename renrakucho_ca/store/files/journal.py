"""The journal: an append-only copy of the audit log's rows in a file.

`ca-store/journal` survives a restore of the database from a backup, so it has the later rows. Each
line is a row's canonical line (store/tables/audit_log.py), with the row's hash as last member:

    {"id":17,…,"detail":{…},"hash":"5f…"}

The database is authoritative: a row is appended after its commit, or by the next process if its own
was killed. A power cut may leave an incomplete last line, without line feed: it does not count, and
is removed before the next line is written.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import Any

from renrakucho_ca.batched import batched
from renrakucho_ca.errors import Invalid, Unavailable
from renrakucho_ca.store import files
from renrakucho_ca.store.files.lock import FileLock
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import audit_log
from renrakucho_ca.store.tables.audit_log import AuditRecord

LONGEST_LINE = 1024 * 1024
"""Octets. The longest, about a batch of revocations, has some ten thousand."""

_BLOCK = 4096
"""Octets read at a time to find the last line; most lines have 400."""


class JournalState(StrEnum):
    """The journal compared with the database."""

    IN_STEP = "in step"
    BEHIND = "behind"
    """The database has more rows: a process was killed between commit and append."""
    AHEAD = "ahead"
    """The journal has more rows: the database is an older copy."""
    DIVERGED = "diverged"
    """They have different rows: an older copy was used since, or one was tampered with."""
    UNREADABLE = "unreadable"
    """The disk cannot read it, or it is not a file but a folder or a pipe."""


@dataclass(frozen=True, slots=True)
class Examined:
    """The result of reading a whole journal.

    Attributes:
        common: the id of the last row that the database has too, or 0. A row has the hash of its
            predecessor, so all rows before it are equal.
        last: the id of its last readable row.
        fault: the problem of the first line that is not a row, or does not follow its predecessor.
    """

    common: int
    last: int
    fault: Invalid | None


class Journal:
    """The journal file, which need not exist. It is opened at the first use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path.with_name(f"{path.name}.lock"))

    def state(self, db: Database) -> JournalState:
        """Compare the last line with the database, reading only the end of the file.

        Raise Unavailable if the file cannot be read.
        """
        # The file first: its rows were committed before, so the database has them.
        try:
            last = self._last()
        except Invalid:
            return JournalState.UNREADABLE
        return _compare(last, db)

    def append_missing(self, db: Database) -> JournalState:
        """Append the missing rows, sync them to the disk, and return the state before.

        A journal that is ahead, has diverged or is unreadable stays unchanged: only it has the rows
        that the database lost. Raise Unavailable if the file cannot be written.
        """
        with self._lock.exclusive(), self._own_errors():
            try:
                last = self._last()
            except Invalid:
                return JournalState.UNREADABLE
            state = _compare(last, db)
            if state is JournalState.BEHIND:
                self._append(audit_log.rows(db, (0 if last is None else last.id) + 1))
            return state

    def rows(self) -> Iterator[AuditRecord | None]:
        """Yield its rows in order, in constant memory; None for a line that is not a row.

        An incomplete last line, and all lines after one that is too long, are skipped. Raise
        Unavailable if the file cannot be read.
        """
        with self._own_errors():
            try:
                for line in self.lines():
                    yield _parse(line)
            except Invalid:
                yield None

    def lines(self) -> Iterator[bytes]:
        """Yield its complete lines without line feeds; nothing if the file is missing.

        Raise Invalid if a line is too long to be a row, or unreadable.
        """
        with self._read() as file:
            while file is not None and (line := file.readline(LONGEST_LINE + 1)):
                if len(line) > LONGEST_LINE:
                    raise self._damaged()
                if line.endswith(b"\n"):
                    yield line[:-1]

    def examine(self, db: Database) -> Examined:
        """Check that each row follows its predecessor, and find the last row of the database in it.

        Raise Unavailable if the file cannot be read.
        """
        newest, _ = audit_log.head(db)
        common = last = 0
        previous, fault = audit_log.START, None
        for record in self.rows():
            if record is None:
                fault = fault or self._damaged()
                continue
            if fault is None and not record.follows(last, previous):
                fault = Invalid("row {row} of {file} was changed", row=record.id, file=self.path)
            last, previous = record.id, record.hash
            if 0 < last <= newest and audit_log.hash_of(db, last) == previous:
                common = last
        return Examined(common, last, fault)

    def set_aside(self, name: str) -> Path | None:
        """Rename the file, so that a new one begins with all rows of the database.

        Args:
            name: its new name in the same folder, such as `journal.2026-08-01`.

        Returns:
            Its new path; None if it was missing.
        """
        with self._lock.exclusive(), self._own_errors():
            if not self.path.exists():
                return None
            return files.set_aside(self.path, name)

    def _last(self) -> AuditRecord | None:
        """Return the row of the last complete line, or None. Raise Invalid if it is unreadable."""
        with self._own_errors(), self._read() as file:
            line = None if file is None else _last_line(file)
        if line is None:
            return None
        # No database has a line that is not a row.
        return _parse(line) or AuditRecord(-1, 0, "", "", "", "", "{}", b"")

    @contextmanager
    def _read(self) -> Iterator[BufferedReader | None]:
        """Yield the open file; None if it is missing. Raise Invalid if unreadable or not a file."""
        try:
            with files.opened(self.path) as file:
                yield file
        except FileNotFoundError:
            yield None
        except Unavailable:
            raise self._no_file() from None
        except OSError as error:
            if error.errno == errno.ENXIO:  # a socket
                raise self._no_file() from None
            if error.errno != errno.EIO:
                raise
            raise Invalid(
                "the journal {path} cannot be read: {reason}",
                path=self.path,
                reason=error.strerror,
            ) from error

    def _append(self, records: Iterator[AuditRecord]) -> None:
        is_new = not self.path.exists()
        if not is_new and self.path.stat().st_nlink > 1:
            # The other name belongs to a snapshot (cp -al), or to another user's file.
            files.write(self.path, files.pieces(self.path))
        with self._opened() as file:
            _cut_torn_end(file)
            for page in batched(records, audit_log.PAGE):
                file.write(b"".join(encode(record) + b"\n" for record in page))
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            files.sync_folder(self.path.parent)

    @contextmanager
    def _opened(self) -> Iterator[BufferedRandom]:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(self.path, flags, files.PRIVATE_FILE), "r+b") as file:
            yield file

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(
                "the journal {path} cannot be used: {reason}",
                path=self.path,
                reason=error.strerror,
            ) from error

    def _no_file(self) -> Invalid:
        return Invalid("the journal {path} is not a file", path=self.path)

    def _damaged(self) -> Invalid:
        return Invalid("the journal {path} is damaged", path=self.path)


def encode(record: AuditRecord) -> bytes:
    """Return a row as a line of the journal, without its line feed."""
    return audit_log.with_hash(record.line.encode(), record.hash)


def _parse(line: bytes) -> AuditRecord | None:
    """Parse what `encode` wrote; None for anything else."""
    try:
        found: dict[str, Any] = json.loads(line)
        record = AuditRecord(
            id=found["id"],
            at=found["at"],
            actor=found["actor"],
            origin=found["origin"],
            act=found["act"],
            object=found["object"],
            detail=audit_log.canonical(found["detail"]),
            hash=bytes.fromhex(found["hash"]),
        )
        is_ours = type(record.id) is type(record.at) is int and encode(record) == line
        return record if is_ours else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _compare(last: AuditRecord | None, db: Database) -> JournalState:
    newest, _ = audit_log.head(db)
    if last is None:
        return JournalState.BEHIND if newest else JournalState.IN_STEP
    known = audit_log.hash_of(db, last.id)
    if known is None and last.id > newest:
        return JournalState.AHEAD
    if known != last.hash:
        return JournalState.DIVERGED
    return JournalState.BEHIND if newest > last.id else JournalState.IN_STEP


def _last_line(file: BufferedReader) -> bytes | None:
    """Return the last complete line, found from the end of the file; only a part if too long."""
    found = b""
    place = file.seek(0, os.SEEK_END)
    while place > 0:
        if len(found) > 2 * LONGEST_LINE:
            return found
        size = min(max(_BLOCK, len(found)), place)
        place -= size
        file.seek(place)
        found = file.read(size) + found
        lines = found.split(b"\n")
        # The first part may be the end of a line; octets after the last line feed are incomplete.
        whole = lines[:-1] if place == 0 else lines[1:-1]
        if whole:
            return whole[-1]
    return None


def _cut_torn_end(file: BufferedRandom) -> None:
    """Truncate the file after its last line feed."""
    place = file.seek(0, os.SEEK_END)
    while place > 0:
        size = min(_BLOCK, place)
        file.seek(place - size)
        found = file.read(size).rfind(b"\n")
        if found >= 0:
            place = place - size + found + 1
            break
        place -= size
    file.seek(place)
    file.truncate()
