"""The server: uvicorn, with bounds for those who send slowly, or without end."""

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
"""In which a request's head has to arrive, and after which a silent connection is closed."""

LARGEST_HEAD = 32 * 1024
"""Octets that a request may have beside its body: its head, and what frames a body in chunks."""

CONNECTIONS = 1000
"""More are answered 503. Each takes about 20 KiB, and an open file."""

OWN_FILES = 50
"""Open files beside those of connections: databases, locks, templates, responses."""

LEAST_CONNECTIONS = 10

STOP_SECONDS = 20
"""How long requests may still take after SIGTERM."""


class Protocol(HttpToolsProtocol):
    """uvicorn's, which waits for ever for a head that does not end (Slowloris) and keeps it whole.

    Of the two that it has, the one in C: with h11 reading HTTP takes longer than answering OCSP.
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
        """The clock runs from the first moment without a request, and not once one is being served.

        A byte now and then does not wind it back.
        """
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
    """Serves until SIGTERM or SIGINT, then finishes what has begun.

    Args:
        host: a name or an address. port: 0 lets the system choose one.
        listening: is told the port once connections are taken.
        certificate, key: PEM files for TLS; both or none.

    Raises:
        OSError: the address is taken, a file cannot be read.
        Unavailable: the system lets us open too few files.
    """
    connections = _room_for_connections()
    config = uvicorn.Config(
        portal.asgi,
        http=Protocol,
        # Not uvloop where that is at hand: its io_uring goes past the system call filter of the
        # unit in examples/, for a tenth more requests a second.
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        # Who the client is, `client.address_of` decides by rca.yaml.
        proxy_headers=False,
        server_header=False,
        limit_concurrency=connections,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=STOP_SECONDS,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    config.load()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=2048) as listener:
        # Connections inherit it. asyncio sets it by itself, but not on a socket made elsewhere; and
        # without it the body waits 40 ms for the client to acknowledge the head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = uvicorn.Server(config)

        def stop(*_: object) -> None:
            server.should_exit = True

        # Whoever stops it before uvicorn listens to signals is heard too. And uvicorn sends the
        # signal once more when it has stopped, to whoever was there before it.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        listening(listener.getsockname()[1])
        server.run(sockets=[listener])


def _room_for_connections() -> int:
    """How many may be open at once. A process may raise its limit by itself up to the hard one.

    With too few, requests would fail in the middle: at a template, at the database.
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
