"""The journal: the rows of the audit log once more, in a file that is only ever added to.

`ca-store/journal` outlives a database that is restored from a backup, and so tells what happened
after it. Each line is a row's canonical line (store/tables/audit_log.py), with the
row's hash as last member:

    {"id":17,…,"detail":{…},"hash":"5f…"}

The database is the truth: a row is appended once it is committed. What a process that died did not
append is appended by the next. After a power cut the last line may be torn: one without its line
feed does not count, and is cut off before the next is written.
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
"""Octets. The longest tells of a portion of revocations, in some ten thousand."""

_BLOCK = 4096
"""Octets read at a time to find the last line; most have 400."""


class JournalState(StrEnum):
    """How journal and database stand to each other."""

    IN_STEP = "in step"
    BEHIND = "behind"
    """The database knows more: a process died between commit and append."""
    AHEAD = "ahead"
    """The journal knows more: the database was restored from an older copy."""
    DIVERGED = "diverged"
    """An older copy was restored, and something done with it since; or one was tampered with."""
    UNREADABLE = "unreadable"
    """The disk does not give it back, or something else lies in its place: a folder, a pipe."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What a journal is found to be, read from one end to the other.

    Attributes:
        common: the id of the last row that it shares with the database; 0 where there is none. As
            each row carries the hash of the one before, all before it are shared too.
        last: the id of its last row that can be read.
        fault: what is wrong with the first line that is no row, or does not follow from the one
            before.
    """

    common: int
    last: int
    fault: Invalid | None


class Journal:
    """The file. Making one opens nothing.

    Args:
        path: of the file, which need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path.with_name(f"{path.name}.lock"))

    def state(self, db: Database) -> JournalState:
        """Compares the last line with the database. Reads no more of the file than its end.

        Raises:
            Unavailable: the file cannot be read.
        """
        # The file first: what stands in it was committed before, so the database has it.
        try:
            last = self._last()
        except Invalid:
            return JournalState.UNREADABLE
        return _compare(last, db)

    def append_missing(self, db: Database) -> JournalState:
        """Appends the rows that are missing, and syncs them to the disk.

        Nothing is appended to a journal that is ahead, has diverged or cannot be read: it is all
        that is left of what the database has lost.

        Returns:
            How they stood before.

        Raises:
            Unavailable: the file cannot be written.
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
        """What its lines say, in order, in constant memory; None for one that is none of ours. A
        torn end is left out, and so is what follows a line without end.

        Raises:
            Unavailable: the file cannot be read.
        """
        with self._own_errors():
            try:
                for line in self.lines():
                    yield _parse(line)
            except Invalid:
                yield None

    def lines(self) -> Iterator[bytes]:
        """Its whole lines, without their line feeds. None where there is no file.

        Raises:
            Invalid: a line is too long to be one of ours, or it cannot be read.
        """
        with self._read() as file:
            while file is not None and (line := file.readline(LONGEST_LINE + 1)):
                if len(line) > LONGEST_LINE:
                    raise self._damaged()
                if line.endswith(b"\n"):
                    yield line[:-1]

    def examine(self, db: Database) -> Examined:
        """Proves that each row follows from the one before, and looks which the database has.

        Raises:
            Unavailable: the file cannot be read.
        """
        newest, _ = audit_log.head(db)
        common = last = 0
        previous, fault = audit_log.START, None
        for record in self.rows():
            if record is None:
                fault = fault or self._damaged()
                continue
            if fault is None and not record.follows(last, previous):
                fault = Invalid(
                    "row {row} of {file} is not as it was", row=record.id, file=self.path
                )
            last, previous = record.id, record.hash
            if 0 < last <= newest and audit_log.hash_of(db, last) == previous:
                common = last
        return Examined(common, last, fault)

    def set_aside(self, name: str) -> Path | None:
        """Renames the file, so that a new one begins with all that the database has.

        Args:
            name: of the old one from now on, in the same folder, such as `journal.2026-08-01`.

        Returns:
            Where it is; None where there was none.
        """
        with self._lock.exclusive(), self._own_errors():
            if not self.path.exists():
                return None
            return files.set_aside(self.path, name)

    def _last(self) -> AuditRecord | None:
        """The last whole line; None where there is none.

        Raises:
            Invalid: it cannot be read.
        """
        with self._own_errors(), self._read() as file:
            line = None if file is None else _last_line(file)
        if line is None:
            return None
        # A line that is none of ours shares nothing with any database.
        return _parse(line) or AuditRecord(-1, 0, "", "", "", "", "{}", b"")

    @contextmanager
    def _read(self) -> Iterator[BufferedReader | None]:
        """The open file; None where there is none.

        Raises:
            Invalid: something else lies in its place, or the disk does not give it back.
        """
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
            # The other name is a snapshot's (cp -al), or a file of somebody else.
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
    """A row as a line of the journal, without its line feed."""
    return audit_log.with_hash(record.line.encode(), record.hash)


def _parse(line: bytes) -> AuditRecord | None:
    """Reads what `encode` wrote; None for anything else."""
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
    """The last whole line, found from the end of the file; of one too long, a part."""
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
        # The first part may have begun earlier, what follows the last line feed is torn.
        whole = lines[:-1] if place == 0 else lines[1:-1]
        if whole:
            return whole[-1]
    return None


def _cut_torn_end(file: BufferedRandom) -> None:
    """Leaves the file behind its last line feed, and nothing after it."""
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
