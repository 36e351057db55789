"""Background tasks, for work that releases the interpreter's lock: hashes, scrypt, SQLite, disk."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Generic, Self, TypeVar

_Result = TypeVar("_Result")


class BackgroundTask(Generic[_Result]):
    """Run a function in a thread while the caller continues; as a context, wait for it at the end.

    If no thread can be started, `result` runs the function. (The executors of `concurrent.futures`
    take 10 ms to import, and fail there.)
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
        """Wait, then return the function's result or raise its exception."""
        if self._thread is None:
            return self._function()
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._results[0]

    def wait(self) -> None:
        """Wait for the end, without result or exception."""
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
