"""Key pairs: generate, describe, accept, load, sign and verify."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.x509.oid import PublicKeyAlgorithmOID

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import KeyAlgorithm

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
SignatureHash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512

CURVES: dict[KeyAlgorithm, ec.EllipticCurve] = {
    KeyAlgorithm.EC_P256: ec.SECP256R1(),
    KeyAlgorithm.EC_P384: ec.SECP384R1(),
    KeyAlgorithm.EC_P521: ec.SECP521R1(),
}
_CURVE_NAMES = {curve.name: algorithm for algorithm, curve in CURVES.items()}
# FIPS 186-5 §6.1.1: the hash should not be weaker than the curve.
_CURVE_HASHES: dict[str, SignatureHash] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
RSA_BITS = {KeyAlgorithm.RSA_2048: 2048, KeyAlgorithm.RSA_3072: 3072, KeyAlgorithm.RSA_4096: 4096}

# NIST SP 800-57 part 1 table 2: fewer bits are under 112-bit strength. More than 8192 only
# make the verifier work (25 times the time of 2048).
SHORTEST_RSA, LONGEST_RSA = 2048, 8192
# FIPS 186-5 appendix A.1.1: the public exponent is odd and above 2^16.
SMALLEST_EXPONENT = 65537


class SigningKey(Protocol):
    """The private key of a CA: in memory or in a token (`pki.token.TokenKey`)."""

    def public_key(self) -> PublicKey: ...

    def sign_digest(self, digest: bytes, /) -> bytes:
        """Sign a digest made with `signature_hash`."""

    def store(self, name: str, write: Callable[[str, bytes], object], /) -> str:
        """Store the key and return its reference for `ca_keys.opened`.

        Args:
            write: called with the name and the key as PKCS#8 in DER, unless a token has the key.
        """

    def opener(self) -> Callable[[], SigningKey]:
        """Return a function that opens the key in another process; it can be pickled."""


@dataclass(frozen=True, slots=True)
class MemoryKey:
    """A signing key in the memory of this process."""

    private: PrivateKey = field(repr=False)

    def public_key(self) -> PublicKey:
        return self.private.public_key()

    def sign_digest(self, digest: bytes) -> bytes:
        algorithm = Prehashed(signature_hash(self.public_key()))
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return self.private.sign(digest, ec.ECDSA(algorithm))
        return self.private.sign(digest, padding.PKCS1v15(), algorithm)

    def store(self, name: str, write: Callable[[str, bytes], object]) -> str:
        write(name, to_pkcs8(self.private))
        return name

    def opener(self) -> Callable[[], SigningKey]:
        return partial(MemoryKey.from_pkcs8, to_pkcs8(self.private))

    @classmethod
    def from_pkcs8(cls, der: bytes) -> MemoryKey:
        return cls(from_pkcs8(der))


def generate(algorithm: KeyAlgorithm) -> PrivateKey:
    """Generate a key pair with the operating system's generator."""
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm])
    return rsa.generate_private_key(SMALLEST_EXPONENT, RSA_BITS[algorithm])


def describe(public_key: object) -> str:
    """Return a key's name for records and messages, such as `ec-p256` or `rsa-2560`.

    It accepts weak keys, which an imported CA may have.
    """
    match public_key:
        case ec.EllipticCurvePublicKey():
            curve = public_key.curve.name
            return _CURVE_NAMES[curve].value if curve in _CURVE_NAMES else f"ec-{curve.lower()}"
        case rsa.RSAPublicKey():
            return f"rsa-{public_key.key_size}"
        case _:
            return type(public_key).__name__.removesuffix("PublicKey").lower()


def accept(public_key: object) -> PublicKey:
    """Return the key if it is strong enough to be certified or to sign.

    Raises:
        Invalid: another algorithm or curve, an RSA modulus outside 2048 to 8192 bits, or a small
            exponent.
    """
    match public_key:
        case ec.EllipticCurvePublicKey() if public_key.curve.name in _CURVE_NAMES:
            return public_key
        case rsa.RSAPublicKey() if SHORTEST_RSA <= public_key.key_size <= LONGEST_RSA:
            exponent = public_key.public_numbers().e
            if exponent < SMALLEST_EXPONENT:  # an even one the library has refused to load
                raise Invalid(
                    "RSA keys with the public exponent {exponent} are not accepted",
                    hint="the exponent must be 65537 or more",
                    exponent=exponent,
                )
            return public_key
        case _:
            raise not_accepted(describe(public_key))


def not_accepted(kind: str) -> Invalid:
    """Return the error for a key of that kind."""
    return Invalid(
        "keys of the kind {kind} are not accepted",
        hint="use P-256, P-384 or P-521, or RSA with 2048 to 8192 bits",
        kind=kind,
    )


