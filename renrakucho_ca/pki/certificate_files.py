"""Read the certificates and CRLs in a file: DER, PEM anywhere in a text, or bare base64.

Memory holds one value at a time: a text may contain a million certificates.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from renrakucho_ca.errors import Invalid
from renrakucho_ca.pki import encodings
from renrakucho_ca.pki.encodings import ContentKind, Value

LARGEST_VALUE = 256 * 1024 * 1024
"""Bytes of one value in DER: a CRL with a million entries has 53 MB."""
LARGEST_BARE = 16 * 1024 * 1024
"""Bytes of a bare base64 text."""
LONGEST_LINE = 64 * 1024
"""Bytes read at once. PEM has 64 letters a line (RFC 7468 §2); JSON may be one line."""
_HEAD = 1024 * 1024
"""Bytes before the first PEM block: `openssl x509 -text` writes a few thousand."""

_MARK = re.compile(rb"-----(BEGIN|END) ([A-Z0-9 #]{1,60})-----")
# Possible beginnings of a mark, or of a character that JSON escapes, at the cut of a long line.
_CUT = re.compile(rb"(?:-{1,5}(?:[BE][A-Z0-9 #]{0,65})?-{0,5}|\\(?:u[0-9A-Fa-f]{0,3})?)\Z")
_LONGEST_MARK = 80
_TRUSTED = b"TRUSTED CERTIFICATE"
_LABELS = {
    b"CERTIFICATE": ContentKind.CERTIFICATE,
    b"X509 CERTIFICATE": ContentKind.CERTIFICATE,
    _TRUSTED: ContentKind.CERTIFICATE,
    b"X509 CRL": ContentKind.CRL,
    b"PKCS7": ContentKind.PKCS7,
    b"PKCS #7 SIGNED DATA": ContentKind.PKCS7,
    b"CMS": ContentKind.PKCS7,
}
_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"} | {
    start.encode(name): name for start in ("-----B", "MII") for name in ("utf-16-le", "utf-16-be")
}
"""UTF-16 by the start of a file: a byte order mark, PEM, or a certificate in base64."""

Read = tuple[int | None, "Value | Invalid"]
"""The first line of a value in a text, and the value or its error."""


def read(file: BinaryIO) -> Iterator[Read]:
    """Yield the content of a seekable file in order; nothing if it has neither kind."""
    first = file.read(1)
    file.seek(0)
    if first == b"\x30":  # SEQUENCE, or the digit 0 of a text
        data = file.read(LARGEST_VALUE + 1)
        found, rest = encodings.values(data) if len(data) <= LARGEST_VALUE else ([], b"")
        for kind, value in found:
            yield from _opened(None, kind, value)
        if found:
            if rest:
                yield None, Invalid("the rest of the file cannot be read")
            return
        file.seek(0)
    has_block = False
    for each in _blocks(_lines(file)):
        has_block = True
        if each is not None:
            yield each
    if not has_block:
        file.seek(0)
        yield from _bare(file)


def _opened(line: int | None, kind: ContentKind, value: bytes) -> Iterator[Read]:
    if kind is not ContentKind.PKCS7:
        yield line, (kind, value)
        return
    try:
        for inner in encodings.open_pkcs7(value):
            yield line, inner
    except Invalid as error:
        yield line, error


# -- PEM


class _Block:
    """The lines of a block so far. `kind` is its label's; None for a key or a request."""

    def __init__(self, line: int, label: bytes) -> None:
        self.kind = _LABELS.get(label)
        self._line = line
        self._label = label
        self._body: list[bytes] = []
        self._size = 0

    def add(self, text: bytes) -> None:
        if self.kind is None or self._size > LARGEST_VALUE:
            return
        self._body.append(text)
        self._size += len(text)
        if self._size > LARGEST_VALUE:
            self._body.clear()

    def closed(self) -> Iterator[Read]:
        if self.kind is None:
            return
        if self._size > LARGEST_VALUE:
            yield self._line, Invalid("it is longer than {longest} bytes", longest=LARGEST_VALUE)
            return
        try:
            value = encodings.from_base64(b"".join(self._body))
            if self._label == _TRUSTED:
                value = encodings.without_trust(value)
        except Invalid as error:
            yield self._line, error
        else:
            # Windows calls a PKCS#7 a certificate too.
            yield from _opened(self._line, encodings.pkcs7_or(self.kind, value), value)

    def left_open(self) -> Iterator[Read]:
        if self.kind is not None:
            yield self._line, Invalid("BEGIN without END")


def _blocks(lines: Iterator[tuple[int, bytes]]) -> Iterator[Read | None]:
    """Yield the content of a text's blocks, and None for each BEGIN; skip keys and requests."""
    block: _Block | None = None
    has_block, size = False, 0
    for number, line in lines:
        size += len(line)
        if b"-----" not in line:  # most lines
            if block is not None:
                block.add(line)
            elif size > _HEAD and not has_block:
                return
            continue
        start = 0
        for mark in _MARK.finditer(line):
            if block is not None:
                block.add(line[start : mark.start()])
                yield from block.closed() if mark[1] == b"END" else block.left_open()
                block = None
            if mark[1] == b"BEGIN":
                has_block, block = True, _Block(number, mark[2])
                yield None
            start = mark.end()
        if block is not None:
            block.add(line[start:])
    if block is not None:
        yield from block.left_open()


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the lines with their numbers. A long line comes in parts, which cut no mark in two."""
    encoding = _utf_16(file.read(max(map(len, _UTF_16))))
    file.seek(0)
    readline: Callable[[int], bytes] = file.readline
    if encoding is not None:
        text = codecs.getreader(encoding)(file, "replace")

        def readline(longest: int) -> bytes:
            return text.readline(longest).encode(errors="replace")

    number, rest = 1, b""
    while line := readline(LONGEST_LINE):
        is_whole = line.endswith(b"\n")
        if rest or not is_whole:
            line, rest = rest + line, b""
            if not is_whole and (cut := _CUT.search(line, max(0, len(line) - _LONGEST_MARK))):
                line, rest = line[: cut.start()], line[cut.start() :]
        yield number, line
        number += is_whole
    if rest:
        yield number, rest


# -- base64 alone


def _bare(file: BinaryIO) -> Iterator[Read]:
    text = as_utf_8(file.read(LARGEST_BARE + 1))
    value = encodings.from_bare_base64(text.removeprefix(codecs.BOM_UTF8))
    kind = None if value is None else encodings.kind_of(value)
    if value is not None and kind is not None:
        yield from _opened(1, kind, value)


def as_utf_8(text: bytes) -> bytes:
    """Return the text in UTF-8; it may be UTF-16."""
    encoding = _utf_16(text)
    return text if encoding is None else text.decode(encoding, "replace").encode(errors="replace")


def _utf_16(start: bytes) -> str | None:
    return next((name for mark, name in _UTF_16.items() if start.startswith(mark)), None)
