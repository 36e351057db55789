"""Keys: made as asked, named, judged by strength, and proven to fit their certificate."""

from __future__ import annotations

import subprocess

import pytest
from asn1crypto import keys as asn1
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import KeyAlgorithm
from renrakucho_ca.pki import keys

from .hierarchies import SampleHierarchy


@pytest.mark.parametrize(
    ("algorithm", "oid", "curve", "bits"),
    [
        (KeyAlgorithm.EC_P256, "ec", "secp256r1", 256),
        (KeyAlgorithm.EC_P384, "ec", "secp384r1", 384),
        (KeyAlgorithm.EC_P521, "ec", "secp521r1", 521),
        (KeyAlgorithm.RSA_2048, "rsa", None, 2048),
        (KeyAlgorithm.RSA_3072, "rsa", None, 3072),
    ],
)
def test_a_key_is_of_the_algorithm_that_was_asked_for(
    algorithm: KeyAlgorithm, oid: str, curve: str | None, bits: int
) -> None:
    key = keys.generate(algorithm)
    found = asn1.PrivateKeyInfo.load(keys.to_pkcs8(key), strict=True)
    assert found.algorithm == oid
    if curve is None:
        assert found.bit_size == bits
        assert found["private_key"].parsed["public_exponent"].native == 65537
    else:
        assert found.curve == ("named", curve)
    assert keys.describe(key.public_key()) == algorithm.value


def test_openssl_finds_a_generated_key_in_order() -> None:
    for algorithm in (KeyAlgorithm.EC_P384, KeyAlgorithm.RSA_2048):
        checked = subprocess.run(
            ["openssl", "pkey", "-inform", "DER", "-noout", "-check"],
            input=keys.to_pkcs8(keys.generate(algorithm)),
            capture_output=True,
            check=False,
        )
        assert b"Key is valid" in checked.stdout


def test_two_keys_are_never_the_same() -> None:
    first, second = keys.generate(KeyAlgorithm.EC_P256), keys.generate(KeyAlgorithm.EC_P256)
    assert first.public_key() != second.public_key()


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (ed25519.Ed25519PrivateKey.generate().public_key(), "ed25519"),
        (ec.generate_private_key(ec.SECP256K1()).public_key(), "ec-secp256k1"),
        (ec.generate_private_key(ec.BrainpoolP256R1()).public_key(), "ec-brainpoolp256r1"),
        (rsa.generate_private_key(65537, 1024).public_key(), "rsa-1024"),
    ],
)
def test_a_weak_or_unsupported_key_is_named_and_refused(key: object, name: str) -> None:
    assert keys.describe(key) == name
    with pytest.raises(Invalid, match=name):
        keys.accept(key)


def test_dsa_keys_are_not_accepted() -> None:
    numbers = dsa.DSAPublicNumbers(2, dsa.DSAParameterNumbers(2**2047 + 1, 2**255 + 1, 2))
    with pytest.raises(Invalid, match="dsa"):
        keys.accept(numbers.public_key())


def test_rsa_keys_above_8192_bits_are_not_accepted() -> None:
    key = rsa.RSAPublicNumbers(65537, 2**8192 + 1).public_key()
    with pytest.raises(Invalid, match="rsa-8193"):
        keys.accept(key)


def test_rsa_keys_with_exponent_3_are_not_accepted() -> None:
    key = rsa.RSAPublicNumbers(3, 2**2047 + 1).public_key()
    with pytest.raises(Invalid, match="exponent 3 "):
        keys.accept(key)


def test_an_odd_rsa_size_is_accepted_and_named() -> None:
    key = rsa.RSAPublicNumbers(65537, 2**2559 + 1).public_key()
    assert keys.accept(key) is key
    assert keys.describe(key) == "rsa-2560"


def test_a_private_key_survives_pkcs8(ec_made: SampleHierarchy, rsa_made: SampleHierarchy) -> None:
    for made in (ec_made, rsa_made):
        again = keys.from_pkcs8(keys.to_pkcs8(made.issuing_key))
        assert again.private_numbers() == made.issuing_key.private_numbers()


