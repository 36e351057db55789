"""A few threads for what waits on the disk or computes, and a short queue before them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.service.home import Home

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Workers:
    """Runs services off the event loop. Who comes when the queue is full is turned away at once.

    Each thread has a home, and so a database connection, of its own.

    Args:
        open_home: makes a home; nothing of it is opened yet.
        threads: how many run at a time: the bound on memory and processor.
        waiting: how many more may wait.
    """

    def __init__(self, open_home: Callable[[], Home], *, threads: int, waiting: int) -> None:
        self._open_home = open_home
        self._pool = ThreadPoolExecutor(threads)
        self._places = threading.BoundedSemaphore(threads + waiting)
        self._own = threading.local()

    async def run(
        self, do: Callable[Concatenate[Home, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """What `do` gives, called with the thread's home and the arguments.

        Raises:
            Unavailable: too many are waiting; and what `do` raises.
        """
        if not self._places.acquire(blocking=False):
            raise Unavailable("the portal is busy", hint="try again in a minute")

        def work() -> _T:
            try:
                return do(self._home(), *args, **kwargs)
            finally:
                self._places.release()

        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Waits for what has begun."""
        self._pool.shutdown()

    def _home(self) -> Home:
        home: Home | None = getattr(self._own, "home", None)
        if home is None:
            home = self._own.home = self._open_home()
        return home
