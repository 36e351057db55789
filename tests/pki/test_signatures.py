"""Who signed a certificate: both the issuer's name and its key have to be the right ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from renrakucho_ca.certificate_profile import Subject, SubjectAttribute
from renrakucho_ca.model import KeyAlgorithm, Tier
from renrakucho_ca.pki import keys
from renrakucho_ca.pki.issue import issue_root
from renrakucho_ca.pki.signatures import is_broken, signed_by

from .hierarchies import (
    ROOT_SUBJECT,
    ROOT_VALIDITY,
    SampleHierarchy,
    altered,
    ca_profile,
    openssl,
    serial,
)

OTHER_SUBJECT: Subject = ((SubjectAttribute.COMMON_NAME, "other.example.jp"),)


def root(subject: Subject, key: keys.PrivateKey, algorithm: KeyAlgorithm) -> x509.Certificate:
    profile = replace(ca_profile(Tier.ROOT), key_algorithm=algorithm)
    return issue_root(profile, subject, serial(7), ROOT_VALIDITY, keys.MemoryKey(key))


def test_an_issuer_is_known_by_its_name_and_its_key(ec_made: SampleHierarchy) -> None:
    algorithm = KeyAlgorithm.EC_P384
    renewed = root(ROOT_SUBJECT, ec_made.root_key, algorithm)
    assert signed_by(ec_made.issuing, ec_made.root)
    assert signed_by(ec_made.issuing, renewed)
    other_name = root(OTHER_SUBJECT, ec_made.root_key, algorithm)
    assert other_name.public_key() == ec_made.root.public_key()
    assert not signed_by(ec_made.issuing, other_name)
    other_key = root(ROOT_SUBJECT, keys.generate(algorithm), algorithm)
    assert other_key.subject == ec_made.root.subject
    assert not signed_by(ec_made.issuing, other_key)


@pytest.mark.parametrize("field", ["serial_number", "validity"])
def test_a_changed_certificate_is_signed_by_no_ca(made: SampleHierarchy, field: str) -> None:
    def change(copy: object) -> None:
        tbs = copy["tbs_certificate"]  # type: ignore[index]
        if field == "serial_number":
            tbs["serial_number"] = tbs["serial_number"].native + 1
        else:
            tbs["validity"]["not_after"] = tbs["validity"]["not_before"]

    assert signed_by(made.issuing, made.root)
    assert not signed_by(altered(made.issuing, change), made.root)


RSA, EC = ("rsa:2048",), ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")


@pytest.mark.needs("openssl")
@pytest.mark.parametrize(
    ("key", "digest", "broken"),
    [
        (RSA, "-md5", True),
        (RSA, "-sha1", True),
        (RSA, "-sha256", False),
        (EC, "-sha1", True),
        (EC, "-sha256", False),
    ],
)
def test_a_signature_over_md5_or_sha_1_is_broken(
    tmp_path: Path, key: tuple[str, ...], digest: str, broken: bool
) -> None:
    """RFC 8550 §4."""
    certificate = tmp_path / "ca.pem"
    made = openssl(
        *("req", "-x509", "-newkey", *key, "-noenc", digest, "-subj", "/CN=x"),
        *("-keyout", tmp_path / "ca.key", "-out", certificate),
    )
    assert made.returncode == 0, made.stderr
    assert is_broken(x509.load_pem_x509_certificate(certificate.read_bytes())) is broken
