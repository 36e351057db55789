"""The files around a user's certificate: PKCS#12 (RFC 7292) with its key, or PEM without."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, pkcs12

from renrakucho_ca.certificate_profile import P12Format
from renrakucho_ca.text import clean_text

# Named one by one: the library's own choice follows its version and locks old devices out.
# iOS 17 and macOS 14 know PBES1 and a SHA-1 MAC alone; iOS 18 wants AES-256 with PRF SHA-256.
_ALGORITHMS: dict[P12Format, tuple[pkcs12.PBES, hashes.HashAlgorithm]] = {
    P12Format.COMPAT: (pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC, hashes.SHA1()),
    P12Format.MODERN: (pkcs12.PBES.PBESv2SHA256AndAES256CBC, hashes.SHA256()),
}

# The MAC stays at 2,048 rounds whatever is set here, and passwords are tried against the MAC:
# more rounds cost time (20,000 of 3DES: 36 ms against 4.4) and buy nothing.
_KDF_ROUNDS = 2048

# RFC 2985 §5.5.1 leaves friendlyName 255 UTF-16 units, and a character may take two.
LONGEST_FRIENDLY_NAME = 127


def make(
    *,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    certificate: x509.Certificate,
    chain: Sequence[x509.Certificate],
    password: str,
    friendly_name: str,
    p12_format: P12Format,
) -> bytes:
    """Makes a PKCS#12.

    Args:
        key: the private key of `certificate`.
        certificate: the leaf; it and its key share a localKeyId.
        chain: the CA certificates that go along, in this order. They get no friendlyName: Apple
            lets two of the same name overwrite each other.
        password: ASCII, not empty, as `password.generate` makes it.
        friendly_name: what the device calls it; Japanese is fine. Dots become hyphens, since
            Android cuts the name that it suggests at the last dot.
        p12_format: `compat` wherever the device may be old.

    Returns:
        DER.

    Raises:
        Invalid: the friendly name is empty, too long, or has characters that cannot be shown.
    """
    name = clean_text(friendly_name, what="friendly name", longest=LONGEST_FRIENDLY_NAME)
    algorithm, mac = _ALGORITHMS[p12_format]
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .key_cert_algorithm(algorithm)
        .hmac_hash(mac)
        .kdf_rounds(_KDF_ROUNDS)
        .build(password.encode("ascii"))
    )
    return pkcs12.serialize_key_and_certificates(
        name.replace(".", "-").encode(), key, certificate, chain, encryption
    )


def pem_chain(certificate: x509.Certificate, chain: Sequence[x509.Certificate]) -> bytes:
    """Writes the leaf and its chain as PEM, for a key that never left the user's machine."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in (certificate, *chain))
