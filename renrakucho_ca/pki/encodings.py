"""Detect certificates, CRLs and PKCS#7 by content in the encodings that programs write."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from enum import Enum, auto
from itertools import islice

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from renrakucho_ca.errors import Invalid
from renrakucho_ca.pki import UNREADABLE, der

_EXPLICIT_0 = 0xA0  # TBSCertificate.version (RFC 5280 §4.1)
_CRLS_FIELD = 0xA1  # SignedData.crls, [1] IMPLICIT (RFC 5652 §5.1)
# The start of a ContentInfo in BER, which may leave its length open (X.690 §8.1.3.6): many programs
# write PKCS#7 so.
_INDEFINITE_CONTENT_INFO = b"\x30\x80\x06"
_SIGNED_DATA = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"  # id-signedData (RFC 5652 §5.1)
_DEEPEST = 16
"""Nested values of open length; the CRLs of a PKCS#7 are five deep."""
_PKCS12 = re.compile(
    rb"\x30(?:[\x00-\x80]|\x81.|\x82..|\x83...|\x84....)\x02\x01\x03\x30", re.DOTALL
)
_PADDING = b"\r\n \0"
"""Bytes that editors and tokens append to a value."""
_BASE64_START = re.compile(rb"\s*MI[A-Za-z0-9+/]")
"""A SEQUENCE of more than 127 octets, in base64."""
_ESCAPE = re.compile(rb"\\(?:[nrt]|(/)|u00([0-9A-Fa-f]{2}))")
"""JSON's escapes for line ends, and for any character (RFC 8259 §7)."""


class ContentKind(Enum):
    """The kind of a DER value, by its outermost fields."""

    CERTIFICATE = auto()
    CRL = auto()
    PKCS7 = auto()


Value = tuple[ContentKind, bytes]


def kind_of(data: bytes) -> ContentKind | None:
    """Return the kind of a DER value; None for another kind or an incomplete value."""
    if data.startswith(_INDEFINITE_CONTENT_INFO):
        return ContentKind.PKCS7
    try:
        outer = next(der.elements(data))
        inner = next(der.elements(outer.content))
        fields = [field.tag for field in islice(der.elements(inner.content), 4)]
    except (IndexError, StopIteration):
        return None
    # A text of digits can look like the beginning of a value, but not with that length.
    header = der.header(der.SEQUENCE, len(outer.content))
    if len(outer.whole) != len(data) or not data.startswith(header):
        return None
    if inner.tag == der.OBJECT_IDENTIFIER:  # ContentInfo.contentType
        return ContentKind.PKCS7
    if inner.tag != der.SEQUENCE:
        return None
    # TBSCertList: version OPTIONAL, AlgorithmIdentifier, Name, Time, where a certificate of
    # version 1 has a serial number, AlgorithmIdentifier, Name, Validity.
    if der.UTC_TIME in fields or der.GENERALIZED_TIME in fields:
        return ContentKind.CRL
    is_version_1 = fields == [der.INTEGER, der.SEQUENCE, der.SEQUENCE, der.SEQUENCE]
    return ContentKind.CERTIFICATE if is_version_1 or fields[:1] == [_EXPLICIT_0] else None


def is_pkcs12(data: bytes) -> bool:
    """Return whether data begins as a PKCS#12: a SEQUENCE with version 3 (RFC 7292 §4)."""
    return _PKCS12.match(data) is not None


def pkcs7_or(kind: ContentKind, data: bytes) -> ContentKind:
    """Return PKCS7 if data begins as one, else `kind`."""
    return ContentKind.PKCS7 if _SIGNED_DATA in data[:20] else kind


def values(data: bytes) -> tuple[list[Value], bytes]:
    """Return the consecutive values in a file, and the rest without padding."""
    found: list[Value] = []
    rest = data
    while rest:
        try:
            first = bytes(next(der.elements(rest)).whole)
        except IndexError:
            break
        if rest.startswith(_INDEFINITE_CONTENT_INFO):
            first = rest
        kind = kind_of(first)
        if kind is None:
            break
        found.append((kind, first))
        rest = rest[len(first) :].lstrip(_PADDING)
    return found, rest


def open_pkcs7(data: bytes) -> list[Value]:
    """Return the certificates and CRLs of a PKCS#7 (RFC 5652 SignedData) in DER or BER.

    Raise Invalid if it is unreadable, encrypted, or signs other content.
    """
    crls = [(ContentKind.CRL, bytes(crl)) for crl in _crls(data)]
    try:
        certificates = pkcs7.load_der_pkcs7_certificates(data)
    except UNREADABLE:
        if crls:  # The library refuses a PKCS#7 without certificates.
            return crls
        raise Invalid("not a PKCS#7 with readable certificates") from None
    found = [
        (ContentKind.CERTIFICATE, c.public_bytes(serialization.Encoding.DER)) for c in certificates
    ]
    return found + crls


def _crls(data: bytes) -> list[memoryview]:
    """Return the CRLs, which the library skips."""
    try:
        (content_info,) = _elements(data)
        _, content = _elements(content_info.content)
        (signed_data,) = _elements(content.content)
        return [
            crl.whole
            for field in _elements(signed_data.content)
            if field.tag == _CRLS_FIELD
            for crl in _elements(field.content)
        ]
    except (IndexError, ValueError):
        return []


def _elements(content: bytes | memoryview, depth: int = 0) -> Iterator[der.Element]:
    """Yield `der.elements`, also of BER: two NULs end an open length (X.690 §8.1.5).

    Raise ValueError or IndexError if it is not BER.
    """
    rest = memoryview(content)
    while rest and bytes(rest[:2]) != b"\0\0":
        if rest[1] != 0x80:
            found = next(der.elements(rest))
        elif depth == _DEEPEST:
            raise ValueError
        else:
            end = 2 + sum(len(each.whole) for each in _elements(rest[2:], depth + 1))
            found = der.Element(rest[0], rest[: end + 2], rest[2:end])
        yield found
        rest = rest[len(found.whole) :]


def from_base64(text: bytes) -> bytes:
    """Decode base64 between BEGIN and END, also inside JSON. Raise Invalid if it is not base64."""
    if b"\\" in text:
        text = _ESCAPE.sub(_unescaped, text)
    try:
        return binascii.a2b_base64(text)
    except binascii.Error:
        raise Invalid("the text between BEGIN and END is not base64") from None


def _unescaped(match: re.Match[bytes]) -> bytes:
    slash, code = match.groups()
    return bytes((int(code, 16),)) if code else slash or b""


def from_bare_base64(text: bytes) -> bytes | None:
    """Decode a value in base64 without BEGIN and END, as Windows exports it; None if it is none."""
    if _BASE64_START.match(text) is None:
        return None
    try:
        return binascii.a2b_base64(b"".join(text.split()), strict_mode=True)
    except binascii.Error:
        return None


def without_trust(data: bytes) -> bytes:
    """Return the certificate in an OpenSSL `TRUSTED CERTIFICATE`, without its trust settings.

    Raise Invalid if it does not begin with a value in DER.
    """
    try:
        return bytes(next(der.elements(data)).whole)
    except (IndexError, StopIteration):
        raise Invalid("not a readable certificate") from None
