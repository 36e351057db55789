"""Worker processes for work that is a function of its input, handed out by the parcel."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from renrakucho_ca.errors import Unavailable

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def spread(
    work: Callable[[list[_Item]], list[_Result]],
    parcels: Iterable[list[_Item]],
    jobs: int,
) -> Iterator[list[_Result]]:
    """Does the work on every parcel, in whatever order it gets done, in constant memory.

    Args:
        work: can be pickled.
        jobs: worker processes. What fits into one parcel is done here: starting one takes longer.

    Raises:
        Unavailable: a worker process died.
    """
    source = iter(parcels)
    start = list(islice(source, 2))
    if len(start) < 2:
        yield from map(work, start)
        return

    def all_parcels() -> Iterator[list[_Item]]:
        yield from start
        yield from source

    yield from _in_workers(work, all_parcels(), jobs)


def _in_workers(
    work: Callable[[list[_Item]], list[_Result]], parcels: Iterator[list[_Item]], jobs: int
) -> Iterator[list[_Result]]:
    """A worker gets its next parcel when it has handed its results over, never before: both ends
    could otherwise wait for the other to read. It works while the parent stores those results."""
    # `spawn`: a forked worker would hold our locks and pipes, and outlive us with them.
    context = get_context("spawn")
    pipes: list[Connection] = []
    processes = []
    busy: list[Connection] = []

    def hand_out(pipe: Connection) -> None:
        if (parcel := next(parcels, None)) is not None:
            pipe.send(parcel)
            busy.append(pipe)

    try:
        for _ in range(jobs):
            pipe, theirs = context.Pipe()
            process = context.Process(target=_worker, args=(theirs, work), daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            pipes.append(pipe)
        for pipe in pipes:
            hand_out(pipe)
        while busy:
            for ready in wait(busy):
                assert isinstance(ready, Connection)
                results = ready.recv()
                busy.remove(ready)
                hand_out(ready)
                yield results
    except (EOFError, BrokenPipeError, ConnectionResetError) as error:
        raise Unavailable(
            "a worker process died", hint="run the command again: it goes on where it stopped"
        ) from error
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.join()


def _worker(pipe: Connection, work: Callable[[list[Any]], list[Any]]) -> None:
    """A worker's life: parcels, until the parent is gone."""
    # Ctrl-C reaches the whole group; the parent decides what is still to be done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            pipe.send(work(pipe.recv()))
