"""Handle signals so that work stops at a safe point and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Make SIGINT and SIGTERM set the event instead of ending the process.

    Workers finish their present item and check the event before the next.
    """
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def clearing_up() -> Iterator[None]:
    """Make SIGTERM and SIGHUP raise KeyboardInterrupt first, so that temporary files are removed.

    Afterwards the signal ends the process as usual.
    """
    ended_by: list[int] = []

    def end(number: int, _: object) -> None:
        if not ended_by:
            ended_by.append(number)
            raise KeyboardInterrupt

    # An ignored signal (nohup) stays ignored.
    numbers = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is signal.SIG_DFL
    ]
    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        for received in ended_by:
            os.kill(os.getpid(), received)
