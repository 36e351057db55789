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
# FIPS 186-5 §6.1.1: the hash should be no weaker than the curve.
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
        """Store the key and return the text by which `ca_keys.opened` finds it.

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
    """A fresh key pair from the operating system's generator."""
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm])
    return rsa.generate_private_key(SMALLEST_EXPONENT, RSA_BITS[algorithm])


def describe(public_key: object) -> str:
    """A key's name for records and messages, such as `ec-p256` or `rsa-2560`.

    Args:
        public_key: any that the library loads; an imported CA may have weak ones.
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
    """The same key, once it is strong enough to be certified or to sign.

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
    """The refusal of a key, by whatever its kind is called."""
    return Invalid(
        "keys of the kind {kind} are not accepted",
        hint="use P-256, P-384 or P-521, or RSA with 2048 to 8192 bits",
        kind=kind,
    )


def public_key_of(holder: x509.Certificate | x509.CertificateSigningRequest) -> PublicKey:
    """The key that a certificate or request holds, once it is strong enough.

    Raises:
        Invalid: the key cannot be read, or `accept` refuses it, or it is bound to RSASSA-PSS: the
            library would drop that binding, and TLS 1.3 makes PSS signatures with ordinary keys.
    """
    # The library's stub forgets that a request has this property too.
    algorithm = holder.public_key_algorithm_oid  # type: ignore[union-attr]
    if algorithm == PublicKeyAlgorithmOID.RSASSA_PSS:
        raise not_accepted("id-RSASSA-PSS")
    try:
        public_key = holder.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid("the public key cannot be read") from None
    return accept(public_key)


def to_pkcs8(key: PrivateKey) -> bytes:
    """PKCS#8 (RFC 5958) in DER, **unencrypted**: for the keystore, which seals it."""
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def from_pkcs8(der: bytes) -> PrivateKey:
    """Loads what `to_pkcs8` wrote; `check_pair` must follow.

    The library's own check of an RSA key costs 47 ms (2048 bits) to 325 ms (4096), so it is left
    out: `check_pair` proves in under 3 ms what matters, that the key signs for its certificate.

    Raises:
        Invalid: no PKCS#8, encrypted, or not a key that we accept.
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
    """SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) in DER."""
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def from_spki(der: bytes) -> PublicKey:
    """Loads what `to_spki` wrote."""
    return accept(serialization.load_der_public_key(der))


def from_pem(data: bytes) -> PrivateKey:
    """Loads an unencrypted private key in PEM that was made elsewhere, with all checks.

    Raises:
        Invalid: none there, encrypted, or not a key that we accept.
    """
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Invalid("no readable unencrypted private key in PEM found") from None
    return from_pkcs8(to_pkcs8(key))  # type: ignore[arg-type]


def check_pair(private: SigningKey, certificate: x509.Certificate) -> None:
    """Proves that the private key belongs to the certificate, by one signature.

    Raises:
        Invalid: another public key, or a damaged private key whose signature does not verify.
    """
    public_key = public_key_of(certificate)
    if private.public_key() != public_key:
        raise Invalid("the private key does not belong to the certificate")
    check_key_pair(private, public_key)


def check_key_pair(private: SigningKey, public_key: PublicKey) -> None:
    """Proves by one signature that the two belong together.

    Raises:
        Invalid: the private key is damaged, or a token signs otherwise.
    """
    message = b"does this key sign for its certificate?"
    if not verifies(public_key, sign(private, message), signature_hash(public_key), message):
        raise Invalid("the private key is damaged: its signature does not verify")


def signature_hash(public_key: PublicKey) -> SignatureHash:
    """The hash that a key signs with: as strong as the curve; SHA-256 for RSA (RFC 5754 §3)."""
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return _CURVE_HASHES[public_key.curve.name]
    return hashes.SHA256()


def sign(key: SigningKey, *parts: bytes | memoryview) -> bytes:
    """Sign the parts, which need not be joined for it, with the key's `signature_hash`."""
    return key.sign_digest(digest(signature_hash(key.public_key()), *parts))


def verifies(
    key: PublicKey, signature: bytes, algorithm: hashes.HashAlgorithm, *parts: bytes | memoryview
) -> bool:
    """Whether it is the key's signature (ECDSA or PKCS #1 v1.5) with that hash over the parts."""
    return verifies_digest(key, signature, algorithm, digest(algorithm, *parts))


def verifies_digest(
    key: PublicKey, signature: bytes, algorithm: hashes.HashAlgorithm, hashed: bytes
) -> bool:
    """As `verifies`, where the hash is at hand."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, hashed, ec.ECDSA(Prehashed(algorithm)))
        else:
            key.verify(signature, hashed, padding.PKCS1v15(), Prehashed(algorithm))
    except InvalidSignature:
        return False
    return True


def digest(algorithm: hashes.HashAlgorithm, *parts: bytes | memoryview) -> bytes:
    """The hash over the parts, which need not be joined for it; it lets go of the interpreter."""
    running = hashes.Hash(algorithm)
    for part in parts:
        running.update(part)
    return running.finalize()


def lint_key(issuer_public_key: PublicKey) -> PrivateKey:
    """A key that stands in for the issuer's while a certificate is linted; it guards nothing.

    Signing with the issuer's hash gives the issuer's AlgorithmIdentifier, byte for byte: that of
    ECDSA names no curve (RFC 5758 §3.2), that of RSA no size (RFC 4055 §5). Hence a smaller and
    faster key of the family will do.
    """
    if isinstance(issuer_public_key, ec.EllipticCurvePublicKey):
        return _new_lint_key(KeyAlgorithm.EC_P256)
    return _new_lint_key(KeyAlgorithm.RSA_2048)


@cache
def _new_lint_key(algorithm: KeyAlgorithm) -> PrivateKey:
    """One a process: an RSA key takes about 54 ms to make."""
    return generate(algorithm)
