"""An SMTP connection with a deadline for each step.

A socket's timeout restarts at each byte: a server that sends one byte every 29 seconds would hold
the sender, and the lock of the outbox, for days.
"""

from __future__ import annotations

import io
import smtplib
import time
from collections.abc import Callable
from typing import Any

SILENCE_SECONDS = 30
"""Limit for each reply, for connecting and for the TLS handshake."""

STEP_SECONDS = 120
"""Limit for all replies (about eight) of a step: the login, or one mail."""


class Server(smtplib.SMTP):
    """smtplib's client with a deadline for each step; the first step begins with it.

    Args:
        elapsed: a monotonic clock, in seconds.
        options: smtplib's.
    """

    def __init__(
        self,
        host: str,
        port: int,
        elapsed: Callable[[], float] = time.monotonic,
        **options: Any,
    ) -> None:
        self._elapsed = elapsed
        self.begin_step()
        super().__init__(host, port, timeout=SILENCE_SECONDS, **options)

    def begin_step(self) -> None:
        """Begin the next step: reset the deadline."""
        self._deadline = self._elapsed() + STEP_SECONDS

    def getreply(self) -> tuple[int, bytes]:
        # smtplib clears `file` for each new socket, and would then call `makefile`.
        if self.file is None:
            self.file = io.BufferedReader(_Answers(self))
        return super().getreply()

    def receive_into(self, buffer: Any) -> int:
        """Receive the next bytes; raise TimeoutError after too long a silence or step."""
        assert self.sock is not None
        left = self._deadline - self._elapsed()
        if left <= 0:
            raise TimeoutError("timed out")
        self.sock.settimeout(min(left, SILENCE_SECONDS))
        try:
            return self.sock.recv_into(buffer)
        finally:
            self.sock.settimeout(SILENCE_SECONDS)


class TlsServer(Server, smtplib.SMTP_SSL):
    """`Server` with TLS from the first byte."""


class _Answers(io.RawIOBase):
    """The server's replies as a file."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._server.receive_into(buffer)
