"""Parse certificates completely, compare them, encode them as PEM and DER."""

from __future__ import annotations

import warnings
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from renrakucho_ca.errors import Invalid
from renrakucho_ca.pki import UNREADABLE
from renrakucho_ca.pki.keys import public_key_of
from renrakucho_ca.pki.signatures import signed_by

# The library's warnings about others' certificates on stderr help no user. It counts the octets of
# a common name, but RFC 5280 appendix A.1 allows 64 characters: 64 octets would end a Japanese name
# after the 21st. The other warnings are about old CAs' habits: serial number 0, NULL parameters of
# ECDSA, PKCS#7 and #12 in BER, UTF-8 in a VisibleString.
for _message in (
    "Attribute's length must be",
    "Parsed a serial number",
    "The parsed certificate contains a NULL parameter",
    "PKCS#7 certificates could not be parsed as DER",
    "PKCS#12 bundle could not be parsed as DER",
    "Invalid ASN.1",
):
    warnings.filterwarnings("ignore", _message, UserWarning)

_Kind = TypeVar("_Kind", bound=x509.ExtensionType)


def load(der: bytes) -> x509.Certificate:
    """Parse a certificate in DER completely. Raise Invalid if any part is unreadable.

    The library parses names, extensions and key on access, where a fault would appear anywhere.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = certificate.subject, certificate.issuer, certificate.extensions
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        _ = certificate.signature_hash_algorithm, certificate.signature_algorithm_parameters
        certificate.public_key()
    except UNREADABLE:
        raise Invalid("not a readable certificate") from None
    return certificate


def load_pem(data: bytes) -> list[x509.Certificate]:
    """Return all certificates in a PEM file in order.

    Raise Invalid if one is bad or none exists.
    """
    try:
        found = x509.load_pem_x509_certificates(data)
    except UNREADABLE:
        raise Invalid("no readable certificate in PEM found") from None
    return [load(to_der(certificate)) for certificate in found]


def check_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """Verify that the issuer, or a root itself, signed the certificate. Raise Invalid if not."""
    if not signed_by(certificate, issuer):
        raise Invalid(
            "{issuer} did not issue {subject}",
            issuer=subject_text(issuer),
            subject=subject_text(certificate),
        )


def to_pem(certificate: x509.Certificate) -> bytes:
    """Encode a certificate as PEM (RFC 7468), ending with a line feed."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def to_der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def fingerprint_sha256(certificate: x509.Certificate) -> str:
    """Return SHA-256 over the DER, in lower-case hex without colons."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def common_name(certificate: x509.Certificate) -> str:
    """Return the first common name of the subject, else the whole subject."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else subject_text(certificate)


def subject_text(holder: x509.Certificate | x509.CertificateSigningRequest) -> str:
    """Return the subject in the form of RFC 4514: the last attribute first."""
    return holder.subject.rfc4514_string()


def extension(certificate: x509.Certificate, kind: type[_Kind]) -> _Kind | None:
    """Return an extension's value, or None.

    Raise ValueError or x509.DuplicateExtension for a certificate that `load` has not parsed.
    """
    # By the identifier: get_extension_for_class checks the class of each, which takes three times
    # as long for a missing one. The linter does this twenty times for a certificate.
    for each in certificate.extensions:
        if each.oid == kind.oid:
            assert isinstance(each.value, kind)
            return each.value
    return None


def path_length(ca: x509.Certificate) -> int | None:
    """Return the number of CAs allowed below (§4.2.1.9); None for no limit."""
    constraints = extension(ca, x509.BasicConstraints)
    return None if constraints is None else constraints.path_length


def authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Return the issuer's subjectKeyIdentifier unchanged (§4.2.1.1), for certificates and CRLs.

    It is derived from the key if an imported issuer has none.
    """
    identifier = extension(issuer, x509.SubjectKeyIdentifier)
    if identifier is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key_of(issuer))
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
