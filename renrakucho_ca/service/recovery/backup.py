"""Back up a home to one encrypted file, all of one moment, while other commands write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.service.home import Home
from renrakucho_ca.store import files
from renrakucho_ca.store.files import archive, sealed_file
from renrakucho_ca.store.files.archive import Source
from renrakucho_ca.store.sqlite.opening import SCHEMA_VERSION

_LAST = "last-backup"


@dataclass(frozen=True, slots=True)
class Backup:
    """The backup's moment, number of files, and length in bytes."""

    created_at: datetime
    files: int
    size: int


def to_file(home: Home, path: Path) -> Backup:
    """Write a private backup file in one step; an interruption leaves nothing.

    Raises:
        Conflict: `path` is not a file. Unavailable: wrong passphrase.
    """
    return _make(home, lambda pieces: files.write_unnamed(path, pieces))


def to_stream(home: Home, stream: BinaryIO) -> Backup:
    """Write a backup to a pipe; raise Unavailable for a wrong passphrase or a closed pipe."""

    def write(pieces: Iterable[bytes]) -> None:
        try:
            stream.writelines(pieces)
            stream.flush()
        except BrokenPipeError as error:
            raise Unavailable("the backup is incomplete: its output was closed") from error

    return _make(home, write)


def last(home: Home) -> datetime | None:
    """Return the time of the newest backup; None if there is none or it is unknown."""
    try:
        return datetime.fromisoformat(files.read(home.store / _LAST).decode())
    except (FileNotFoundError, ValueError):
        return None


def _make(home: Home, write: Callable[[Iterable[bytes]], None]) -> Backup:
    _ = home.db
    # A backup under a mistyped passphrase would only be noticed when it is needed.
    home.keystore.unlock()
    derivation = home.keystore.new_derivation()
    now = home.clock()
    size = 0

    def counted(pieces: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal size
        for piece in pieces:
            size += len(piece)
            yield piece

    with home.lock("backup").exclusive(), _sources(home) as sources:
        content = archive.pack(sources, now, SCHEMA_VERSION)
        write(counted(sealed_file.seal(content, home.keystore, derivation)))
        files.write(home.store / _LAST, now.isoformat().encode())
    return Backup(now, len(sources), size)


@contextmanager
def _sources(home: Home) -> Iterator[list[Source]]:
    """Yield the files of a backup, opened so that they are consistent despite concurrent writes."""
    with ExitStack() as stack:
        # The CRLs first: the database is copied later, with all their entries.
        lists = [
            Source.of(f"ca-store/crl/{path.name}", stack.enter_context(files.opened(path)))
            for path in sorted((home.store / "crl").glob("[!.]*"))
        ]
        # `hierarchy create` and `rekey-passphrase` hold this lock, so keys and database match, all
        # under one passphrase.
        with home.lock("hierarchies").exclusive():
            # After a change of passphrase the backup would open under the old one, and its keys
            # only under the new one.
            home.keystore.unlock()
            database = stack.enter_context(home.db.snapshot(home.store / ".backup.sqlite"))
            keys = [_small(home, path) for path in sorted((home.store / "keys").glob("*.key*"))]
        rest = [home.path / "rca.yaml", *sorted(home.profiles.glob("*.yaml"))]
        settings = [_small(home, path) for path in rest]
        with suppress(FileNotFoundError):  # nothing is pending
            settings.append(_small(home, home.store / "publish-hook.pending"))
        everything = [Source(archive.DATABASE, database.size, database), *keys, *settings, *lists]
        yield [source for source in everything if archive.is_kept(source.name)]


def _small(home: Home, path: Path) -> Source:
    return Source.of(path.relative_to(home.path).as_posix(), BytesIO(files.read(path)))
