"""OCSP over HTTP (RFC 6960 appendix A.1), with the caching of RFC 5019 §6."""

from __future__ import annotations

import binascii
import hashlib
import logging
from base64 import b64decode
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from renrakucho_ca.errors import NotFound, RcaError, Refused, Unavailable
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.ocsp.responder import (
    INTERNAL_ERROR,
    LARGEST,
    TRY_LATER,
    OcspResponder,
    OcspResponse,
)
from renrakucho_ca.web.workers import Grouped

log = logging.getLogger("rca.portal")

REQUEST_TYPE, RESPONSE_TYPE = "application/ocsp-request", "application/ocsp-response"

MAX_AGE = 60
"""Seconds that caches may keep a response: a revocation takes effect within a minute."""


class Ocsp:
    """Answers in its own thread, so that a flood of requests delays no download.

    Passing a request to a thread takes as long as answering it, so they are passed in groups.
    """

    def __init__(self, open_home: Callable[[], Home]) -> None:
        self._clock = open_home().clock
        self._answers = Grouped(open_home, self._answer_all, largest=50, waiting=500)
        self._answerer = OcspResponder()

    async def get(self, request: Request) -> Response:
        """Answer a request that is base64 in the URL."""
        try:
            data = _decoded(request.path_params["request"])
        except ValueError:
            data = b""  # also malformed
        return await self._answer(request, data)

    async def post(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != REQUEST_TYPE:
            raise HTTPException(415)
        data = b""
        try:
            async for piece in request.stream():
                data += piece
                if len(data) > LARGEST:
                    raise HTTPException(413)
        except ClientDisconnect:
            raise HTTPException(400) from None
        return await self._answer(request, data)

    async def _answer(self, request: Request, data: bytes) -> Response:
        try:
            answer = await self._answers.run((request.path_params["hierarchy"], data))
        except NotFound:
            raise HTTPException(404) from None
        except (Unavailable, Refused) as error:
            log.error("OCSP: %s", error)
            answer = OcspResponse(TRY_LATER)
        return _response(request, answer, self._clock())

    def _answer_all(
        self, home: Home, asked: Sequence[tuple[str, bytes]]
    ) -> list[OcspResponse | RcaError]:
        """Answer each request; a bug in one affects no other."""
        answers: list[OcspResponse | RcaError] = []
        for hierarchy, data in asked:
            try:
                answers.append(self._answerer.answer(home, hierarchy, data))
            except RcaError as error:
                answers.append(error)
            except Exception:
                log.exception("OCSP: a bug")
                answers.append(OcspResponse(INTERNAL_ERROR))
        return answers

    def close(self) -> None:
        """Wait for running work."""
        self._answers.close()


def _decoded(text: str) -> bytes:
    """Decode the request from a percent-decoded URL.

    Clients send the standard alphabet, or the URL-safe one (RFC 4648 §5), with or without padding.
    """
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    if len(plain) > LARGEST:
        raise ValueError
    try:
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError from error


def _response(request: Request, answer: OcspResponse, now: datetime) -> Response:
    """Build the response with caching headers (RFC 5019 §6.2)."""
    if answer.period is None:
        return Response(answer.response, media_type=RESPONSE_TYPE)
    end = answer.period.next_update
    max_age = min(MAX_AGE, max(0, int((end - now).total_seconds())))
    etag = f'"{hashlib.sha256(answer.response).hexdigest()[:32]}"'
    headers = {
        "Cache-Control": f"max-age={max_age}, public, no-transform, must-revalidate",
        "Last-Modified": _http_date(answer.period.this_update),
        "Expires": _http_date(min(end, now + timedelta(seconds=MAX_AGE))),
        "ETag": etag,
    }
    if request.method in {"GET", "HEAD"} and _is_held(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(answer.response, headers=headers, media_type=RESPONSE_TYPE)


def _is_held(request: Request, etag: str) -> bool:
    """Return whether If-None-Match lists the tag, strong or weak, or * (RFC 9110 §13.1.2)."""
    listed = ", ".join(request.headers.getlist("if-none-match"))
    return listed.strip() == "*" or etag in listed


@lru_cache(maxsize=16)
def _http_date(moment: datetime) -> str:
    """Format an HTTP date; cached, since all answers of a second share two dates."""
    return format_datetime(moment, usegmt=True)
