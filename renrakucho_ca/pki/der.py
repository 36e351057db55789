"""Encode and walk DER (X.690), as `cryptography` cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

BOOLEAN, INTEGER, OCTET_STRING, OBJECT_IDENTIFIER, ENUMERATED = 0x01, 0x02, 0x04, 0x06, 0x0A
UTF8_STRING, PRINTABLE_STRING, UTC_TIME, GENERALIZED_TIME = 0x0C, 0x13, 0x17, 0x18
BIT_STRING, SEQUENCE = 0x03, 0x30

_LONGEST_HEADER = 10  # a tag, and a length in 64 bits


class Element(NamedTuple):
    """A value in a shared buffer: `whole` includes its header, `content` does not.

    A tuple: the linter makes dozens for a certificate, and a frozen dataclass takes twice the time.
    """

    tag: int
    whole: memoryview
    content: memoryview


def header(tag: int, length: int) -> bytes:
    """Return a tag and a definite length in the fewest octets (X.690 §10.1)."""
    if length < 0x80:
        return bytes((tag, length))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets


def encode(tag: int, *content: bytes) -> bytes:
    """Return a value: its header and the joined parts of its content."""
    joined = b"".join(content)
    return header(tag, len(joined)) + joined


def integer(value: int) -> bytes:
    """Encode an INTEGER in the fewest octets of two's complement (X.690 §8.3)."""
    octets = (value + (value < 0)).bit_length() // 8 + 1
    return encode(INTEGER, value.to_bytes(octets, "big", signed=True))


def elements(content: bytes | memoryview) -> Iterator[Element]:
    """Yield the consecutive values in `content`, without a copy.

    Nothing is checked: the library must have parsed the structure before.
    """
    rest = memoryview(content)
    while rest:
        start, length = 2, rest[1]
        if length & 0x80:
            start = 2 + (length & 0x7F)
            length = int.from_bytes(rest[2:start], "big")
        yield Element(rest[0], rest[: start + length], rest[start : start + length])
        rest = rest[start + length :]


def untrusted(content: bytes | memoryview) -> list[Element]:
    """Return `elements` of octets that no parser has checked.

    Raises:
        ValueError: a length that is indefinite, not minimal or past the end, or a tag of several
            octets.
    """
    found = []
    rest = memoryview(content)
    while rest:
        start, length = _measured(rest)
        if len(rest) < start + length:
            raise ValueError("no DER")
        found.append(Element(rest[0], rest[: start + length], rest[start : start + length]))
        rest = rest[start + length :]
    return found


def place(file: BinaryIO, at: int) -> tuple[int, int]:
    """Return the begin and end of a value's content in a file; `at` is the place of its header.

    The content is not read. Raise ValueError as `untrusted` does, except if the value ends past the
    file.
    """
    file.seek(at)
    start, length = _measured(memoryview(file.read(_LONGEST_HEADER)))
    return at + start, at + start + length


def _measured(rest: memoryview) -> tuple[int, int]:
    """Return the lengths in octets of the first header and of its content."""
    if len(rest) < 2 or rest[0] & 0x1F == 0x1F:
        raise ValueError("no DER")
    start, length = 2, rest[1]
    if length & 0x80:
        start = 2 + (length & 0x7F)
        length = int.from_bytes(rest[2:start], "big")
        if header(rest[0], length) != rest[:start]:
            raise ValueError("no DER")
    return start, length
