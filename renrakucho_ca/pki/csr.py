"""Read certification requests (PKCS #10, RFC 2986), and verify that the maker has the key."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from renrakucho_ca.errors import Invalid
from renrakucho_ca.pki import UNREADABLE
from renrakucho_ca.pki.keys import PublicKey, public_key_of

LONGEST = 64 * 1024
"""Octets. A request with an RSA-8192 key and its signature has under 4 KiB."""


def load(data: bytes) -> PublicKey:
    """Return the key of a device's request. Raise Invalid as `read` does.

    Its subject and extensions are ignored: our record and profile define them.
    """
    return public_key_of(read(data))


def read(data: bytes) -> x509.CertificateSigningRequest:
    """Read a request in PEM or DER, and verify that its maker has the private key.

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
    """Encode a request in DER as PEM (RFC 7468)."""
    return x509.load_der_x509_csr(der).public_bytes(Encoding.PEM)
