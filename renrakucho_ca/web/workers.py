"""Threads for blocking work, with bounded queues."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, Generic, ParamSpec, TypeVar

from renrakucho_ca.errors import RcaError, Unavailable
from renrakucho_ca.service.home import Home

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Item = TypeVar("_Item")


class ThreadPool:
    """Runs services off the event loop. Requests beyond the queue's bound are refused at once.

    Each thread has its own home (from `open_home`), and so its own database connection.

    Args:
        threads: number of threads: the bound on memory and CPU.
        waiting: size of the queue.
    """

    def __init__(self, open_home: Callable[[], Home], *, threads: int, waiting: int) -> None:
        self._open_home = open_home
        self._pool = ThreadPoolExecutor(threads)
        self._places = threading.BoundedSemaphore(threads + waiting)
        self._own = threading.local()

    async def run(
        self, do: Callable[Concatenate[Home, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Call `do` with the thread's home and the arguments.

        Raises:
            Unavailable: the queue is full. Also what `do` raises.
        """
        if not self._places.acquire(blocking=False):
            raise _busy()

        def work() -> _T:
            try:
                return do(self._home(), *args, **kwargs)
            finally:
                self._places.release()

        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Wait for running work."""
        self._pool.shutdown()

    def _home(self) -> Home:
        home: Home | None = getattr(self._own, "home", None)
        if home is None:
            home = self._own.home = self._open_home()
        return home


class Grouped(Generic[_Item, _T]):
    """Calls a service once for a group of concurrent requests, which share durable transactions.

    While one group runs in the thread, the next one gathers. So groups grow with load and disk
    latency, and a single request never waits.

    Args:
        do: returns a result or an error for each item.
        largest: items in a group. waiting: items that may wait.
    """

    def __init__(
        self,
        open_home: Callable[[], Home],
        do: Callable[[Home, Sequence[_Item]], list[_T | RcaError]],
        *,
        largest: int,
        waiting: int,
    ) -> None:
        self._worker = ThreadPool(open_home, threads=1, waiting=0)
        self._do = do
        self._largest = largest
        self._most = waiting
        self._waiting: list[tuple[_Item, asyncio.Future[_T]]] = []
        self._at_work: asyncio.Task[None] | None = None

    async def run(self, item: _Item) -> _T:
        """Return the item's result.

        Raises:
            Unavailable: the queue is full. Also the item's error.
        """
        if len(self._waiting) >= self._most:
            raise _busy()
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._at_work is None or self._at_work.done():
            self._at_work = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._waiting:
            group = self._waiting[: self._largest]
            del self._waiting[: self._largest]
            results: Sequence[_T | Exception]
            try:
                results = await self._worker.run(self._do, [item for item, _ in group])
            except Exception as error:  # every item of the group gets it
                results = [error] * len(group)
            for (_, future), result in zip(group, results, strict=True):
                if future.cancelled():
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)

    def close(self) -> None:
        """Wait for running work."""
        self._worker.close()


def _busy() -> Unavailable:
    return Unavailable("the download page is busy", hint="try again in a minute")
