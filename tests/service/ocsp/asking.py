"""A relying party in Python: asks as `cryptography` does, and believes nothing unproven."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from asn1crypto import ocsp as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from renrakucho_ca.model import RetrievalNumber
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.ocsp.responder import OcspResponder
from renrakucho_ca.store.tables import certificates, hierarchies
from tests.shared.homes import issue

GOOD, REVOKED, UNKNOWN = "good", "revoked", "unknown"
MALFORMED, INTERNAL_ERROR, TRY_LATER, UNAUTHORIZED = (
    "malformed_request",
    "internal_error",
    "try_later",
    "unauthorized",
)


def ask(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    hash: hashes.HashAlgorithm | None = None,
    nonce: bytes | None = None,
) -> bytes:
    """A request in DER, by SHA-1 as most clients ask."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        certificate,
        issuer,
        hash or hashes.SHA1(),
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(serialization.Encoding.DER)


@dataclass(frozen=True)
class OcspReply:
    """What an answer says, once signer and signature are proven; an error says its name alone."""

    status: str
    serial: int | None = None
    reason: str | None = None
    revoked_at: datetime | None = None
    this_update: datetime | None = None
    next_update: datetime | None = None
    nonce: bytes | None = None
    signer_ends: datetime | None = None


def read(answer: bytes, issuer: x509.Certificate) -> OcspReply:
    """Read by asn1crypto, strictly; proven by `cryptography`."""
    whole = asn1.OCSPResponse.load(answer, strict=True)
    if whole["response_status"].native != "successful":
        return OcspReply(whole["response_status"].native)
    response = ocsp.load_der_ocsp_response(answer)
    (signer,) = response.certificates
    signer.verify_directly_issued_by(issuer)
    usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    signer.extensions.get_extension_for_class(x509.OCSPNoCheck)
    key = signer.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert response.signature_hash_algorithm is not None
    key.verify(
        response.signature, response.tbs_response_bytes, ec.ECDSA(response.signature_hash_algorithm)
    )
    identifier = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert response.responder_key_hash == identifier.digest
    assert signer.not_valid_before_utc <= response.this_update_utc
    assert response.next_update_utc is not None
    assert response.next_update_utc <= signer.not_valid_after_utc
    try:
        nonce = response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        nonce = None
    return OcspReply(
        status=response.certificate_status.name.lower(),
        serial=response.serial_number,
        reason=response.revocation_reason.value if response.revocation_reason else None,
        revoked_at=response.revocation_time_utc,
        this_update=response.this_update_utc,
        next_update=response.next_update_utc,
        nonce=nonce,
        signer_ends=signer.not_valid_after_utc,
    )


class OcspClient:
    """Asks a home about the certificates of its hierarchy `new`, past HTTP.

    Attributes:
        issuer: the issuing CA.
    """

    def __init__(self, home: Home, portal_home: Home) -> None:
        self._home = home
        self._portal_home = portal_home
        self._answerer = OcspResponder()
        hierarchy = hierarchies.get(home.db, "new")
        self.issuer = x509.load_der_x509_certificate(hierarchy.issuing.certificate)
        self.root = x509.load_der_x509_certificate(hierarchy.root.certificate)

    def issue(self) -> RetrievalNumber:
        return issue(self._home, hierarchy="new").certificate.number

    def certificate(self, number: RetrievalNumber) -> x509.Certificate:
        return x509.load_der_x509_certificate(certificates.der(self._home.db, number))

    def ask(
        self,
        number: RetrievalNumber,
        hash: hashes.HashAlgorithm | None = None,
        nonce: bytes | None = None,
    ) -> OcspReply:
        certificate = self.certificate(number)
        reply = self.send(ask(certificate, self.issuer, hash, nonce))
        assert reply.serial in (certificate.serial_number, None)
        return reply

    def serials(self, request: bytes) -> list[int]:
        """About which certificates the answer to a request is."""
        answer = self._answerer.answer(self._portal_home, "new", request)
        loaded = ocsp.load_der_ocsp_response(answer.response)
        return [each.serial_number for each in loaded.responses]

    def send(self, request: bytes, issuer: x509.Certificate | None = None) -> OcspReply:
        answer = self._answerer.answer(self._portal_home, "new", request)
        return read(answer.response, issuer or self.issuer)