@pytest.mark.parametrize("junk", [b"", b"\0", b"0\x82\xff\xff", b"-----BEGIN PRIVATE KEY-----"])
def test_a_value_that_is_no_private_key_is_invalid(junk: bytes) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        keys.from_pkcs8(junk)


@pytest.mark.parametrize("oid", ["2a8648ce3d0201", "2a8648ce3d030107"])  # kind, curve
def test_a_private_key_of_an_unknown_kind_or_curve_is_invalid(oid: str) -> None:
    der = keys.to_pkcs8(keys.generate(KeyAlgorithm.EC_P256))
    with pytest.raises(Invalid, match="cannot be read"):
        keys.from_pkcs8(der.replace(bytes.fromhex(oid), bytes.fromhex(oid[:-2] + "77")))


def test_an_encrypted_private_key_is_invalid(ec_made: SampleHierarchy) -> None:
    sealed = ec_made.issuing_key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"passphrase"),
    )
    with pytest.raises(Invalid, match="cannot be read"):
        keys.from_pkcs8(sealed)


def test_a_weak_or_unsupported_private_key_is_invalid() -> None:
    for unsupported in (
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256K1()),
        rsa.generate_private_key(65537, 1024),
    ):
        der = unsupported.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        with pytest.raises(Invalid, match="not accepted"):
            keys.from_pkcs8(der)


def test_a_key_and_its_certificate_are_a_pair(made: SampleHierarchy) -> None:
    keys.check_pair(keys.MemoryKey(made.issuing_key), made.issuing)
    keys.check_pair(keys.MemoryKey(made.root_key), made.root)


def test_another_key_is_no_pair(made: SampleHierarchy) -> None:
    with pytest.raises(Invalid, match="does not belong"):
        keys.check_pair(keys.MemoryKey(made.root_key), made.issuing)


def test_a_damaged_rsa_key_is_found_although_the_library_did_not_check_it(
    rsa_made: SampleHierarchy,
) -> None:
    info = asn1.PrivateKeyInfo.load(keys.to_pkcs8(rsa_made.issuing_key))
    numbers = info["private_key"].parsed
    for part in ("private_exponent", "exponent1", "exponent2"):
        numbers[part] = numbers[part].native ^ 2
    info["private_key"] = numbers
    damaged = keys.from_pkcs8(info.dump(force=True))
    with pytest.raises(Invalid, match="damaged"):
        keys.check_pair(keys.MemoryKey(damaged), rsa_made.issuing)


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        (KeyAlgorithm.EC_P256, "sha256"),
        (KeyAlgorithm.EC_P384, "sha384"),
        (KeyAlgorithm.EC_P521, "sha512"),
        (KeyAlgorithm.RSA_2048, "sha256"),
    ],
)
def test_each_key_signs_with_a_hash_as_strong_as_its_curve(
    algorithm: KeyAlgorithm, name: str
) -> None:
    key = keys.generate(algorithm)
    assert keys.signature_hash(key.public_key()).name == name


def test_a_signature_over_parts_is_one_over_the_whole(made: SampleHierarchy) -> None:
    key = keys.MemoryKey(made.issuing_key)
    algorithm = keys.signature_hash(key.public_key())
    signature = keys.sign(key, b"one ", memoryview(b"two"))
    assert keys.verifies(key.public_key(), signature, algorithm, b"one two")
    assert not keys.verifies(key.public_key(), signature, algorithm, b"one too")
    assert not keys.verifies(made.root_key.public_key(), signature, algorithm, b"one two")


def test_a_lint_key_is_of_the_issuers_family_and_made_once(made: SampleHierarchy) -> None:
    public_key = made.issuing_key.public_key()
    key = keys.lint_key(public_key)
    assert keys.describe(key.public_key()) in {"ec-p256", "rsa-2048"}
    assert isinstance(key, ec.EllipticCurvePrivateKey) == isinstance(
        public_key, ec.EllipticCurvePublicKey
    )
    assert keys.lint_key(made.root_key.public_key()) is key
    assert key.public_key() not in (made.root_key.public_key(), public_key)


def test_the_key_of_a_certificate_is_read(made: SampleHierarchy) -> None:
    assert isinstance(made.root, x509.Certificate)
    assert keys.public_key_of(made.root) == made.root_key.public_key()
