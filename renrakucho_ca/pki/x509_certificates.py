"""Certificates, ours and others': read to their depths, compared, written as PEM and DER."""

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

# What the library says of others' certificates on stderr, whenever it reads one, helps no user.
# Above all it counts the octets of a common name, where RFC 5280 appendix A.1 allows 64
# characters: 64 octets would end a Japanese name after the 21st. The others are old CAs' habits:
# serial number 0, NULL parameters of ECDSA, PKCS#7 and #12 in BER, UTF-8 in a VisibleString.
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
    """A certificate from DER, read to its depths: the library itself reads names, extensions and
    key only when they are asked for, and a fault in them would come out anywhere.

    Raises:
        Invalid: not a certificate, or one with a part that cannot be read.
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
    """All certificates in a PEM file, in order; at least one.

    Raises:
        Invalid: there is none, or one that cannot be read.
    """
    try:
        found = x509.load_pem_x509_certificates(data)
    except UNREADABLE:
        raise Invalid("no readable certificate in PEM found") from None
    return [load(to_der(certificate)) for certificate in found]


def check_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """Proves that the issuer signed the certificate; a root is its own.

    Raises:
        Invalid: another name, or the signature does not verify.
    """
    if not signed_by(certificate, issuer):
        raise Invalid(
            "{issuer} did not issue {subject}",
            issuer=subject_text(issuer),
            subject=subject_text(certificate),
        )


def to_pem(certificate: x509.Certificate) -> bytes:
    """RFC 7468 text, ending with a line feed."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def to_der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def fingerprint_sha256(certificate: x509.Certificate) -> str:
    """SHA-256 over the DER, in lower-case hex without colons."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def common_name(certificate: x509.Certificate) -> str:
    """The first common name of the subject; its whole text where it has none."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else subject_text(certificate)


def subject_text(holder: x509.Certificate | x509.CertificateSigningRequest) -> str:
    """The subject as RFC 4514 writes it: the last attribute first."""
    return holder.subject.rfc4514_string()


def extension(certificate: x509.Certificate, kind: type[_Kind]) -> _Kind | None:
    """An extension's value; None where there is none of that kind.

    Raises:
        ValueError, x509.DuplicateExtension: of a certificate that `load` has not seen.
    """
    # By the identifier: get_extension_for_class asks each for its class, and takes three times as
    # long where there is none. The linter does this twenty times a certificate.
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
    """The issuer's subjectKeyIdentifier as it stands there (§4.2.1.1), in certificates and CRLs.

    An imported issuer may have none: then it is derived from its key.
    """
    identifier = extension(issuer, x509.SubjectKeyIdentifier)
    if identifier is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key_of(issuer))
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