def public_key_of(holder: x509.Certificate | x509.CertificateSigningRequest) -> PublicKey:
    """Return the key of a certificate or request.

    Raises:
        Invalid: unreadable, refused by `accept`, or bound to RSASSA-PSS: the library would drop
            that binding, and TLS 1.3 makes PSS signatures with ordinary keys.
    """
    # The library's stub lacks this property of a request.
    algorithm = holder.public_key_algorithm_oid  # type: ignore[union-attr]
    if algorithm == PublicKeyAlgorithmOID.RSASSA_PSS:
        raise not_accepted("id-RSASSA-PSS")
    try:
        public_key = holder.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid("the public key cannot be read") from None
    return accept(public_key)


def to_pkcs8(key: PrivateKey) -> bytes:
    """Return PKCS#8 (RFC 5958) in DER, **unencrypted**: the keystore seals it."""
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def from_pkcs8(der: bytes) -> PrivateKey:
    """Load the result of `to_pkcs8`; `check_pair` must follow.

    The library's check of an RSA key takes 47 ms (2048 bits) to 325 ms (4096). `check_pair` proves
    in under 3 ms that the key signs for its certificate.

    Raise Invalid if it is not PKCS#8, encrypted, or not an accepted key.
    """
    try:
        key = serialization.load_der_private_key(
            der, password=None, unsafe_skip_rsa_key_validation=True
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Invalid("the private key cannot be read") from None
    accept(key.public_key())
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise Invalid("the private key cannot be read")
    return key


def to_spki(key: PublicKey) -> bytes:
    """Return SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) in DER."""
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def from_spki(der: bytes) -> PublicKey:
    """Load the result of `to_spki`."""
    return accept(serialization.load_der_public_key(der))


def from_pem(data: bytes) -> PrivateKey:
    """Load another program's unencrypted private key in PEM, with all checks.

    Raise Invalid if it is missing, encrypted, or not an accepted key.
    """
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Invalid("no readable unencrypted private key in PEM found") from None
    return from_pkcs8(to_pkcs8(key))  # type: ignore[arg-type]


def check_pair(private: SigningKey, certificate: x509.Certificate) -> None:
    """Prove with one signature that the private key belongs to the certificate.

    Raise Invalid if the public key differs, or the private key is damaged.
    """
    public_key = public_key_of(certificate)
    if private.public_key() != public_key:
        raise Invalid("the private key does not belong to the certificate")
    check_key_pair(private, public_key)


def check_key_pair(private: SigningKey, public_key: PublicKey) -> None:
    """Prove with one signature that the keys match. Raise Invalid if they do not."""
    message = b"does this key sign for its certificate?"
    if not verifies(public_key, sign(private, message), signature_hash(public_key), message):
        raise Invalid("the private key is damaged: its signature does not verify")


def signature_hash(public_key: PublicKey) -> SignatureHash:
    """Return the hash for a key: as strong as the curve; SHA-256 for RSA (RFC 5754 §3)."""
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return _CURVE_HASHES[public_key.curve.name]
    return hashes.SHA256()


def sign(key: SigningKey, *parts: bytes | memoryview) -> bytes:
    """Sign the parts, which need not be joined, with the key's `signature_hash`."""
    return key.sign_digest(digest(signature_hash(key.public_key()), *parts))


def verifies(
    key: PublicKey, signature: bytes, algorithm: hashes.HashAlgorithm, *parts: bytes | memoryview
) -> bool:
    """Return whether the key signed the parts (ECDSA or PKCS #1 v1.5) with that hash."""
    return verifies_digest(key, signature, algorithm, digest(algorithm, *parts))


def verifies_digest(
    key: PublicKey, signature: bytes, algorithm: hashes.HashAlgorithm, hashed: bytes
) -> bool:
    """Return whether the key signed this digest."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, hashed, ec.ECDSA(Prehashed(algorithm)))
        else:
            key.verify(signature, hashed, padding.PKCS1v15(), Prehashed(algorithm))
    except InvalidSignature:
        return False
    return True


def digest(algorithm: hashes.HashAlgorithm, *parts: bytes | memoryview) -> bytes:
    """Hash the parts, which need not be joined, without the interpreter's lock."""
    running = hashes.Hash(algorithm)
    for part in parts:
        running.update(part)
    return running.finalize()


def lint_key(issuer_public_key: PublicKey) -> PrivateKey:
    """Return a lint key: it replaces the issuer's key for the linter, and needs no protection.

    It gives the issuer's AlgorithmIdentifier: that of ECDSA has no curve (RFC 5758 §3.2), that of
    RSA no size (RFC 4055 §5). So a smaller, faster key of the same family is enough.
    """
    if isinstance(issuer_public_key, ec.EllipticCurvePublicKey):
        return _new_lint_key(KeyAlgorithm.EC_P256)
    return _new_lint_key(KeyAlgorithm.RSA_2048)


@cache
def _new_lint_key(algorithm: KeyAlgorithm) -> PrivateKey:
    """Generate a lint key, once in a process: an RSA key takes about 54 ms."""
    return generate(algorithm)
