"""Files and folders that are private from the first byte and replaced in one step."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
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
_WRITE_BEHIND = 8 * 1024 * 1024


def make_folder(path: Path, mode: int = PRIVATE_FOLDER) -> None:
    """Makes a folder with exactly that mode; one that exists is left as it is.

    Parents are made too, with the same mode.
    """
    if path.is_dir():
        return
    make_folder(path.parent, mode)
    with suppress(FileExistsError):
        # The process's umask may take bits away, never add any; chmod gives the mode back.
        path.mkdir(mode=mode)
        path.chmod(mode)
    if not path.is_dir():
        raise Conflict("{path} exists and is not a folder", path=path)


def replace(
    path: Path,
    content: bytes | Iterable[bytes],
    mode: int = PRIVATE_FILE,
    check: Callable[[Path], object] | None = None,
) -> None:
    """Puts `content` at `path` in one step: readers see the old file or the new one, whole.

    Args:
        check: looks at the finished file before it takes its place; what it raises keeps the old.

    The caller holds the lock that guards `path`, so a temporary file that is already there was
    left by a process that died, and is removed. After a return the file survives a power cut.

    Raises:
        OSError: the disk is full, read-only, or fails; the old file is untouched.
    """
    temporary = temporary_for(path)
    with suppress(FileNotFoundError):
        temporary.unlink()
    try:
        _write_new(temporary, content, mode, check)
    except OSError as error:
        if error.filename == str(temporary):
            error.filename = str(path)  # the name that a person knows
        raise
    try:
        temporary.rename(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def replace_unseen(path: Path, content: Iterable[bytes], mode: int = PRIVATE_FILE) -> None:
    """As `replace`, for a long file in a folder that is not ours: a process that dies on the way
    leaves nothing there, since the file has no name before it is whole. (Where it follows another,
    it has for an instant the name that the next one clears away.)

    Where the file system has no files without a name (open(2), O_TMPFILE), it is `replace`.

    Raises:
        Conflict: `path` is something else than a file: a folder, a device, a pipe.
        OSError: the disk is full, read-only, or fails; the old file is untouched.
    """
    refuse_special(path)
    try:
        descriptor = os.open(path.parent, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, mode)
    except OSError as error:
        # A kernel before 3.11 takes the flag for that of a folder.
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
        replace(path, content, mode)
        return
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        _write_in_background(file, content)
        os.fsync(descriptor)
        temporary = temporary_for(path)
        temporary.unlink(missing_ok=True)
        # Only with a folder does Python call linkat(2), which follows /proc's link to the file.
        folder = os.open(path.parent, os.O_PATH | os.O_CLOEXEC)
        link = partial(os.link, f"/proc/self/fd/{descriptor}", dst_dir_fd=folder)
        try:
            link(path.name)
        except FileExistsError:  # a link takes nobody's place
            link(temporary.name)
            try:
                temporary.rename(path)
            except BaseException:  # somebody else's file in /tmp, for one
                with suppress(OSError):
                    temporary.unlink()
                raise
        finally:
            os.close(folder)
    sync_folder(path.parent)


def _write_in_background(file: BinaryIO, content: Iterable[bytes]) -> None:
    """Writes each piece while the next one is made."""
    from concurrent.futures import ThreadPoolExecutor

    begun = written = 0

    def write(piece: bytes) -> None:
        nonlocal begun, written
        file.write(piece)
        written += len(piece)
        if written - begun >= _WRITE_BEHIND:
            # The disk begins with it now: else it would wait for the fsync at the end.
            os.posix_fadvise(file.fileno(), begun, written - begun, os.POSIX_FADV_DONTNEED)
            begun = written

    with ThreadPoolExecutor(1) as executor:
        before = executor.submit(file.flush)
        for piece in content:
            before.result()
            before = executor.submit(write, piece)
        before.result()
    file.flush()


def refuse_special(path: Path) -> None:
    """Keeps root from putting a file in the place of /dev/null, where somebody names that.

    Raises:
        Conflict: `path` is, or leads to, a folder, a device or a pipe.
    """
    if path.exists() and not path.is_file():
        raise Conflict("{path} exists and is not a file", path=path)


def create(path: Path, content: bytes, mode: int = PRIVATE_FILE) -> None:
    """As `replace`, where there must be nothing yet. The caller holds the lock that guards `path`.

    Raises:
        Conflict: `path` exists.
    """
    if os.path.lexists(path):
        raise Conflict("{path} exists already", path=path)
    replace(path, content, mode)


def set_aside(path: Path, name: str) -> Path:
    """Renames a file within its folder, over nothing. The caller holds the lock that guards it.

    Args:
        name: its new one; where that is taken, a number is added.

    Returns:
        Where it is now.
    """
    target = path.with_name(name)
    count = 1
    while os.path.lexists(target):
        count += 1
        target = path.with_name(f"{name}-{count}")
    path.rename(target)
    sync_folder(path.parent)
    return target


def create_outside(path: Path, content: bytes, mode: int = PRIVATE_FILE) -> None:
    """As `create`, in a folder that no lock of ours guards: a USB stick.

    Raises:
        Conflict: `path` exists.
    """
    with _alone_in(path.parent):
        create(path, content, mode)


def replace_outside(path: Path, content: bytes, mode: int = PRIVATE_FILE) -> None:
    """As `replace`, in a folder that no lock of ours guards: a collector's.

    Raises:
        OSError: the disk is full, read-only, or fails; the old file is untouched.
    """
    with _alone_in(path.parent):
        replace(path, content, mode)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """The folder itself is locked, where its file system can do that. A link, which would never
    overwrite what somebody else writes there in the same instant, FAT does not have."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # NFS locks no folder
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def opened(path: Path) -> BufferedReader:
    """Opens a file of the store to read it; a pipe in its place, which may never end, is refused.

    Raises:
        OSError: it is not there, or cannot be read.
        Unavailable: it is something else than a file.
    """
    # Without O_NONBLOCK a pipe lets nobody in before somebody writes.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unavailable("{path} exists and is not a file", path=path)
    return os.fdopen(descriptor, "rb")


