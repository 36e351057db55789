"""Worker processes that apply a function to batches.

Processes, because keys and bundles hold the interpreter's lock: two threads give 1.05 times the
rate of one, two processes 1.90 (measured). The first worker is a fresh interpreter without our
locks and connections; after its imports it forks the others. A worker ends when its pipe's other
end closes. multiprocessing would run `__main__` again in each worker, and need one more process.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection, Pipe, wait
from types import TracebackType
from typing import Any, TypeVar, cast

from renrakucho_ca.errors import Unavailable

_Kept = TypeVar("_Kept")
_Sent = TypeVar("_Sent")
_Result = TypeVar("_Result")

IN_FLIGHT = 4
"""Batches that a worker has, so that it never waits while the parent stores results: with two it
sometimes waits for the disk (0.72 of the ideal rate for 2,000 certificates, against 0.75)."""

_PROGRAM = """\
import sys
sys.path[:] = {path!r}
import {module}, {here}
{here}.serve(*map(int, sys.argv[1:]))
"""


def cores() -> int:
    """Return the number of processor cores of this process."""
    return len(os.sched_getaffinity(0))


class ProcessPool:
    """Worker processes. They start at once, and import `module` while the caller unlocks a key."""

    def __init__(self, count: int, module: str) -> None:
        self._in_flight: dict[Connection, deque[Any]] = {}
        program = _PROGRAM.format(path=sys.path, module=module, here=__name__)
        with ExitStack() as theirs, _no_interruptions():
            numbers = []
            for _ in range(count):
                ours, their_end = Pipe()
                self._in_flight[ours] = deque()
                numbers.append(theirs.enter_context(their_end).fileno())
            self._first = subprocess.Popen(
                [sys.executable, "-c", program, *map(str, numbers)],
                pass_fds=numbers,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def __enter__(self) -> ProcessPool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the processes at once."""
        for pipe in self._in_flight:
            pipe.close()
        self._first.wait()

    def spread(
        self,
        work: Callable[[_Sent], _Result],
        batches: Iterable[tuple[_Kept, _Sent]],
    ) -> Iterator[tuple[_Kept, _Result]]:
        """Yield the results of all batches as they are finished, in constant memory.

        Raises Unavailable if a worker process dies.

        Args:
            work: can be pickled; stays with the worker.
            batches: taken as workers need them: an object to yield with the result, and one to
                send.
        """
        source = iter(batches)
        try:
            for pipe in self._in_flight:
                pipe.send(work)
            for _ in range(IN_FLIGHT):
                for pipe in self._in_flight:
                    self._send_next(pipe, source)
            while busy := [pipe for pipe, batches in self._in_flight.items() if batches]:
                for pipe in cast("list[Connection]", wait(busy)):
                    result = pipe.recv()
                    kept = self._in_flight[pipe].popleft()
                    self._send_next(pipe, source)
                    yield kept, result
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            raise Unavailable(
                "a worker process died",
                hint="finished work is recorded; check the memory and the limit on processes, "
                "then run the command again",
            ) from error

    def _send_next(self, pipe: Connection, source: Iterator[tuple[Any, Any]]) -> None:
        if (batch := next(source, None)) is not None:
            kept, sent = batch
            pipe.send(sent)
            self._in_flight[pipe].append(kept)


@contextmanager
def _no_interruptions() -> Iterator[None]:
    """Start children with SIGINT and SIGTERM blocked, which reach whole process groups.

    The parent decides how to end. Blocked, not ignored: this holds from the child's first
    instruction on, and the parent misses no signal.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# -- in the worker


def serve(*descriptors: int) -> None:
    """Run a worker on these pipes: receive the function, then batches, until the parent ends."""
    received: queue.SimpleQueue[Any] = queue.SimpleQueue()
    try:
        pipe = Connection(_own_of(descriptors))
        threading.Thread(target=_receive, args=(pipe, received), daemon=True).start()
    except (OSError, RuntimeError):
        # The limit on processes or threads may be reached. The parent reports the end.
        os._exit(1)
    with suppress(BrokenPipeError, ConnectionResetError):
        work = received.get()
        while True:
            pipe.send(work(received.get()))


def _own_of(descriptors: Sequence[int]) -> int:
    """Fork a worker for each descriptor but the first; return the descriptor of this process.

    A fork saves the imports, 0.13 s of a core each. It is safe: there is no thread or connection.
    """
    own, *others = descriptors
    for other in others:
        if os.fork() == 0:
            own = other
            break
    for descriptor in descriptors:
        # With another worker's copy, a pipe would not show that its own worker died.
        if descriptor != own:
            os.close(descriptor)
    return own


def _receive(pipe: Connection, received: queue.SimpleQueue[Any]) -> None:
    """Empty the pipe at once: parent and worker that both send large batches would deadlock.

    The worker ends with its parent at any step; the first worker ends last.
    """
    try:
        while True:
            received.put(pipe.recv())
    except (EOFError, ConnectionResetError):
        with suppress(ChildProcessError):
            while True:
                os.wait()
        os._exit(0)
    except BaseException:
        # A failed read, or no memory for a batch: `serve` and the parent would wait forever. The
        # parent reports the end.
        os._exit(1)
