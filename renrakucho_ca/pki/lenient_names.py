"""Parse names of other programs' certificates.

Old CAs wrote Latin-1 into T61 strings, which the library refuses to read.
"""

from __future__ import annotations

from renrakucho_ca.pki import der

_COMMON_NAME = b"\x55\x04\x03"  # 2.5.4.3
_EMAIL_ADDRESS = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"  # 1.2.840.113549.1.9.1 (PKCS #9)
_BMP_STRING, _UNIVERSAL_STRING = 0x1E, 0x1C


def person(subject: memoryview) -> str | None:
    """Return the last, most specific common name of a subject, else its mail address.

    `subject` is the content of a Name (RFC 5280 §4.1.2.4).
    """
    found: dict[bytes, str] = {}
    for relative in der.elements(subject):
        for attribute in der.elements(relative.content):
            oid, value = der.elements(attribute.content)
            if oid.content in (_COMMON_NAME, _EMAIL_ADDRESS):
                found[bytes(oid.content)] = _text(value)
    return found.get(_COMMON_NAME) or found.get(_EMAIL_ADDRESS)


def _text(value: der.Element) -> str:
    octets = bytes(value.content)
    if value.tag == _BMP_STRING:
        return octets.decode("utf-16-be", "replace")
    if value.tag == _UNIVERSAL_STRING:
        return octets.decode("utf-32-be", "replace")
    return decode(octets)


def decode(octets: bytes) -> str:
    """Decode a name as UTF-8, else as Latin-1, which accepts all bytes."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")
