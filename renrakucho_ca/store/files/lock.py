"""Locks between processes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.store.files import PRIVATE_FILE


class FileLock:
    """An advisory lock on a file of its own; the kernel releases it when the holder dies."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Wait until no other process holds the lock, then hold it alone."""
        with self._opened() as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield

    @contextmanager
    def shared(self, when_alone: Callable[[], None]) -> Iterator[None]:
        """Hold the lock together with other processes.

        Args:
            when_alone: called first, under the exclusive lock, if no other process holds it.
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
