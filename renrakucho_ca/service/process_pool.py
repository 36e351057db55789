"""Worker processes for work that is a function of its input, handed out by the parcel.

Processes, because keys and bundles hold the interpreter's lock: two threads give 1.05 times the
rate of one, two processes 1.90 (measured). The first is a fresh interpreter, so it has none of our
locks and connections; when it has imported what all need, it forks the others. Each ends when the
other end of its pipe is gone, however its parent died. multiprocessing's own way to start them
would run `__main__` in each again, and a process beside.
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
"""Parcels that a worker holds, so that it never waits while the parent stores results: with two it
waits for the disk now and then (0.72 of the ideal rate for 2,000 certificates, against 0.75)."""

_PROGRAM = """\
import sys
sys.path[:] = {path!r}
import {module}, {here}
{here}.serve(*map(int, sys.argv[1:]))
"""


def cores() -> int:
    """How many processes keep this machine busy."""
    return len(os.sched_getaffinity(0))


class ProcessPool:
    """So many processes. They start at once, and import while the caller unlocks a key.

    Args:
        module: what they will need, besides this one.
    """

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
        """Ends the processes, whatever they are doing."""
        for pipe in self._in_flight:
            pipe.close()
        self._first.wait()

    def spread(
        self,
        work: Callable[[_Sent], _Result],
        batches: Iterable[tuple[_Kept, _Sent]],
    ) -> Iterator[tuple[_Kept, _Result]]:
        """Does the work on every parcel, in whatever order it gets done, in constant memory.

        Args:
            work: what can be pickled, and stays with the worker.
            parcels: taken as workers need them; of each, what comes back with its result, and what
                is sent.

        Raises:
            Unavailable: a worker process died.
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
    """What is started meanwhile never gets SIGINT or SIGTERM, which reach whole groups.

    The parent decides what is still to be done. Blocked, not ignored: then it holds from the
    child's first instruction on, and the parent misses none.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# -- in the worker


def serve(*descriptors: int) -> None:
    """A worker's life: the work first, then parcels, until the parent is gone.

    Args:
        descriptors: the ends of all workers' pipes.
    """
    received: queue.SimpleQueue[Any] = queue.SimpleQueue()
    try:
        pipe = Connection(_own_of(descriptors))
        threading.Thread(target=_receive, args=(pipe, received), daemon=True).start()
    except (OSError, RuntimeError):
        # There may be no more processes, or no more threads. The parent tells that we have gone.
        os._exit(1)
    with suppress(BrokenPipeError, ConnectionResetError):
        work = received.get()
        while True:
            pipe.send(work(received.get()))


def _own_of(descriptors: Sequence[int]) -> int:
    """Forks a worker for each descriptor but the first; returns that of whoever returns.

    It spares them the imports, 0.13 s of a core each; and it may be done while there is neither
    thread nor connection.
    """
    own, *others = descriptors
    for other in others:
        if os.fork() == 0:
            own = other
            break
    for descriptor in descriptors:
        # Held by another worker too, a pipe would not tell that its own has died.
        if descriptor != own:
            os.close(descriptor)
    return own


def _receive(pipe: Connection, received: queue.SimpleQueue[Any]) -> None:
    """Empties the pipe at once: were parent and worker both to send large parcels to one who does
    not read, neither would go on. When the parent is gone, so is the worker, in whatever step, and
    the first of them after the others.
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
        # A failed read, or no memory for a parcel: who waits for it would wait for ever, and so
        # would the parent, which now tells that we have gone.
        os._exit(1)
