"""Of a certification request the key is taken, after its owner has proven to hold it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from asn1crypto import csr as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from renrakucho_ca.errors import Invalid
from renrakucho_ca.pki import csr
from renrakucho_ca.pki.keys import PrivateKey

from .hierarchies import SampleHierarchy, openssl


def request_by(
    key: PrivateKey | ed25519.Ed25519PrivateKey, *, common_name: str = "whoever"
) -> bytes:
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, algorithm)
        .public_bytes(Encoding.DER)
    )


@pytest.fixture(scope="module")
def good(ec_made: SampleHierarchy) -> bytes:
    return request_by(ec_made.issuing_key)


def test_a_request_of_openssl_is_read_in_pem_and_der(tmp_path: Path) -> None:
    key, pem = tmp_path / "key", tmp_path / "csr"
    made = openssl(
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", key, "-subj", "/CN=x", "-out", pem),
    )
    assert made.returncode == 0, made.stderr
    spki = openssl("pkey", "-in", key, "-pubout").stdout
    der = subprocess.run(
        ["openssl", "req", "-in", pem, "-outform", "DER"], capture_output=True, check=True
    ).stdout
    for data in (pem.read_bytes(), der, b"\xef\xbb\xbf" + pem.read_bytes()):
        found = csr.load(data).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        assert found.decode() == spki


def test_only_the_key_is_taken(made: SampleHierarchy) -> None:
    assert csr.load(request_by(made.root_key)) == made.root_key.public_key()


def _other_key(request: asn1.CertificationRequest) -> None:
    other_request = request_by(ec.generate_private_key(ec.SECP384R1()))
    info = asn1.CertificationRequest.load(other_request)["certification_request_info"]
    request["certification_request_info"]["subject_pk_info"] = info["subject_pk_info"]


def _other_subject(request: asn1.CertificationRequest) -> None:
    name = asn1.Name.build({"common_name": "someone else"})
    request["certification_request_info"]["subject"] = name


def _unknown_algorithm(request: asn1.CertificationRequest) -> None:
    request["signature_algorithm"] = {"algorithm": "1.2.3.4"}


def _algorithm_of_another_family(request: asn1.CertificationRequest) -> None:
    request["signature_algorithm"] = {"algorithm": "sha256_rsa"}


def _no_signature(request: asn1.CertificationRequest) -> None:
    request["signature"] = bytes(100)


@pytest.mark.parametrize(
    "change",
    [_other_key, _other_subject, _unknown_algorithm, _algorithm_of_another_family, _no_signature],
)
def test_a_request_with_a_wrong_signature_is_invalid(
    good: bytes, change: Callable[[asn1.CertificationRequest], None]
) -> None:
    request = asn1.CertificationRequest.load(good)
    change(request)
    with pytest.raises(Invalid, match="signature of the certificate request does not verify"):
        csr.load(request.dump(force=True))


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "ed25519"),
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
        (rsa.generate_private_key(65537, 1024), "rsa-1024"),
        (rsa.generate_private_key(3, 2048), "exponent 3 "),
    ],
)
def test_a_request_with_a_weak_or_unsupported_key_is_invalid(
    key: PrivateKey | ed25519.Ed25519PrivateKey, name: str
) -> None:
    with pytest.raises(Invalid, match=name):
        csr.load(request_by(key))


def test_a_request_with_a_key_bound_to_rsassa_pss_is_invalid(tmp_path: Path) -> None:
    made = openssl(
        *("req", "-new", "-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048", "-nodes"),
        *("-keyout", tmp_path / "key", "-subj", "/CN=x", "-out", tmp_path / "csr"),
    )
    assert made.returncode == 0, made.stderr
    with pytest.raises(Invalid, match="RSASSA-PSS"):
        csr.load((tmp_path / "csr").read_bytes())


def test_a_request_with_an_even_rsa_exponent_is_invalid(rsa_made: SampleHierarchy) -> None:
    request = asn1.CertificationRequest.load(request_by(rsa_made.issuing_key))
    key = request["certification_request_info"]["subject_pk_info"]["public_key"]
    key.parsed["public_exponent"] = 65538
    with pytest.raises(Invalid):
        csr.load(request.dump(force=True))


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\0" * 100,
        b"0\x80",
        "証明書".encode(),
        b"-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n",
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n",
    ],
)
def test_a_value_that_is_no_request_is_invalid(junk: bytes) -> None:
    with pytest.raises(Invalid, match="not a certificate request"):
        csr.load(junk)


def test_a_certificate_is_no_request(ec_made: SampleHierarchy) -> None:
    for encoding in (Encoding.PEM, Encoding.DER):
        with pytest.raises(Invalid, match="not a certificate request"):
            csr.load(ec_made.root.public_bytes(encoding))


def test_a_request_has_64_kib_at_most(good: bytes) -> None:
    text = x509.load_der_x509_csr(good).public_bytes(Encoding.PEM)
    padding = b"#" * (64 * 1024 - len(text) - 1) + b"\n"
    csr.load(padding + text)
    with pytest.raises(Invalid, match="longer than 65536 bytes"):
        csr.load(b"#" + padding + text)


def test_a_damaged_request_is_invalid_wherever_the_damage_is(good: bytes) -> None:
    for position in range(len(good)):
        with pytest.raises(Invalid):
            csr.load(good[:position] + bytes([good[position] ^ 0x15]) + good[position + 1 :])
        with pytest.raises(Invalid):
            csr.load(good[:position])
