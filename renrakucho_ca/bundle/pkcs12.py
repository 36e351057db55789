"""Write a user's certificate as PKCS#12 (RFC 7292) with its key, or as PEM without."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, pkcs12

from renrakucho_ca.certificate_profile import P12Format
from renrakucho_ca.text import clean_text

# Fixed, because the library's defaults change between versions and lock old devices out. iOS 17 and
# macOS 14 support only PBES1 and a SHA-1 MAC; iOS 18 requires AES-256 with PRF SHA-256.
_ALGORITHMS: dict[P12Format, tuple[pkcs12.PBES, hashes.HashAlgorithm]] = {
    P12Format.COMPAT: (pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC, hashes.SHA1()),
    P12Format.MODERN: (pkcs12.PBES.PBESv2SHA256AndAES256CBC, hashes.SHA256()),
}

# The library's MAC always has 2,048 rounds, and an attacker tries passwords against the MAC. More
# rounds cost time (20,000 of 3DES: 36 ms against 4.4) without any gain.
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
    """Return a PKCS#12 in DER. Raise Invalid if the friendly name is empty, long or unprintable.

    Args:
        key: the private key of `certificate`.
        certificate: the leaf; it and its key share a localKeyId.
        chain: the CA certificates, in this order. They get no friendlyName: on Apple devices, two
            of the same name overwrite each other.
        password: ASCII, not empty, from `password.generate`.
        friendly_name: the name on the device; Japanese is allowed. Dots become hyphens, since
            Android cuts the suggested name at the last dot.
        p12_format: `compat` if the device may be old.
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
    """Return the leaf and its chain as PEM, for a key that stays on the user's machine."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in (certificate, *chain))
