"""Two things at the same time, where one of them lets go of the interpreter's lock: hashing,
scrypt, SQLite, the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Generic, Self, TypeVar

_Result = TypeVar("_Result")


class BackgroundTask(Generic[_Result]):
    """Runs a function in a thread of its own while the caller goes on. As a context it does not
    outlive what it was begun for.

    Where no thread can be had, the function runs when its result is asked for. (The executors of
    `concurrent.futures` cost 10 ms to import, and give up there.)
    """

    def __init__(self, function: Callable[[], _Result]) -> None:
        self._function = function
        self._results: list[_Result] = []
        self._error: BaseException | None = None
        self._thread: Thread | None = None
        thread = Thread(target=self._run)
        with suppress(RuntimeError):
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        try:
            self._results.append(self._function())
        except BaseException as error:
            self._error = error

    def result(self) -> _Result:
        """Waits; gives what the function returned, or raises what it raised."""
        if self._thread is None:
            return self._function()
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._results[0]

    def wait(self) -> None:
        """Until it is over, however it ended."""
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
