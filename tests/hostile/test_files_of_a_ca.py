"""Certificates, CRLs, keys and requests that are malformed: refused in a line, nothing recorded."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from renrakucho_ca.errors import Invalid, Unavailable
from renrakucho_ca.model import User
from renrakucho_ca.pki.imported_ca import load_key
from renrakucho_ca.pki.x509_certificates import load
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.publication import publication
from tests.shared.confined import Confined, ConfinedResult, Refused

from .mutants import mutants, nested
from .vectors import CERTIFICATES, Vectors

MUTANTS = 300
"""Of each kind. With ten times as many nothing else is found."""

# Roots that can be imported, although they are old or odd.
SOUND_ROOTS = {
    "pkcs12/ca/ca.pem",
    "pkcs7/isrg.pem",
    "x509/PKITS_data/certs/TrustAnchorRootCertificate.crt",
    "x509/accvraiz1.pem",
    "x509/custom/bc_path_length_zero.pem",
    "x509/custom/ca/ca.pem",
    "x509/custom/ca/rsa_ca.pem",
    "x509/custom/ca/rsae_ca.pem",
    "x509/custom/dsa_selfsigned_ca.pem",
    "x509/custom/ec_no_named_curve.pem",
    "x509/custom/invalid_signature_cert.pem",  # replaced by the CRL next to it
    "x509/custom/post2000utctime.pem",
    "x509/custom/rsa_pss_cert.pem",
    "x509/custom/rsa_pss_sha256_no_null.pem",
    "x509/custom/unsupported_subject_name.pem",
    "x509/custom/utf8_common_name.pem",
    "x509/custom/valid_signature_cert.pem",
    "x509/ecdsa_root.pem",
    "x509/ed25519/root-ed25519.pem",
    "x509/ed448/root-ed448.pem",
}
SOUND_REQUESTS = {
    "x509/requests/challenge-unstructured.pem",
    "x509/requests/challenge.pem",
    "x509/requests/ec_sha256.der",
    "x509/requests/ec_sha256.pem",
    "x509/requests/ec_sha256_old_header.pem",
    "x509/requests/freeipa-bad-critical.pem",
    "x509/requests/rsa_sha256.der",
    "x509/requests/rsa_sha256.pem",
    "x509/requests/zero-element-attribute.pem",
}
KEYS = (
    *("asymmetric/PKCS8/", "asymmetric/Traditional_OpenSSL_Serialization/", "asymmetric/EC/"),
    *("asymmetric/PEM_Serialization/", "asymmetric/DER_Serialization/", "asymmetric/OpenSSH/"),
    "pkcs12/",
)
NESTED = {
    "ten thousand levels": nested(10_000),
    "a length of 4 GiB": b"\x30\x84\xff\xff\xff\xff",
    "a length of 2^1008": b"\x30\xfe" + b"\xff" * 126 + b"\x30\x03\x02\x01\x00",
    "open lengths": b"\x30\x80" * 10_000,
    "a sequence of nothing": b"\x30\x00",
    "empty": b"",
    "NUL": b"\0" * 4096,
    "PEM of nothing": b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    "PEM without end": b"-----BEGIN CERTIFICATE-----\n" + b"QUFB\n" * 1000,
    "PEM in PEM": b"-----BEGIN CERTIFICATE-----\n" * 1000,
    "one long line": b"-----BEGIN CERTIFICATE-----" + b"A" * 200_000,
}


@pytest.fixture(scope="module")
def ca(home: Home) -> Path:
    """Return the files that the home's own CA has published."""
    publication.publish(home)
    return home.public


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return tmp_path / "given"


def import_root(root: Path) -> tuple[object, ...]:
    return ("hierarchy", "import", "old", "--root", root)


def test_a_root_that_is_none_is_refused(refused: Refused, vectors: Vectors, given: Path) -> None:
    for name, content in (vectors.under(*CERTIFICATES) | vectors.under("pkcs12/") | NESTED).items():
        if name not in SOUND_ROOTS:
            given.write_bytes(content)
            assert refused(*import_root(given)).code == 5, name


