"""Worker processes that make keys and bundles, nine tenths of the cost of a certificate.

Processes, because bundles and EC keys hold the interpreter's lock: two threads give 1.05 times the
rate of one, two processes 1.90 (measured). A worker is started afresh, not forked, so it has none
of the parent's locks and connections; it gets the CA's key through a pipe, and ends when the other
end of that pipe is gone, however its parent died.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Protocol, TypeVar, cast

from renrakucho_ca.errors import RcaError, Unavailable
from renrakucho_ca.service.making import Made, Maker, Secrets, Task

PARCEL = 8
"""Tasks that go to a worker at a time: about 40 ms of work, against 0.1 ms for the pipe."""

IN_HAND = 2
"""Parcels that a worker holds, so that it never waits while the parent writes its records."""


class _HasTask(Protocol):
    @property
    def task(self) -> Task: ...


_Plan = TypeVar("_Plan", bound=_HasTask)


def make_all(
    secrets: Secrets, plans: Iterable[_Plan], jobs: int
) -> Iterator[tuple[_Plan, Made | RcaError]]:
    """Makes what the plans ask for, in whatever order it gets done.

    Plans are taken as workers need them, so any number goes through in constant memory.

    Args:
        jobs: worker processes; with 1 the work is done here.
    """
    if jobs <= 1:
        maker = Maker(secrets)
        return ((plan, _attempt(maker, plan.task)) for plan in plans)
    return _in_workers(secrets, plans, jobs)


def cores() -> int:
    """How many worker processes keep this machine busy."""
    return len(os.sched_getaffinity(0))


def _in_workers(
    secrets: Secrets, plans: Iterable[_Plan], jobs: int
) -> Iterator[tuple[_Plan, Made | RcaError]]:
    source = iter(plans)
    # `spawn`: a forked worker would hold our locks and pipes, and outlive us with them.
    context = get_context("spawn")
    in_hand: dict[Connection, deque[list[_Plan]]] = {}
    processes = []

    def hand_out(pipe: Connection) -> None:
        if parcel := list(islice(source, PARCEL)):
            in_hand[pipe].append(parcel)
            pipe.send([plan.task for plan in parcel])

    try:
        for _ in range(jobs):
            pipe, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            in_hand[pipe] = deque()
            pipe.send(secrets)
        for _ in range(IN_HAND):
            for pipe in in_hand:
                hand_out(pipe)
        while busy := [pipe for pipe, parcels in in_hand.items() if parcels]:
            for pipe in cast("list[Connection]", wait(busy)):
                results = pipe.recv()
                parcel = in_hand[pipe].popleft()
                hand_out(pipe)
                yield from zip(parcel, results, strict=True)
    except (EOFError, BrokenPipeError, ConnectionResetError) as error:
        raise Unavailable(
            "a worker process died", hint="run the command again: it goes on where it stopped"
        ) from error
    finally:
        for pipe in in_hand:
            pipe.close()
        for process in processes:
            process.join()


def _work(pipe: Connection) -> None:
    """A worker's life: secrets first, then parcels, until the parent is gone."""
    # Ctrl-C reaches the whole group; the parent decides what is still to be done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        maker = Maker(pipe.recv())
        while True:
            tasks = pipe.recv()
            pipe.send([_attempt(maker, task) for task in tasks])


def _attempt(maker: Maker, task: Task) -> Made | RcaError:
    try:
        return maker.make(task)
    except RcaError as error:
        return error
