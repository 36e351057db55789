"""Files over HTTP: names and media types for phones, ranges for interrupted downloads."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from renrakucho_ca.model import Container
from renrakucho_ca.service.retrieval.retrieval import Download

_TYPES = {
    Container.P12: "application/x-pkcs12",
    Container.MOBILECONFIG: "application/x-apple-aspen-config",
    Container.PEM: "application/pem-certificate-chain",  # RFC 8555 §9.1
}

# Safari passes a profile to Settings by its type; `attachment` would make it save a file. Other
# browsers cannot display the type and save it anyway.
_DISPOSITIONS = {Container.MOBILECONFIG: "inline"}

_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")


def device_file(request: Request, container: Container, download: Download) -> Response:
    """Send a certificate's file. Its name is digits and a suffix: no quoting needed (RFC 6266)."""
    disposition = _DISPOSITIONS.get(container, "attachment")
    etag = f'"{hashlib.sha256(download.content).hexdigest()[:32]}"'
    headers = {
        "Content-Disposition": f'{disposition}; filename="{download.name}"',
        "Accept-Ranges": "bytes",
        "ETag": etag,
    }
    content, size = download.content, len(download.content)
    status = 200
    wanted = _range(request, etag, size)
    if wanted is not None:
        first, last = wanted
        if first > last:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
        status, content = 206, content[first : last + 1]
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return Response(content, status, headers, _TYPES[container])


def _range(request: Request, etag: str, size: int) -> tuple[int, int] | None:
    """Return the requested first and last byte; first > last if unsatisfiable (RFC 9110 §14.1.2).

    None means the whole file, also for several ranges, which a server may ignore.
    """
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if found is None or found.group() == "bytes=-":
        return None
    if request.headers.get("if-range", etag) != etag:
        return None
    if not found[1]:
        length = int(found[2])
        return (max(size - length, 0), size - 1) if length else (1, 0)
    first = int(found[1])
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    if found[2] and int(found[2]) < first:
        return None
    return first, last


class PublicFiles:
    """The CRLs and CA certificates in `public/` (`folder`, which may be missing), with caching."""

    # A CRL is valid for days, but a revocation should take effect within the hour.
    _MAX_AGE = 600

    def __init__(self, folder: Path) -> None:
        self._files = StaticFiles(directory=folder, check_dir=False)

    async def get(self, request: Request, suffix: str, media_type: str) -> Response:
        """Return the file that the path names. Raises HTTPException 404 if there is none."""
        name = request.path_params["name"]
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
            raise HTTPException(404)
        response = await self._files.get_response(f"{name}{suffix}", request.scope)
        response.headers["Content-Type"] = media_type
        response.headers["Cache-Control"] = f"public, max-age={self._MAX_AGE}"
        return response
