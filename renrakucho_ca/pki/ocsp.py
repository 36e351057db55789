"""Assemble OCSP responses (RFC 6960 §4.2) from DER: a million of them, or one with a nonce.

The library's builder takes ten times as long as the signature. The shared part of a signing's
responses is encoded once; a certificate adds its serial number and its status.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from time import gmtime, strftime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import RevocationReason
from renrakucho_ca.pki import der
from renrakucho_ca.pki.crl import REASON_CODES
from renrakucho_ca.pki.keys import from_pkcs8
from renrakucho_ca.pki.ocsp_request import HASHES
from renrakucho_ca.pki.x509_certificates import to_der

_NULL = b"\x05\x00"
_BASIC = bytes.fromhex("2b0601050507300101")  # id-pkix-ocsp-basic
_NONCE = bytes.fromhex("2b0601050507300102")  # id-pkix-ocsp-nonce
_ECDSA_WITH_SHA256 = bytes.fromhex("2a8648ce3d040302")
_EXPLICIT_0, _EXPLICIT_1, _BY_KEY, _REVOKED = 0xA0, 0xA1, 0xA2, 0xA1

ResponderKey = ec.EllipticCurvePrivateKey
"""Always one on P-256."""

GOOD, UNKNOWN = b"\x80\x00", b"\x82\x00"
"""CertStatus (§4.2.1); `status` returns the third."""


class OcspError(Enum):
    """The unsigned responses (§2.3): OCSPResponseStatus, and the whole response."""

    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    UNAUTHORIZED = 6

    @property
    def response(self) -> bytes:
        return der.encode(der.SEQUENCE, der.encode(der.ENUMERATED, bytes((self.value,))))


def _revoked(code: int | None) -> tuple[bytes, bytes]:
    """Return the parts of CertStatus revoked before and after its moment.

    Args:
        code: CRLReason; None omits it, which means unspecified, as in a CRL.
    """
    reason = b""
    if code is not None:
        reason = der.encode(_EXPLICIT_0, der.encode(der.ENUMERATED, bytes((code,))))
    moment = der.header(der.GENERALIZED_TIME, _MOMENT_OCTETS)
    return der.header(_REVOKED, len(moment) + _MOMENT_OCTETS + len(reason)) + moment, reason


_MOMENT, _MOMENT_OCTETS = "%Y%m%d%H%M%SZ", 15
_BY_REASON = {reason.value: _revoked(REASON_CODES.get(reason)) for reason in RevocationReason}


def status(revoked_at: int | None, reason: str | None) -> bytes:
    """Return CertStatus of an issued certificate. Raise Invalid for a bad moment or reason.

    Args:
        revoked_at: in seconds since 1970; None if it is not revoked.
        reason: a stored `RevocationReason`.
    """
    if revoked_at is None:
        return GOOD
    try:
        before, after = _BY_REASON[reason or ""]
        moment = strftime(_MOMENT, gmtime(revoked_at)).encode()
    except (KeyError, ValueError, OverflowError, OSError):
        moment = b""
    if len(moment) != _MOMENT_OCTETS:
        raise Invalid("a revocation cannot be read: {at}, {reason}", at=revoked_at, reason=reason)
    return before + moment + after


@dataclass(frozen=True, slots=True)
class Period:
    """thisUpdate, which is also producedAt, and nextUpdate (§4.2.2.1): aware, whole seconds."""

    this_update: datetime
    next_update: datetime


class Form:
    """The shared part of one responder's responses about one issuer in one period.

    Args:
        hash: of the request's CertID, which the response repeats.
        issuer: the hashes of its name and key, from `ocsp_request.issuer_hashes`.
        responder: the signer's certificate, which the response includes.
    """

    def __init__(
        self, hash: str, issuer: bytes, responder: x509.Certificate, period: Period
    ) -> None:
        # RFC 5019 §2.2.1, §4.2.2.3: byKey, which is shorter than a name.
        key = x509.SubjectKeyIdentifier.from_public_key(responder.public_key()).digest
        produced = _time(period.this_update)
        self._responder_and_time = der.encode(_BY_KEY, der.encode(der.OCTET_STRING, key)) + produced
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

    def to_be_signed(self, number: bytes, status: bytes) -> bytes:
        """Return ResponseData about one certificate, without extensions.

        The octets before the serial number depend only on the lengths, which are few.

        Args:
            number: the serial number as INTEGER.
        """
        lengths = len(number), len(status)
        head = self._heads.get(lengths)
        if head is None:
            whole = response_data(self, [self.single(number, status)])
            head = whole[: len(whole) - sum(lengths) - len(self._period)]
            self._heads[lengths] = head
        return head + number + status + self._period

    def single(self, number: bytes, status: bytes) -> bytes:
        """Return SingleResponse about the certificate with that serial number, an INTEGER."""
        certificate = der.encode(der.SEQUENCE, self._issuer, number)
        return der.encode(der.SEQUENCE, certificate, status, self._period)

    def response(self, to_be_signed: bytes, signature: bytes) -> bytes:
        """Return the whole OCSPResponse."""
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
    def responder_and_time(self) -> bytes:
        """Return responderID and producedAt."""
        return self._responder_and_time


def response_data(form: Form, singles: Sequence[bytes], nonce: bytes | None = None) -> bytes:
    """Return ResponseData about several certificates, with the request's nonce (§4.4.1)."""
    extensions = b""
    if nonce is not None:
        value = der.encode(der.OCTET_STRING, der.encode(der.OCTET_STRING, nonce))
        one = der.encode(der.SEQUENCE, der.encode(der.OBJECT_IDENTIFIER, _NONCE), value)
        extensions = der.encode(_EXPLICIT_1, der.encode(der.SEQUENCE, one))
    return der.encode(
        der.SEQUENCE, form.responder_and_time, der.encode(der.SEQUENCE, *singles), extensions
    )


_ALGORITHM = ec.ECDSA(Prehashed(hashes.SHA256()))


def load_key(pkcs8: bytes) -> ResponderKey:
    """Load a responder's key from PKCS#8 in DER. Raise Invalid if it is none."""
    key = from_pkcs8(pkcs8)
    if not isinstance(key, ResponderKey):
        raise Invalid("the private key cannot be read")
    return key


def sign(key: ResponderKey, to_be_signed: bytes) -> bytes:
    """Return a responder's signature.

    The hash is made here and the algorithm once: nine tenths of the time of `keys.sign`.
    """
    return key.sign(hashlib.sha256(to_be_signed).digest(), _ALGORITHM)


def _time(moment: datetime) -> bytes:
    return der.encode(der.GENERALIZED_TIME, moment.astimezone(UTC).strftime(_MOMENT).encode())
