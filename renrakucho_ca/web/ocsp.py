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
"""Seconds for which a cache may keep a response, however long it is valid: a revocation is to be
seen within a minute."""


class Ocsp:
    """Answers in a thread of its own: a flood of requests keeps no download waiting.

    To hand a request to another thread takes as long as to answer it: they go there in groups.
    """

    def __init__(self, open_home: Callable[[], Home]) -> None:
        self._clock = open_home().clock
        self._answers = Grouped(open_home, self._answer_all, largest=50, waiting=500)
        self._answerer = OcspResponder()

    async def get(self, request: Request) -> Response:
        """The request stands in the address, as base64."""
        try:
            data = _decoded(request.path_params["request"])
        except ValueError:
            data = b""  # which is no request either
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
        """For each hierarchy and request an answer. A bug in one keeps no other waiting."""
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
        """Waits for what has begun."""
        self._answers.close()


def _decoded(text: str) -> bytes:
    """The request in an address, after percent-decoding.

    The alphabet is the ordinary one, whose slash some clients leave as it is; some send the one
    for addresses (RFC 4648 §5), or no padding.
    """
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    if len(plain) > LARGEST:
        raise ValueError
    try:
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError from error


def _response(request: Request, answer: OcspResponse, now: datetime) -> Response:
    """With the headers that let caches keep it for a while (RFC 5019 §6.2)."""
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
    """Whether the client has it: a list of tags, strong or weak, or * for whatever there is (RFC
    9110 §13.1.2). For a POST, which names no representation, it means nothing (§13.2.1)."""
    listed = ", ".join(request.headers.getlist("if-none-match"))
    return listed.strip() == "*" or etag in listed


@lru_cache(maxsize=16)
def _http_date(moment: datetime) -> str:
    """All answers of a second have the same two."""
    return format_datetime(moment, usegmt=True)
