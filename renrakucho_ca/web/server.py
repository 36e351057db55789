"""The server: uvicorn, with limits for slow and endless requests."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.web.app import Portal

REQUEST_SECONDS = 15
"""Time limit for a request's head, and for a silent connection."""

LARGEST_HEAD = 32 * 1024
"""Octets of a request without its body: the head, and the framing of chunks."""

CONNECTIONS = 1000
"""Connections beyond this are answered 503. Each takes about 20 KiB and an open file."""

OWN_FILES = 50
"""Open files other than connections: databases, locks, templates, responses."""

LEAST_CONNECTIONS = 10

STOP_SECONDS = 20
"""Time for running requests after SIGTERM."""


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol with a deadline and a size limit for the head (Slowloris).

    It is the one in C: with h11, parsing HTTP takes longer than answering OCSP.
    """

    _deadline: asyncio.TimerHandle | None = None
    _head_octets = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        self._head_octets += len(data)
        super().data_received(data)
        if self._head_octets > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The request's head is too long.")
        self._watch()

    def on_body(self, body: bytes) -> None:
        self._head_octets -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_octets = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_watching()

    def _watch(self) -> None:
        """Run the deadline while no request is served; further bytes do not extend it."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_watching()
        elif self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _stop_watching(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def serve(
    portal: Portal,
    host: str,
    port: int,
    *,
    certificate: Path | None,
    key: Path | None,
    listening: Callable[[int], None],
) -> None:
    """Serve until SIGTERM or SIGINT, then finish running requests.

    Args:
        host: a name or an address. port: 0 for any free port.
        listening: called with the port once connections are accepted.
        certificate, key: PEM files for TLS; both or none.

    Raises:
        OSError: the address is in use, or a file cannot be read.
        Unavailable: the limit on open files is too low.
    """
    config = _config(portal, certificate, key)
    config.load()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=2048) as listener:
        # Inherited by connections. asyncio sets it, but not on a socket that it did not create.
        # Without it the body waits 40 ms for the client to acknowledge the head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = uvicorn.Server(config)

        def stop(*_: object) -> None:
            server.should_exit = True

        # For signals that arrive before uvicorn's handlers are installed. When it has stopped,
        # uvicorn also raises the signal again for the earlier handler.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        listening(listener.getsockname()[1])
        server.run(sockets=[listener])


def _config(portal: Portal, certificate: Path | None, key: Path | None) -> uvicorn.Config:
    return uvicorn.Config(
        portal.asgi,
        http=Protocol,
        # Not uvloop: its io_uring violates the system call filter of the unit in examples/, for
        # 10 % more requests a second.
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        # `client.address_of` finds the client by rca.yaml.
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_room_for_connections(),
        timeout_keep_alive=5,
        timeout_graceful_shutdown=STOP_SECONDS,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


def _room_for_connections() -> int:
    """Return the number of allowed connections, raising the limit on open files if needed.

    With too few files, requests would fail halfway: at a template, at the database.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OWN_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return CONNECTIONS
    soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft < LEAST_CONNECTIONS + OWN_FILES:
        raise Unavailable(
            "the limit on open files is {found}; the download page needs {least}",
            hint="raise `ulimit -n`, or LimitNOFILE= in the systemd unit",
            found=soft,
            least=LEAST_CONNECTIONS + OWN_FILES,
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft - OWN_FILES
