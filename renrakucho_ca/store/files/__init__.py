"""Write files and folders: private from the first byte, replaced in one step."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from renrakucho_ca.background import BackgroundTask
from renrakucho_ca.errors import Conflict, Unavailable

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
PUBLIC_FILE = 0o644
PUBLIC_FOLDER = 0o755

_PIECE = 1024 * 1024
_BLOCK = 64 * 1024
_WRITE_BEHIND = 8 * 1024 * 1024


def make_folder(path: Path, mode: int = PRIVATE_FOLDER) -> None:
    """Make a folder and its parents with exactly that mode; leave existing ones as they are."""
    if path.is_dir():
        return
    make_folder(path.parent, mode)
    with suppress(FileExistsError):
        # The umask may clear bits; chmod sets them again.
        path.mkdir(mode=mode)
        path.chmod(mode)
    if not path.is_dir():
        raise Conflict("{path} exists and is not a folder", path=path)


def write(
    path: Path,
    content: bytes | Iterable[bytes],
    mode: int = PRIVATE_FILE,
    *,
    new: bool = False,
    outside: bool = False,
    check: Callable[[Path], object] | None = None,
) -> None:
    """Write a file in one step: readers see the old file or the whole new one.

    After the return the file survives a power cut; after an error the old file is unchanged.
    The caller holds the lock that guards `path`, so an existing temporary file belongs to a dead
    process, and is removed.

    Args:
        new: refuse to replace a file.
        outside: no lock of ours guards `path` (a USB stick, a metrics folder); lock its folder.
        check: called with the finished file before the rename; its exceptions keep the old file.

    Raises:
        Conflict: with `new`, `path` exists.
        OSError: the disk is full, read-only or faulty.
    """
    with _folder_locked(path.parent) if outside else nullcontext():
        if new and os.path.lexists(path):
            raise Conflict("{path} exists already", path=path)
        temporary = temporary_for(path)
        temporary.unlink(missing_ok=True)
        with _named_for_people(temporary, path):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(temporary, flags, mode)
        with _removed_on_error(temporary):
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, mode)
                file.writelines((content,) if isinstance(content, bytes) else content)
                _sync(file, None if check is None else partial(check, temporary))
            temporary.rename(path)
        sync_folder(path.parent)


def write_unnamed(path: Path, content: Iterable[bytes], mode: int = PRIVATE_FILE) -> None:
    """Write a long secret file into an operator's folder; it has no name before it is complete.

    So a killed process leaves no part of it there. (A file that replaces another has the name
    `temporary_for(path)` for an instant.) On a file system without O_TMPFILE (open(2)) this is
    `write`.

    Raises:
        Conflict: `path` is not a file: a folder, a device, a pipe.
        OSError: the disk is full, read-only or faulty; the old file is unchanged.
    """
    refuse_special(path)
    try:
        descriptor = os.open(path.parent, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, mode)
    except OSError as error:
        # A kernel before 3.11 reads the flag as O_DIRECTORY.
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
        write(path, content, mode)
        return
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        _write_in_background(file, _blocks(content))
        os.fsync(descriptor)
        _name(descriptor, path)
    sync_folder(path.parent)


def _name(descriptor: int, path: Path) -> None:
    """Link a file that was opened without a name to `path`."""
    temporary = temporary_for(path)
    temporary.unlink(missing_ok=True)
    # Python calls linkat(2), which follows the link in /proc to the file, only with a folder.
    folder = os.open(path.parent, os.O_PATH | os.O_CLOEXEC)
    link = partial(os.link, f"/proc/self/fd/{descriptor}", dst_dir_fd=folder)
    try:
        link(path.name)
    except FileExistsError:  # a link replaces nothing
        link(temporary.name)
        with _removed_on_error(temporary):
            temporary.rename(path)
    finally:
        os.close(folder)


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join short pieces: passing on each of a page's 72 pieces took half of the writing time."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _BLOCK:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def _write_in_background(file: BinaryIO, content: Iterable[bytes]) -> None:
    """Write each block while the next one is made."""
    from concurrent.futures import ThreadPoolExecutor

    begun = written = 0

    def write_block(block: bytes) -> None:
        nonlocal begun, written
        file.write(block)
        written += len(block)
        if written - begun >= _WRITE_BEHIND:
            # The disk begins with it now instead of at the fsync.
            os.posix_fadvise(file.fileno(), begun, written - begun, os.POSIX_FADV_DONTNEED)
            begun = written

    with ThreadPoolExecutor(1) as executor:
        before = executor.submit(file.flush)
        for block in content:
            before.result()
            before = executor.submit(write_block, block)
        before.result()
    file.flush()


def _sync(file: BinaryIO, check: Callable[[], object] | None) -> None:
    file.flush()
    if check is None:
        os.fsync(file.fileno())
        return
    # At 50 MB both take long, and they are independent.
    with BackgroundTask(partial(os.fsync, file.fileno())) as synced:
        check()
    synced.result()


@contextmanager
def _removed_on_error(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


@contextmanager
def _named_for_people(temporary: Path, path: Path) -> Iterator[None]:
    """Name `path` in an error about its temporary file."""
    try:
        yield
    except OSError as error:
        if error.filename == str(temporary):
            error.filename = str(path)
        raise


def refuse_special(path: Path) -> None:
    """Raise Conflict if `path` is, or leads to, a folder, a device or a pipe.

    It keeps root from replacing /dev/null with a file.
    """
    if path.exists() and not path.is_file():
        raise Conflict("{path} exists and is not a file", path=path)


def set_aside(path: Path, name: str) -> Path:
    """Rename a file within its folder and return the new path. The caller holds its lock.

    Args:
        name: the new name; if it is taken, a number is appended.
    """
    target = path.with_name(name)
    count = 1
    while os.path.lexists(target):
        count += 1
        target = path.with_name(f"{name}-{count}")
    path.rename(target)
    sync_folder(path.parent)
    return target


@contextmanager
def _folder_locked(folder: Path) -> Iterator[None]:
    """Lock the folder itself, if its file system can. FAT has no link(2) to create files with."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # NFS locks no folder
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def opened(path: Path) -> BufferedReader:
    """Open a file of the store for reading. Raise OSError if it is missing or unreadable.

    Raise Unavailable for another kind, such as a pipe, which may never end.
    """
    # Without O_NONBLOCK, open(2) of a pipe blocks until another process writes to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unavailable("{path} exists and is not a file", path=path)
    return os.fdopen(descriptor, "rb")


def read(path: Path) -> bytes:
    """Return the content of a file of the store. Raises as `opened` does."""
    with opened(path) as file:
        return file.read()


def pieces(path: Path) -> Iterator[bytes]:
    """Yield the content of a long file in pieces."""
    with opened(path) as file:
        while piece := file.read(_PIECE):
            yield piece


def is_plain(path: Path, mode: int) -> bool:
    """Return whether `path` is a regular file with one link and exactly that mode."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return found.st_mode == stat.S_IFREG | mode and found.st_nlink == 1


def temporary_for(path: Path) -> Path:
    """Return the name that `write` uses before the rename."""
    return path.with_name(f".{path.name}.tmp")


def sync_folder(path: Path) -> None:
    """Make names in a folder durable: a rename is on disk once its folder is synced."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
