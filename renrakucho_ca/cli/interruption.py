"""Work that can be stopped, and what a signal that ends it must not leave behind."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """SIGINT and SIGTERM set the event instead of ending the process; what is under way is
    finished, and whoever takes up work looks at it."""
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
    """SIGTERM, and the SIGHUP of a lost connection, end the process as ever, but first what is
    under way by an exception, as SIGINT does: it takes along what it has laid down."""
    ended_by: list[int] = []

    def end(number: int, _: object) -> None:
        if not ended_by:
            ended_by.append(number)
            raise KeyboardInterrupt

    # One that is ignored (nohup) stays so.
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
