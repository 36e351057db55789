"""A connection to a mail server that can neither be silent nor drip for ever.

A socket's timeout begins anew at each byte: a server that says one every 29 seconds would hold
whoever listens, and the lock of the outbox, for days.
"""

from __future__ import annotations

import io
import smtplib
import time
from collections.abc import Callable
from typing import Any

SILENCE_SECONDS = 30
"""How long the server may say nothing, and how long to connect and to agree on TLS may take."""

STEP_SECONDS = 120
"""For all answers of a step, login or one mail: some eight, which cannot each be waited for."""


class Server(smtplib.SMTP):
    """Speaks as smtplib does, and has a deadline for each step; its first one has begun.

    Args:
        elapsed: gives seconds since whenever; nobody can set it.
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
        """The deadline is far away again."""
        self._deadline = self._elapsed() + STEP_SECONDS

    def getreply(self) -> tuple[int, bytes]:
        # smtplib drops `file` with each new socket, and would read the next from `makefile`.
        if self.file is None:
            self.file = io.BufferedReader(_Answers(self))
        return super().getreply()

    def receive_into(self, buffer: Any) -> int:
        """Waits for what comes next, but neither too long for it nor past the deadline.

        Raises:
            TimeoutError: nothing came, or the deadline is over. smtplib makes its own error of it.
        """
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
    """The same, with TLS from the first byte."""


class _Answers(io.RawIOBase):
    """What a server says, as a file."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._server.receive_into(buffer)