def read(path: Path) -> bytes:
    """All that is in a file of the store. Raises as `opened` does."""
    with opened(path) as file:
        return file.read()


def pieces(path: Path) -> Iterator[bytes]:
    """A file's content, a part at a time, for a long one that need not be held whole."""
    with opened(path) as file:
        while piece := file.read(_PIECE):
            yield piece


def is_plain(path: Path, mode: int) -> bool:
    """Whether there is a file of its own, no link to another, with exactly that mode."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return found.st_mode == stat.S_IFREG | mode and found.st_nlink == 1


def temporary_for(path: Path) -> Path:
    """The name under which `replace` writes before it renames."""
    return path.with_name(f".{path.name}.tmp")


def _write_new(
    path: Path,
    content: bytes | Iterable[bytes],
    mode: int,
    check: Callable[[Path], object] | None,
) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            for piece in (content,) if isinstance(content, bytes) else content:
                file.write(piece)
            file.flush()
            if check is None:
                os.fsync(descriptor)
            else:  # of 50 MB both take long, and neither needs the other
                with BackgroundTask(partial(os.fsync, descriptor)) as synced:
                    check(path)
                synced.result()
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def sync_folder(path: Path) -> None:
    """Makes names in a folder durable: a rename is on disk once its folder is synced."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FileLock:
    """An advisory lock on a file of its own, which the kernel gives up when its holder dies."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Waits until nobody else holds the lock, and holds it alone."""
        with self._opened() as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield

    @contextmanager
    def shared(self, when_alone: Callable[[], None]) -> Iterator[None]:
        """Holds the lock together with others; whoever finds nobody else there does the chores.

        Args:
            when_alone: called once, with the lock held alone, if no living process holds it.
        """
        with self._opened() as descriptor:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                when_alone()
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield

    @contextmanager
    def _opened(self) -> Iterator[int]:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(self._path, flags, PRIVATE_FILE)
        except OSError as error:
            raise Unavailable(
                "cannot open the lock {path}: {reason}", path=self._path, reason=error.strerror
            ) from error
        try:
            yield descriptor
        finally:
            os.close(descriptor)
