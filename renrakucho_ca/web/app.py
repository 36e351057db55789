"""The application: routes, handlers and error pages.

    /                     form for number and password   POST: verify, redirect to a link
    /d/<link>             the offer, one button          POST: claim, redirect to the file's page
    /f/<token>            steps for the device; the download starts by itself
    /f/<token>/<name>     the file, for ten minutes
    /help/<device>        the steps, public
    /crl/ /ca/            files that `rca publish` wrote
    /ocsp/<hierarchy>     OCSP (RFC 6960)
    /healthz              for monitoring

There are no cookies: a link is the whole session. So there is no CSRF, and download managers of
phones, which send no cookies, can fetch the file.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from renrakucho_ca.errors import Invalid, NotFound, RcaError, Refused, Unavailable
from renrakucho_ca.model import Container, RetrievalNumber
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.mail import lockout_alert
from renrakucho_ca.service.retrieval import authentication, download, instructions
from renrakucho_ca.service.retrieval.authentication import Attempt, Wrong
from renrakucho_ca.service.retrieval.download import Claim
from renrakucho_ca.service.retrieval.rate_limit import Locked
from renrakucho_ca.web import files
from renrakucho_ca.web.guard import Guard
from renrakucho_ca.web.ocsp import Ocsp
from renrakucho_ca.web.pages import CSS, Pages, keep
from renrakucho_ca.web.workers import Grouped, ThreadPool

log = logging.getLogger("rca.portal")

LARGEST_FORM = 4096
"""Bytes; ours have under 200."""

FORM_SECONDS = 10
"""Time limit for receiving a form."""

DESTROY_EVERY_SECONDS = 15
"""Interval of destroying files past their ten minutes; `fetch` refuses them in any case."""


class Portal:
    """The application for one home. `open_home` returns a thread's home, without a passphrase."""

    def __init__(self, open_home: Callable[[], Home]) -> None:
        home = open_home()
        self._random = home.random
        self._pages = Pages(home.settings)
        self._public = files.PublicFiles(home.public)
        # Guesses have their own thread: a flood of them delays no link or file, and at most one
        # password hash is computed at a time.
        self._attempts = Grouped(open_home, authentication.verify, largest=50, waiting=100)
        self._claims = Grouped(open_home, download.claim, largest=50, waiting=200)
        self._downloads = ThreadPool(open_home, threads=2, waiting=200)
        self._ocsp = Ocsp(open_home)
        self.asgi: ASGIApp = Guard(self._starlette(), home.settings.portal.proxies)

    def _starlette(self) -> Starlette:
        return Starlette(
            routes=[
                # First: servers send thousands of requests, and routes are searched in order.
                Route("/ocsp/{hierarchy}", self._ocsp.post, methods=["POST"]),
                Route("/ocsp/{hierarchy}/", self._ocsp.post, methods=["POST"]),
                Route("/ocsp/{hierarchy}/{request:path}", self._ocsp.get),
                Route("/", self.form),
                Route("/", self.check_password, methods=["POST"]),
                Route("/d/{link}", self.offer),
                Route("/d/{link}", self.claim, methods=["POST"]),
                Route("/f/{token}", self.done),
                Route("/f/{token}/{name}", self.file),
                Route("/help/{device}", self.help),
                Route("/crl/{name}.crl", self.crl),
                Route("/ca/{name}.cer", self.ca),
                Route("/healthz", self.health),
                Route("/portal.css", self.css),
            ],
            exception_handlers={
                HTTPException: self._no_page,
                RcaError: self._refusal,
                Exception: self._bug,
            },
            lifespan=self._lifespan,
        )

    # -- from number and password to the file

    async def form(self, request: Request) -> Response:
        number = request.query_params.get("number", "")[:20]
        return self._pages.show(request, "form", number=number, problem=None)

    async def check_password(self, request: Request) -> Response:
        fields = await _fields(request)
        try:
            number = RetrievalNumber.parse(fields.get("number", ""))
            attempt = Attempt(number, fields.get("password", ""), request.state.address)
            token = await self._attempts.run(attempt)
        except (Invalid, Wrong) as error:
            # A malformed number is not counted as a guess, but gets the same page.
            response = self._pages.show(request, "form", 403, number="", problem="wrong")
            if isinstance(error, Wrong) and error.locks:
                response.background = BackgroundTask(self._send_lockout_alert, attempt)
            return response
        return _see_other(request, download.link_path(token))

    async def _send_lockout_alert(self, attempt: Attempt) -> None:
        try:
            await self._downloads.run(lockout_alert.number_locked, attempt.number, attempt.address)
        except RcaError as error:
            log.error("the lockout mail to the operator failed: %s", error)

    async def offer(self, request: Request) -> Response:
        offer = await self._downloads.run(download.offer, request.path_params["link"])
        return self._pages.show(
            request, "offer", offer=offer, visit=download.new_visit(self._random)
        )

    async def claim(self, request: Request) -> Response:
        fields = await _fields(request)
        visit = fields.get("visit") or download.new_visit(self._random)
        claim = Claim(request.path_params["link"], visit, request.state.address)
        token = await self._claims.run(claim)
        return _see_other(request, f"../f/{token}")

    async def done(self, request: Request) -> Response:
        token = request.path_params["token"]
        offer, file = await self._downloads.run(download.fetch, token)
        return self._pages.show(
            request,
            "done",
            offer=offer,
            file=file.name,
            file_path=f"{token}/{file.name}",
            steps=instructions.for_device(offer.certificate.device, offer.container),
        )

    async def file(self, request: Request) -> Response:
        offer, file = await self._downloads.run(download.fetch, request.path_params["token"])
        if request.path_params["name"] != file.name:
            raise HTTPException(404)
        return files.device_file(request, offer.container, file)

    # -- public pages

    async def help(self, request: Request) -> Response:
        device = request.path_params["device"]
        if device not in instructions.TITLES:
            raise HTTPException(404)
        return self._pages.show(
            request,
            "help",
            device=device,
            root=await self._downloads.run(download.root_names),
            steps=instructions.for_device(device, Container.P12),
        )

    async def crl(self, request: Request) -> Response:
        return await self._public.get(request, ".crl", "application/pkix-crl")  # RFC 5280 §4.2.1.13

    async def ca(self, request: Request) -> Response:
        return await self._public.get(request, ".cer", "application/pkix-cert")  # RFC 5280 §4.2.2.1

    async def health(self, request: Request) -> Response:
        await self._downloads.run(download.check)
        return PlainTextResponse("ok\n")

    async def css(self, request: Request) -> Response:
        # Pages link it with its hash, so one URL never changes its content.
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(CSS, media_type="text/css", headers=headers)

    # -- errors

    async def _refusal(self, request: Request, error: Exception) -> Response:
        """Map an error's kind to a status and a page."""
        match error:
            case Locked():
                log.warning("wrong guesses: a %s is locked until %s", error.kind, error.until)
                response = self._pages.show(request, "locked", 429, lock=error)
            case NotFound():
                response = self._pages.show(request, "spent", 404)
            case Invalid():
                response = self._pages.show(request, "error", 400, problem="request")
            case Refused():
                response = self._pages.show(request, "error", 403, problem="request")
            case Unavailable():
                log.error("unavailable: %s", error)
                response = self._pages.show(request, "error", 503, problem="busy")
                response.headers["Retry-After"] = "30"
            case _:
                return await self._bug(request, error)
        return response

    async def _no_page(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        response = self._pages.show(request, "error", status, problem="page")
        response.headers.update(getattr(error, "headers", None) or {})
        return response

    async def _bug(self, request: Request, error: Exception) -> Response:
        return self._pages.show(request, "error", 500, problem="bug")

    # -- start and stop

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        destroyer = asyncio.create_task(self._keep_destroying())
        try:
            yield
        finally:
            destroyer.cancel()
            self.close()

    def close(self) -> None:
        """Wait for running work in the pools."""
        self._attempts.close()
        self._claims.close()
        self._downloads.close()
        self._ocsp.close()

    async def _keep_destroying(self) -> None:
        while True:
            try:
                await self._downloads.run(download.destroy_expired)
            except RcaError as error:
                # A busy or full disk: the next round retries.
                log.error("claimed files could not be destroyed: %s", error)
            await asyncio.sleep(DESTROY_EVERY_SECONDS)


async def _fields(request: Request) -> dict[str, str]:
    """Return a form's fields.

    Raises:
        Refused: another site sent it. Invalid: it is too long, too slow or malformed.
    """
    # Not Origin: under our Referrer-Policy browsers send "null" there (Fetch §3.2).
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Refused("the form came from another site")
    body = b""
    try:
        async with asyncio.timeout(FORM_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > LARGEST_FORM:
                    raise Invalid("the form has more than {largest} bytes", largest=LARGEST_FORM)
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=10))
    except (TimeoutError, ClientDisconnect, ValueError) as error:
        raise Invalid("the form is incomplete or malformed") from error


def _see_other(request: Request, path: str) -> Response:
    """Redirect with GET to a relative path: a proxy may serve us below a path."""
    return RedirectResponse(path + keep(request), 303)