@pytest.mark.parametrize("tier", ["root", "issuing"])
def test_a_spoilt_ca_certificate_is_refused(
    refused: Refused, ca: Path, given: Path, tier: str
) -> None:
    root = ca / "new-root.cer"
    for spoilt in mutants((ca / f"new-{tier}.cer").read_bytes(), MUTANTS, seed=1):
        given.write_bytes(spoilt)
        arguments = (given,) if tier == "root" else (root, "--issuing", given)
        assert refused("hierarchy", "import", "old", "--root", *arguments).code in (4, 5)


def test_a_key_that_is_none_is_refused(
    refused: Refused, vectors: Vectors, ca: Path, given: Path
) -> None:
    for name, content in (vectors.under(*KEYS) | NESTED).items():
        given.write_bytes(content)
        answer = refused(*import_root(ca / "new-root.cer"), "--issuing-key", given)
        # Exit 7: it is encrypted, and there is no passphrase.
        assert answer.code in (5, 7), (name, answer)


@pytest.mark.needs("openssl")
def test_a_spoilt_key_is_refused(home: Home, ca: Path, tmp_path: Path) -> None:
    """Read as the command does; each with its passphrase would take a second there."""
    openssl = ("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    encrypted = (*openssl, "-aes256", "-pass", "pass:x", "-outform", "DER")
    certificate = load((ca / "new-root.cer").read_bytes())
    for command, passphrase in (((*openssl, "-outform", "DER"), None), (encrypted, b"x")):
        key = subprocess.run(command, capture_output=True, check=True).stdout
        for spoilt in mutants(key, MUTANTS, seed=2):
            with pytest.raises((Invalid, Unavailable)):
                load_key(spoilt, passphrase, certificate)


def test_a_request_that_is_none_is_refused(refused: Refused, vectors: Vectors, given: Path) -> None:
    for name, content in (vectors.under("x509/", "pkcs12/") | NESTED).items():
        if name not in SOUND_REQUESTS:
            given.write_bytes(content)
            answer = refused("issue", "--device", "mac", "--user", "x", "--csr", given)
            assert answer.code == 5, (name, answer)


def test_a_request_that_is_odd_and_signed_is_taken(vectors: Vectors) -> None:
    requests = vectors.under("x509/requests/")
    for name in SOUND_REQUESTS:
        assert IssuanceRequest.parse(User("x"), "mac", None, requests[name]).public_key, name


@pytest.mark.needs("openssl")
def test_a_spoilt_request_is_refused(refused: Refused, given: Path, tmp_path: Path) -> None:
    openssl = ("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    made = (*openssl, "-nodes", "-keyout", tmp_path / "key", "-subj", "/CN=x", "-outform", "DER")
    request = subprocess.run(made, capture_output=True, check=True).stdout
    for spoilt in mutants(request, MUTANTS, seed=3):
        given.write_bytes(spoilt)
        answer = refused("issue", "--device", "mac", "--user", "x", "--csr", given)
        assert answer.code == 5


def import_all(rca: Confined, home: Path, ca: Path, folder: Path) -> ConfinedResult:
    tiers = ("--root", ca / "new-root.cer", "--issuing", ca / "new-issuing.cer")
    return rca(
        *("--home", home, "hierarchy", "import", "old", *tiers, "--certificates", folder),
        *("--format", "json"),
    )


def fill(folder: Path, contents: Iterable[bytes], suffix: str) -> int:
    folder.mkdir(exist_ok=True)
    count = len(list(folder.iterdir()))
    for place, content in enumerate(contents, count):
        (folder / f"{place}{suffix}").write_bytes(content)
    return place + 1 - count


@pytest.mark.needs("openssl")
def test_a_folder_of_malformed_certificates_adds_no_row(
    rca: Confined, vectors: Vectors, ca: Path, tmp_path: Path
) -> None:
    """Each file is reported, except those without a certificate or its suffix, such as keys."""
    assert rca("--home", tmp_path / "home", "init").code == 0
    folder = tmp_path / "folder"
    fill(folder, vectors.under(*CERTIFICATES, "pkcs12/").values(), ".pem")
    fill(folder, NESTED.values(), ".pem")
    for name, seed in (("new-issuing.cer", 4), ("new-issuing.crl", 5)):
        fill(folder, mutants((ca / name).read_bytes(), MUTANTS, seed), ".der")
    command = ("openssl", "crl2pkcs7", "-certfile", ca / "new-chain.pem", "-outform", "DER")
    done = subprocess.run([*command, "-in", ca / "new-crl.pem"], capture_output=True, check=True)
    fill(folder, mutants(done.stdout, MUTANTS, seed=6), ".der")
    count = len(list(folder.iterdir()))

    answer = import_all(rca, tmp_path / "home", ca, folder)
    assert answer.code == 8
    lines = answer.err.splitlines()
    voices = ("rca: error: ", "rca: warning: ", "rca: hint: ", "… and ")
    assert all(line.startswith(voices) for line in lines), lines
    assert answer.seconds < 30
    assert answer.memory < 128 * 1024 * 1024
    reported = json.loads(answer.out)
    assert (reported["added"], reported["revoked"]) == (0, 0)
    assert reported["reported"] > count * 0.8
    assert rca("--home", tmp_path / "home", "list", "--all", "--format", "json").json == []


@pytest.mark.needs("openssl")
def test_a_spoilt_index_or_table_gives_no_traceback(
    rca: Confined, ca: Path, tmp_path: Path
) -> None:
    assert rca("--home", tmp_path / "home", "init").code == 0
    index = (
        b"V\t350101000000Z\t\t01\tunknown\t/CN=suzuki\n"
        b"R\t350101000000Z\t250101000000Z,keyCompromise\t02\tunknown\t/C=JP/CN=sato\\xE3\n"
        b"E\t20200101000000Z\t\t03\tunknown\t/CN=\xff\xfe\n"
    )
    for place, spoilt in enumerate(mutants(index, 150, seed=7)):
        (tmp_path / "index.txt").write_bytes(spoilt)
        answer = import_all(rca, tmp_path / "home", ca, tmp_path / "index.txt")
        assert answer.code in (0, 5, 8), (place, answer)
        assert "a bug" not in answer.err
        assert answer.seconds < 5


def test_an_endless_or_special_file_is_refused(
    refused: Refused, ca: Path, given: Path, tmp_path: Path
) -> None:
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.write(b"\x30\x84")
        file.truncate(20 * 1024**3)
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in (Path("/dev/zero"), folder, sparse, Path("/proc/self/mem"), tmp_path / "no"):
        for arguments in (
            import_root(path),
            (*import_root(ca / "new-root.cer"), "--issuing-key", path),
            (*import_root(ca / "new-root.cer"), "--records", path),
            ("issue", "--device", "mac", "--user", "x", "--csr", path),
            ("issue", "--batch", path),
            ("user", "import", path),
            ("profile", "check", path),
            ("--passphrase-file", path, "issue", "--device", "mac", "--user", "x"),
        ):
            assert refused(*arguments).code in (2, 3, 5, 7), arguments


def test_a_huge_file_in_a_ca_s_folder_is_passed_over(
    rca: Confined, ca: Path, tmp_path: Path
) -> None:
    """20 GiB that begin like a certificate."""
    assert rca("--home", tmp_path / "home", "init").code == 0
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(ca / "new-issuing.crl", folder)
    for name in ("a.crt", "b.txt"):
        with (folder / name).open("wb") as file:
            file.write(b"\x30\x85\x04\x00\x00\x00\x00\x30\x80\x02")
            file.truncate(20 * 1024**3)
    answer = import_all(rca, tmp_path / "home", ca, folder)
    assert answer.code == 8
    assert "a.crt: no readable certificate was found" in answer.err
    assert answer.seconds < 15
