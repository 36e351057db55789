"""Add privacy headers to every response, and log each request without secrets."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from renrakucho_ca.service.retrieval.rate_limit import Address
from renrakucho_ca.web.client import address_of, is_over_tls

log = logging.getLogger("rca.portal")

# Appended without a check: no handler sets one of these.
_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
        b"frame-ancestors 'none'",
    ),
    # A link's URL is secret: other sites must not receive it as a referrer.
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex"),
]
_HSTS = "max-age=31536000"

# Servers disagree on the end of a body whose coding is not chunked (request smuggling). The request
# is refused and the connection closed (RFC 9112 §6.1); the parser refuses two lengths.
_REFUSED = Response(status_code=400, headers={"Connection": "close"})


class Guard:
    """Wraps the application. Cache-Control is no-store unless a handler sets it."""

    def __init__(self, app: ASGIApp, trusted: Collection[Address]) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        connection = HTTPConnection(scope)
        client = address_of(connection, self._trusted)
        scope["state"] = {"address": client}
        status = 500

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.raw.extend(_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
                if is_over_tls(connection, self._trusted):
                    headers["Strict-Transport-Security"] = _HSTS
            await send(message)

        codings = [each.lower() for each in connection.headers.getlist("transfer-encoding")]
        app = self._app if codings in ([], ["chunked"]) else _REFUSED
        try:
            await app(scope, receive, send_guarded)
        finally:
            took = (time.perf_counter() - began) * 1000
            log.info("%s %s %s %d %.0f ms", client, scope["method"], _route(scope), status, took)


def _route(scope: Scope) -> str:
    """Return the route with its parameters' names: their values are secrets."""
    route = scope.get("route")
    return getattr(route, "path", "-")
