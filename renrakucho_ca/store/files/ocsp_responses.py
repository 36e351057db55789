"""The response file: a CA's pre-produced OCSP responses in one flat file, searched in place.

A million rows in the database, twice a week, would cost more than the signatures. A record has the
parts of one response: serial number, state, signatures; the head has the shared parts.

    rca-ocsp-1\\n        the format
    length              of the head, four octets
    head                JSON
    records             all of one length, sorted by serial number
"""

from __future__ import annotations

import base64
import json
import mmap
import os
import struct
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.model import RevocationReason
from renrakucho_ca.store import files
from renrakucho_ca.store.sqlite.connection import moment, seconds

_FORMAT = b"rca-ocsp-1\n"
_LENGTH = struct.Struct(">I")
_LONGEST_HEAD = 64 * 1024

_REASONS: list[str | None] = [reason.value for reason in RevocationReason]
_CODES = {reason: code for code, reason in enumerate(_REASONS)}
_NOT_REVOKED = 255
_CODES[None] = _NOT_REVOKED


@dataclass(frozen=True, slots=True)
class Head:
    """The shared part of a file's responses.

    Attributes:
        authority: the CA's fingerprint.
        responder: the signer's certificate, DER.
        change: the last change of the store that they include.
        width: the longest serial number, in digits of hex.
    """

    authority: str
    responder: bytes
    this_update: datetime
    next_update: datetime
    change: int
    width: int


class ResponseRecord(NamedTuple):
    """The status of one certificate, and a signature for each hash that may name its issuer."""

    serial: str
    revoked_at: int | None
    reason: str | None
    sha1: bytes
    sha256: bytes

    def encode(self, width: int) -> bytes:
        """Encode the record. The serial number is the store's text padded with NUL.

        So the file is in the order of the store's index, and is written as the index is read.
        """
        return _layout(width).pack(
            self.serial.encode(),
            self.revoked_at or 0,
            _CODES[self.reason],
            len(self.sha1),
            self.sha1,
            len(self.sha256),
            self.sha256,
        )


@cache
def _layout(width: int) -> struct.Struct:
    # An ECDSA signature on P-256 has at most 72 octets in DER.
    return struct.Struct(f">{width}sqBB72sB72s")


def write(
    path: Path, head: Head, records: Iterable[bytes], check: Callable[[Responses], object]
) -> None:
    """Write a file in one step. The caller holds the lock that guards it.

    Args:
        records: encoded, sorted by serial number.
        check: called with the finished file before it replaces the old one.
    """
    document = {
        "authority": head.authority,
        "responder": base64.b64encode(head.responder).decode(),
        "this_update": seconds(head.this_update),
        "next_update": seconds(head.next_update),
        "change": head.change,
        "width": head.width,
    }
    text = json.dumps(document).encode()

    def check_file(new: Path) -> None:
        with opened(new) as responses:
            check(responses)

    files.make_folder(path.parent)
    begin = _FORMAT + _LENGTH.pack(len(text)) + text
    files.write(path, chain([begin], records), check=check_file)


def _read_head(data: bytes, path: Path) -> tuple[Head, int]:
    """Return the head, and the place of the first record."""
    try:
        start = len(_FORMAT) + _LENGTH.size
        (length,) = _LENGTH.unpack_from(data, len(_FORMAT))
        document = json.loads(data[start : start + length])
        head = Head(
            authority=document["authority"],
            responder=base64.b64decode(document["responder"]),
            this_update=moment(document["this_update"]),
            next_update=moment(document["next_update"]),
            change=document["change"],
            width=document["width"],
        )
        if not data.startswith(_FORMAT) or type(head.width) is not int or head.width < 1:
            raise ValueError
    except (ValueError, KeyError, TypeError, OverflowError, OSError, struct.error) as error:
        raise _damaged(path) from error
    return head, start + length


def _damaged(path: Path) -> Unavailable:
    return Unavailable("the OCSP responses {path} are damaged", hint="run `rca publish`", path=path)


class Responses:
    """An open file. Its pages are read on demand, and shared between processes."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raise FileNotFoundError, or Unavailable if it is damaged."""
        with files.opened(path) as file:
            self.identity = _identity(os.fstat(file.fileno()))
            self.head, self._begin = _read_head(file.read(_LONGEST_HEAD), path)
            self._pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._layout = _layout(self.head.width)
        size = len(self._pages) - self._begin
        if size % self._layout.size:
            raise _damaged(path)
        self._count = size // self._layout.size

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> ResponseRecord:
        if not 0 <= place < self._count:
            raise IndexError
        offset = self._begin + place * self._layout.size
        serial, revoked_at, code, long1, sha1, long256, sha256 = self._layout.unpack_from(
            self._pages, offset
        )
        reason = None if code == _NOT_REVOKED else _REASONS[code]
        return ResponseRecord(
            serial.rstrip(b"\0").decode(),
            None if reason is None else revoked_at,
            reason,
            sha1[:long1],
            sha256[:long256],
        )

    def find(self, serial: str) -> ResponseRecord | None:
        """Return the record of a certificate by its serial number as stored."""
        key = serial.encode()
        if len(key) > self.head.width:
            return None
        key = key.ljust(self.head.width, b"\0")
        place = bisect_left(range(self._count), key, key=self._key)
        return self[place] if place < self._count and self._key(place) == key else None

    def _key(self, place: int) -> bytes:
        begin = self._begin + place * self._layout.size
        return self._pages[begin : begin + self.head.width]

    def is_still(self, path: Path) -> bool:
        """Return whether `path` still names the open file."""
        try:
            return _identity(path.stat()) == self.identity
        except FileNotFoundError:
            return False

    def close(self) -> None:
        self._pages.close()


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_dev, found.st_ino, found.st_mtime_ns


@contextmanager
def opened(path: Path) -> Iterator[Responses]:
    responses = Responses(path)
    try:
        yield responses
    finally:
        responses.close()
