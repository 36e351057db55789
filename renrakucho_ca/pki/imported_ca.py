"""Read the certificate and the key of another program's CA."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from renrakucho_ca.errors import Invalid, Unavailable
from renrakucho_ca.model import Tier
from renrakucho_ca.pki import certificate_files, encodings
from renrakucho_ca.pki.encodings import ContentKind
from renrakucho_ca.pki.keys import MemoryKey, check_pair, to_pkcs8
from renrakucho_ca.pki.signatures import signed_by
from renrakucho_ca.pki.x509_certificates import extension, load, subject_text


def load_ca(data: bytes, tier: Tier) -> x509.Certificate:
    """Return the certificate of a CA in a file of any form; from a chain, that of its tier.

    Raise Invalid unless the file has exactly one for the tier, and it is a CA's.
    """
    if encodings.is_pkcs12(data):
        raise Invalid(
            "this is a PKCS#12; a certificate is required",
            hint="extract the certificate: `openssl pkcs12 -in FILE -nokeys -out ca.pem`",
        )
    found = list(_certificates(data))
    if not found:
        raise Invalid("no readable certificate found")
    if len(found) > 1:
        found = [each for each in found if signed_by(each, each) is (tier is Tier.ROOT)]
    if len(found) != 1:
        raise Invalid("{count} certificates found; one is required", count=len(found))
    certificate = found[0]
    # Version 1 has no extensions to mark a CA; later versions must (RFC 5280 §4.2.1.9).
    constraints = extension(certificate, x509.BasicConstraints)
    if certificate.version is x509.Version.v3 and not (constraints and constraints.ca):
        raise Invalid("{subject} is not a CA certificate", subject=subject_text(certificate))
    return certificate


def _certificates(data: bytes) -> Iterator[x509.Certificate]:
    for _, found in certificate_files.read(BytesIO(data)):
        if isinstance(found, Invalid):
            raise found
        kind, value = found
        if kind is ContentKind.CERTIFICATE:
            yield load(value)


def load_key(data: bytes, passphrase: bytes | None, certificate: x509.Certificate) -> MemoryKey:
    """Read a CA's private key in PEM or DER: PKCS#8, PKCS #1, SEC 1 or PKCS#12, encrypted or not.

    Args:
        certificate: the CA's, to which the key must belong.

    Raises:
        Unavailable: it is encrypted and the passphrase is missing or wrong.
        Invalid: not a key, too weak to sign with, or another CA's.
    """
    try:
        try:
            key = _read_key(data, passphrase)
        except TypeError:
            if passphrase is None:
                raise Unavailable(
                    "the CA's key is encrypted and its passphrase is missing",
                    hint="name the passphrase file with --issuing-key-passphrase-file",
                ) from None
            key = _read_key(data, None)  # A passphrase that is not needed is no reason to stop.
    except (ValueError, UnsupportedAlgorithm):
        if passphrase is not None:
            raise Unavailable(
                "cannot open the CA's key: the passphrase may be wrong",
                hint="check the passphrase; if it is right, re-encrypt the key: `openssl pkey "
                "-in FILE -aes256 -out ca.key`",
            ) from None
        raise Invalid("no readable private key found") from None
    try:
        own = MemoryKey.from_pkcs8(to_pkcs8(key))  # type: ignore[arg-type]  # refuses other kinds
    except Invalid as error:
        raise Invalid(
            "rca cannot sign with the CA's key: {reason}",
            hint="omit the key: certificates of this CA can be migrated without it",
            reason=error,
        ) from None
    check_pair(own, certificate)
    return own


def _read_key(data: bytes, passphrase: bytes | None) -> object:
    """Raise ValueError, UnsupportedAlgorithm, or TypeError if a passphrase is missing or unused."""
    if encodings.is_pkcs12(data):
        if passphrase is None:
            raise TypeError
        key, _, _ = pkcs12.load_key_and_certificates(data, passphrase)
        if key is None:
            raise ValueError
        return key
    text = certificate_files.as_utf_8(data)
    if b"-----BEGIN" in text:
        return serialization.load_pem_private_key(text, passphrase)
    return serialization.load_der_private_key(data, passphrase)
