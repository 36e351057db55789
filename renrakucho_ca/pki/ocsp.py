"""OCSP responses (RFC 6960 §4.2) put together from DER: a million of them, or one with a nonce.

The library's builder takes ten times as long as the signature in it. What the responses of one
signing have in common is encoded once here; a certificate adds its serial number and its status.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from renrakucho_ca.model import Revocation
from renrakucho_ca.pki import der
from renrakucho_ca.pki.certificates import to_der
from renrakucho_ca.pki.crl import REASON_CODES
from renrakucho_ca.pki.keys import PrivateKey
from renrakucho_ca.pki.ocsp_request import HASHES

_NULL = b"\x05\x00"
_BASIC = bytes.fromhex("2b0601050507300101")  # id-pkix-ocsp-basic
_NONCE = bytes.fromhex("2b0601050507300102")  # id-pkix-ocsp-nonce
_ECDSA_WITH_SHA256 = bytes.fromhex("2a8648ce3d040302")
_EXPLICIT_0, _EXPLICIT_1, _BY_KEY, _REVOKED = 0xA0, 0xA1, 0xA2, 0xA1

GOOD, UNKNOWN = b"\x80\x00", b"\x82\x00"
"""CertStatus (§4.2.1); `revoked` makes the third."""


class Failure(Enum):
    """The answers that nobody signs (§2.3): OCSPResponseStatus, and the whole response."""

    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    UNAUTHORIZED = 6

    @property
    def response(self) -> bytes:
        return der.encode(der.SEQUENCE, der.encode(der.ENUMERATED, bytes((self.value,))))


def revoked(revocation: Revocation) -> bytes:
    """CertStatus revoked. As in a CRL, no reason stands for unspecified."""
    code = REASON_CODES.get(revocation.reason)
    reason = b""
    if code is not None:
        reason = der.encode(_EXPLICIT_0, der.encode(der.ENUMERATED, bytes((code,))))
    return der.encode(_REVOKED, _time(revocation.at), reason)


def status(revocation: Revocation | None) -> bytes:
    """CertStatus of a certificate that was issued."""
    return GOOD if revocation is None else revoked(revocation)


@dataclass(frozen=True, slots=True)
class Period:
    """thisUpdate, which is producedAt as well, and nextUpdate (§4.2.2.1): aware, whole seconds."""

    this_update: datetime
    next_update: datetime


class Form:
    """What all responses of one responder about one issuer in one period share.

    Args:
        hash: by which the clients name the issuer, and so the response must.
        issuer: the hashes of its name and key, as `ocsp_request.issuer_hashes` gives them.
        responder: the certificate of who signs, which goes along.
    """

    def __init__(
        self, hash: str, issuer: bytes, responder: x509.Certificate, period: Period
    ) -> None:
        # RFC 5019 §2.2.1 and §4.2.2.3 here: named by its key, which is shorter than a name.
        key = x509.SubjectKeyIdentifier.from_public_key(responder.public_key()).digest
        produced = _time(period.this_update)
        self._who_when = der.encode(_BY_KEY, der.encode(der.OCTET_STRING, key)) + produced
        algorithm = der.encode(der.OBJECT_IDENTIFIER, HASHES[hash])
        name, key_hash = issuer[: len(issuer) // 2], issuer[len(issuer) // 2 :]
        self._issuer = (
            der.encode(der.SEQUENCE, algorithm, _NULL)
            + der.encode(der.OCTET_STRING, name)
            + der.encode(der.OCTET_STRING, key_hash)
        )
        self._period = produced + der.encode(_EXPLICIT_0, _time(period.next_update))
        self._after = der.encode(
            der.SEQUENCE, der.encode(der.OBJECT_IDENTIFIER, _ECDSA_WITH_SHA256)
        )
        self._certificates = der.encode(_EXPLICIT_0, der.encode(der.SEQUENCE, to_der(responder)))
        self._heads: dict[tuple[int, int], bytes] = {}

    def to_be_signed(self, serial: int, status: bytes) -> bytes:
        """ResponseData about one certificate, without extensions.

        The octets before the serial number depend on the lengths alone, which are few.
        """
        number = der.integer(serial)
        lengths = len(number), len(status)
        head = self._heads.get(lengths)
        if head is None:
            whole = response_data(self, [self.single(serial, status)])
            head = whole[: len(whole) - sum(lengths) - len(self._period)]
            self._heads[lengths] = head
        return head + number + status + self._period

    def single(self, serial: int, status: bytes) -> bytes:
        """SingleResponse."""
        certificate = der.encode(der.SEQUENCE, self._issuer, der.integer(serial))
        return der.encode(der.SEQUENCE, certificate, status, self._period)

    def response(self, to_be_signed: bytes, signature: bytes) -> bytes:
        """The whole OCSPResponse."""
        basic = der.encode(
            der.SEQUENCE,
            to_be_signed,
            self._after,
            der.encode(der.BIT_STRING, b"\0", signature),
            self._certificates,
        )
        content = der.encode(der.OBJECT_IDENTIFIER, _BASIC) + der.encode(der.OCTET_STRING, basic)
        successful = der.encode(der.ENUMERATED, b"\0")
        response = der.encode(_EXPLICIT_0, der.encode(der.SEQUENCE, content))
        return der.encode(der.SEQUENCE, successful, response)

    @property
    def who_when(self) -> bytes:
        """responderID and producedAt."""
        return self._who_when


def response_data(form: Form, singles: Sequence[bytes], nonce: bytes | None = None) -> bytes:
    """ResponseData about any number of certificates, with the nonce of the request (§4.4.1)."""
    extensions = b""
    if nonce is not None:
        value = der.encode(der.OCTET_STRING, der.encode(der.OCTET_STRING, nonce))
        one = der.encode(der.SEQUENCE, der.encode(der.OBJECT_IDENTIFIER, _NONCE), value)
        extensions = der.encode(_EXPLICIT_1, der.encode(der.SEQUENCE, one))
    return der.encode(der.SEQUENCE, form.who_when, der.encode(der.SEQUENCE, *singles), extensions)


_ALGORITHM = ec.ECDSA(Prehashed(hashes.SHA256()))


def sign(key: PrivateKey, to_be_signed: bytes) -> bytes:
    """A responder's signature; its key is always one on P-256.

    Hashed here, and the algorithm made once: nine tenths of the time of what `keys.sign` does.
    """
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(hashlib.sha256(to_be_signed).digest(), _ALGORITHM)


def _time(moment: datetime) -> bytes:
    return der.encode(
        der.GENERALIZED_TIME, moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode()
    )
