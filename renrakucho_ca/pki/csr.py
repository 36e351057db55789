"""Certification requests (PKCS #10, RFC 2986), their maker's possession of the key proven."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from renrakucho_ca.errors import Invalid
from renrakucho_ca.pki import UNREADABLE
from renrakucho_ca.pki.keys import PublicKey, public_key_of

LONGEST = 64 * 1024
"""Octets. A request with an RSA-8192 key and its signature has under 4 KiB."""


def load(data: bytes) -> PublicKey:
    """The key of a device's request.

    Subject and extensions of the request are not used: whose certificate it becomes and what it
    may do stand in our own record and profile.

    Raises:
        Invalid: as `read`.
    """
    return public_key_of(read(data))


def read(data: bytes) -> x509.CertificateSigningRequest:
    """A request, once its owner has proven to hold the private half.

    Args:
        data: PEM or DER.

    Raises:
        Invalid: not a request, too long, its signature does not verify, or its key is too weak.
    """
    if len(data) > LONGEST:
        raise Invalid("the certificate request is longer than {longest} bytes", longest=LONGEST)
    is_pem = b"-----BEGIN" in data
    try:
        request = x509.load_pem_x509_csr(data) if is_pem else x509.load_der_x509_csr(data)
        _ = request.subject
    except UNREADABLE:
        raise Invalid("not a certificate request (PKCS #10)") from None
    public_key_of(request)
    if not request.is_signature_valid:
        raise Invalid("the signature of the certificate request does not verify")
    return request


def to_pem(der: bytes) -> bytes:
    """RFC 7468 text of a request that `builder.ca_request` made."""
    return x509.load_der_x509_csr(der).public_bytes(Encoding.PEM)
