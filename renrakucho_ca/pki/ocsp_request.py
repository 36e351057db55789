"""Parse OCSP requests (RFC 6960 §4.1) from anyone in bounded time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from renrakucho_ca.errors import Invalid
from renrakucho_ca.pki import der

LARGEST = 8192
"""Bytes. One certificate takes about 100, a signature with its chain some thousand."""

MOST_CERTIFICATES = 32
"""Each takes a look-up, and a signature without a stored response."""

HASHES = {
    "sha1": bytes.fromhex("2b0e03021a"),  # 1.3.14.3.2.26
    "sha256": bytes.fromhex("608648016503040201"),  # 2.16.840.1.101.3.4.2.1
}
"""Hashes of CertIDs, by object identifier. RFC 5019 uses the first, its
successors and many clients the second."""

_NAMES = {oid: name for name, oid in HASHES.items()}
_NONCE = bytes.fromhex("2b0601050507300102")  # id-pkix-ocsp-nonce
_LONGEST_NONCE = 128
_EXPLICIT_0, _EXPLICIT_1, _EXPLICIT_2 = 0xA0, 0xA1, 0xA2


@dataclass(frozen=True, slots=True)
class CertId:
    """The identifier of the requested certificate (§4.1.1).

    Attributes:
        hash: `sha1` or `sha256`; None for an unknown one.
        issuer: the hashes of the issuer's name and of its key, joined.
    """

    hash: str | None
    issuer: bytes
    serial: int


@dataclass(frozen=True, slots=True)
class OcspRequest:
    """A parsed OCSP request. The response repeats `nonce`, the content of its OCTET STRING."""

    certificates: tuple[CertId, ...]
    nonce: bytes | None


def parse(data: bytes) -> OcspRequest:
    """Parse an OCSPRequest in DER. Ignore its signature and the requestor's name.

    Raises:
        Invalid: malformed, without certificate or with too many, with an unknown critical
            extension, or a nonce of a length that RFC 9654 §2.1 refuses.
    """
    try:
        return _parse(data)
    except ValueError:
        raise Invalid("not a readable OCSP request") from None


def _parse(data: bytes) -> OcspRequest:
    if len(data) > LARGEST:
        raise ValueError
    (whole,) = der.untrusted(data)
    tbs, *signature = der.untrusted(_content(whole, der.SEQUENCE))
    if signature and (len(signature) > 1 or signature[0].tag != _EXPLICIT_0):
        raise ValueError
    fields = der.untrusted(_content(tbs, der.SEQUENCE))
    versions = [fields.pop(0)] if fields and fields[0].tag == _EXPLICIT_0 else []
    if any(bytes(version.content) != der.integer(0) for version in versions):  # v1 is the only one
        raise ValueError
    if fields and fields[0].tag == _EXPLICIT_1:
        fields.pop(0)
    certificates, *extensions = fields
    wanted = der.untrusted(_content(certificates, der.SEQUENCE))
    if not 1 <= len(wanted) <= MOST_CERTIFICATES or len(extensions) > 1:
        raise ValueError
    return OcspRequest(
        certificates=tuple(map(_single, wanted)),
        nonce=_nonce(_extensions(extensions, _EXPLICIT_2)),
    )


def _single(request: der.Element) -> CertId:
    certificate, *extensions = der.untrusted(_content(request, der.SEQUENCE))
    if len(extensions) > 1:
        raise ValueError
    _extensions(extensions, _EXPLICIT_0)
    algorithm, name, key, serial = der.untrusted(_content(certificate, der.SEQUENCE))
    oid, *_ = der.untrusted(_content(algorithm, der.SEQUENCE))
    octets = bytes(_content(serial, der.INTEGER))
    value = int.from_bytes(octets, "big", signed=True)
    if der.integer(value) != serial.whole:  # longer than need be, or empty
        raise ValueError
    return CertId(
        hash=_NAMES.get(bytes(_content(oid, der.OBJECT_IDENTIFIER))),
        issuer=bytes(_content(name, der.OCTET_STRING)) + bytes(_content(key, der.OCTET_STRING)),
        serial=value,
    )


def _extensions(fields: Sequence[der.Element], tag: int) -> dict[bytes, bytes]:
    """§4.4: return the extensions; skip unknown ones, but refuse critical ones."""
    found: dict[bytes, bytes] = {}
    for field in fields:
        (listed,) = der.untrusted(_content(field, tag))
        for extension in der.untrusted(_content(listed, der.SEQUENCE)):
            oid, *critical, value = der.untrusted(_content(extension, der.SEQUENCE))
            name = bytes(_content(oid, der.OBJECT_IDENTIFIER))
            if name in found or len(critical) > 1:
                raise ValueError
            is_critical = any(bytes(_content(each, der.BOOLEAN)) != b"\0" for each in critical)
            if is_critical and name != _NONCE:
                raise ValueError
            found[name] = bytes(_content(value, der.OCTET_STRING))
    return found


def _nonce(extensions: dict[bytes, bytes]) -> bytes | None:
    """RFC 9654 §2.1: require an OCTET STRING of 1 to 128 octets."""
    if _NONCE not in extensions:
        return None
    (nonce,) = der.untrusted(extensions[_NONCE])
    content = bytes(_content(nonce, der.OCTET_STRING))
    if not 1 <= len(content) <= _LONGEST_NONCE:
        raise ValueError
    return content


def _content(element: der.Element, tag: int) -> memoryview:
    if element.tag != tag:
        raise ValueError
    return element.content


def issuer_hashes(certificate: bytes) -> dict[str, bytes]:
    """Return the CertID values of an issuer, for each of `HASHES`.

    Args:
        certificate: the issuer's, DER; its own octets are hashed, as clients do (§4.1.1).
    """
    (whole,) = der.elements(certificate)
    tbs = next(der.elements(whole.content))
    fields = list(der.elements(tbs.content))
    first = 1 if fields[0].tag == _EXPLICIT_0 else 0  # version
    subject, key = fields[first + 4], fields[first + 5]
    _, bits = der.elements(key.content)
    # The key's BIT STRING without tag, length and number of unused bits.
    return {
        name: hashlib.new(name, subject.whole).digest()
        + hashlib.new(name, bits.content[1:]).digest()
        for name in HASHES
    }
