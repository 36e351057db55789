"""Waiting for other processes, however slow the machine is, and ports that nobody else takes."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 60.0
"""Seconds after which something that takes well under one will not happen any more: a machine that
others use too stands still for some seconds now and then."""

_Found = TypeVar("_Found")

_reserved: list[socket.socket] = []


def until(holds: Callable[[], _Found | None]) -> _Found:
    """Waits for another process; fails where it takes too long.

    Returns:
        What was waited for.
    """
    end = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.002)
    return found


def free_port() -> int:
    """A port of 127.0.0.1 for a server, and for nobody else as long as the tests run.

    It stays bound, so that the system gives it to no other; and a server, which sets SO_REUSEADDR,
    may listen there, as nobody does yet (socket(7)).
    """
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    _reserved.append(reserved)
    port: int = reserved.getsockname()[1]
    return port
