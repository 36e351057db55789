"""Certificates, reparsed by asn1crypto, OpenSSL and pkilint, say what RFC 5280 wants of them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkilint.bin import lint_pkix_cert, lint_pkix_signer_signee_cert_chain

from renrakucho_ca.certificate_profile import KeyUsage, SubjectAttribute
from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import RevocationReason
from renrakucho_ca.pki import crl, x509_certificates
from renrakucho_ca.pki.contents import Distribution, Validity, serial_number
from renrakucho_ca.pki.issue import issue
from renrakucho_ca.pki.keys import MemoryKey

from .hierarchies import (
    BEGIN,
    DEVICE,
    DEVICE_VALIDITY,
    EVERYWHERE,
    NOWHERE,
    SampleHierarchy,
    altered,
    make,
    openssl,
    request_for,
    reread,
    serial,
)

# Only pytest's own filters let it through: see the test of the program's.
pytestmark = pytest.mark.filterwarnings("ignore:Attribute's length must be")


def leaf(made: SampleHierarchy, distribution: Distribution = EVERYWHERE) -> x509.Certificate:
    return issue(
        request_for(made.device_key, distribution), made.issuing, MemoryKey(made.issuing_key)
    )


def extensions(certificate: x509.Certificate) -> dict[str, bool]:
    return {
        each["extn_id"].native: each["critical"].native
        for each in reread(certificate)["tbs_certificate"]["extensions"]
    }


def key_id(certificate: x509.Certificate) -> bytes:
    """§4.2.1.2 (1): SHA-1 over the value of the BIT STRING subjectPublicKey."""
    key = reread(certificate).public_key["public_key"]
    return hashlib.sha1(bytes(key) if key.native is None else key.contents[1:]).digest()


# The root ---------------------------------------------------------------------------------------


def test_a_root_is_a_ca_that_may_have_one_ca_below(made: SampleHierarchy) -> None:
    root = reread(made.root)
    assert root["tbs_certificate"]["version"].native == "v3"
    assert root.basic_constraints_value.native == {"ca": True, "path_len_constraint": 1}
    assert root.key_usage_value.native == {"key_cert_sign", "crl_sign"}
    assert root.key_identifier == key_id(made.root)


def test_a_root_has_these_extensions_and_no_authority_key_identifier(made: SampleHierarchy) -> None:
    assert extensions(made.root) == {
        "basic_constraints": True,
        "key_usage": True,
        "key_identifier": False,
    }


def test_a_root_is_self_signed(made: SampleHierarchy, tmp_path: Path) -> None:
    pem = tmp_path / "root.pem"
    pem.write_bytes(x509_certificates.to_pem(made.root))
    assert reread(made.root).self_issued
    checked = openssl("verify", "-x509_strict", "-check_ss_sig", "-CAfile", pem, pem)
    assert checked.returncode == 0, checked.stderr


# The issuing CA ---------------------------------------------------------------------------------


def test_an_issuing_ca_may_have_no_ca_below(made: SampleHierarchy) -> None:
    issuing = reread(made.issuing)
    assert issuing.basic_constraints_value.native == {"ca": True, "path_len_constraint": 0}
    assert issuing.key_usage_value.native == {"key_cert_sign", "crl_sign"}
    assert issuing.key_identifier == key_id(made.issuing)
    assert issuing.authority_key_identifier == key_id(made.root)
    assert issuing.issuer.dump() == reread(made.root).subject.dump()


def test_an_issuing_ca_has_these_extensions_and_no_extended_key_usage(
    made: SampleHierarchy,
) -> None:
    assert extensions(made.issuing) == {
        "basic_constraints": True,
        "key_usage": True,
        "key_identifier": False,
        "authority_key_identifier": False,
        "crl_distribution_points": False,
        "authority_information_access": False,
    }


# The device -------------------------------------------------------------------------------------


def test_a_device_may_authenticate_as_a_tls_client_and_nothing_else(made: SampleHierarchy) -> None:
    device = reread(leaf(made))
    assert device.key_usage_value.native == {"digital_signature"}
    assert device.extended_key_usage_value.native == ["client_auth"]
    assert device.basic_constraints_value.native == {"ca": False, "path_len_constraint": None}
    assert device.subject_alt_name_value is None


def test_a_device_has_these_extensions(made: SampleHierarchy) -> None:
    without_addresses = {
        "basic_constraints": True,
        "key_usage": True,
        "extended_key_usage": False,
        "key_identifier": False,
        "authority_key_identifier": False,
    }
    assert extensions(leaf(made, NOWHERE)) == without_addresses
    assert extensions(leaf(made)) == without_addresses | {
        "crl_distribution_points": False,
        "authority_information_access": False,
    }


def test_the_key_usage_bits_of_the_profile_are_set(rsa_made: SampleHierarchy) -> None:
    both = frozenset({KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_ENCIPHERMENT})
    request = replace(request_for(rsa_made.device_key), profile=replace(DEVICE, key_usage=both))
    device = reread(issue(request, rsa_made.issuing, MemoryKey(rsa_made.issuing_key)))
    assert device.key_usage_value.native == {"digital_signature", "key_encipherment"}


def test_a_device_is_bound_to_its_key_serial_and_issuer(made: SampleHierarchy) -> None:
    device = reread(leaf(made))
    assert device.serial_number == serial(3)
    assert device.key_identifier == key_id(leaf(made))
    assert device.authority_key_identifier == key_id(made.issuing)
    assert device.issuer.dump() == reread(made.issuing).subject.dump()
    spki = made.device_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert device.public_key.dump() == spki


def test_a_device_certificate_has_crl_ocsp_and_issuer_addresses(made: SampleHierarchy) -> None:
    device = reread(leaf(made))
    assert device.crl_distribution_points_value.native == [
        {
            "distribution_point": ["http://ca.example.jp/crl/new-issuing.crl"],
            "reasons": None,
            "crl_issuer": None,
        }
    ]
    assert device.authority_information_access_value.native == [
        {"access_method": "ocsp", "access_location": "http://ca.example.jp/ocsp/new"},
        {
            "access_method": "ca_issuers",
            "access_location": "http://ca.example.jp/ca/new-issuing.crt",
        },
    ]


@pytest.mark.parametrize(
    ("distribution", "present"),
    [
        (Distribution(crl_url="http://a.example/c"), {"crl_distribution_points"}),
        (Distribution(ocsp_url="http://a.example/o"), {"authority_information_access"}),
        (Distribution(ca_issuers_url="http://a.example/i"), {"authority_information_access"}),
    ],
)
def test_an_address_that_there_is_not_leaves_no_trace(
    ec_made: SampleHierarchy, distribution: Distribution, present: set[str]
) -> None:
    optional = {"crl_distribution_points", "authority_information_access"}
    assert extensions(leaf(ec_made, distribution)).keys() & optional == present


def test_an_address_outside_ascii_is_invalid(ec_made: SampleHierarchy) -> None:
    with pytest.raises(Invalid, match="outside ASCII"):
        leaf(ec_made, Distribution(crl_url="http://連携.example/crl"))


# Names ------------------------------------------------------------------------------------------


def test_a_subject_is_utf8_but_its_country_printable_string(made: SampleHierarchy) -> None:
    subject = reread(leaf(made)).subject
    found = [
        (pair["type"].native, pair["value"].name, pair["value"].native)
        for relative in subject.chosen
        for pair in relative
    ]
    assert found == [
        ("country_name", "printable_string", "JP"),
        ("organization_name", "utf8_string", "みどり市在宅連携"),
        ("organizational_unit_name", "utf8_string", "訪問看護ステーション例"),
        ("common_name", "utf8_string", "hanako.rei"),
    ]


def named(made: SampleHierarchy, attribute: SubjectAttribute, value: str) -> x509.Certificate:
    request = replace(request_for(made.device_key), subject=((attribute, value),))
    return issue(request, made.issuing, MemoryKey(made.issuing_key))


def test_a_japanese_common_name_may_have_64_characters(ec_made: SampleHierarchy) -> None:
    certificate = named(ec_made, SubjectAttribute.COMMON_NAME, "訪" * 64)
    assert reread(certificate).subject.native == {"common_name": "訪" * 64}
    assert x509_certificates.common_name(certificate) == "訪" * 64


def test_a_long_japanese_common_name_puts_no_warning_before_the_user(
    ec_made: SampleHierarchy, tmp_path: Path
) -> None:
    path = tmp_path / "leaf.der"
    path.write_bytes(
        x509_certificates.to_der(named(ec_made, SubjectAttribute.COMMON_NAME, "訪" * 64))
    )
    script = (
        "import sys, pathlib; from renrakucho_ca.pki import x509_certificates as c;"
        "print(c.common_name(c.load(pathlib.Path(sys.argv[1]).read_bytes())).count('\u8a2a'))"
    )
    # pytest has warning filters of its own, so the program's are tried in a process of its own.
    read = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, check=True
    )
    assert (read.stdout, read.stderr) == ("64\n", "")


@pytest.mark.parametrize(
    "attribute", [each for each in SubjectAttribute if each is not SubjectAttribute.COUNTRY]
)
def test_a_name_attribute_of_65_characters_or_none_is_invalid(
    ec_made: SampleHierarchy, attribute: SubjectAttribute
) -> None:
    assert named(ec_made, attribute, "a" * 64)
    for wrong in ("a" * 65, ""):
        with pytest.raises(Invalid, match=f"{attribute.value} has {len(wrong)} characters"):
            named(ec_made, attribute, wrong)


@pytest.mark.parametrize("country", ["jp", "JPN", "日本", "", "J", "JP\n"])
def test_a_country_is_two_capital_letters(ec_made: SampleHierarchy, country: str) -> None:
    with pytest.raises(Invalid, match="two capital letters"):
        named(ec_made, SubjectAttribute.COUNTRY, country)


def test_a_certificates_names_are_returned(ec_made: SampleHierarchy) -> None:
    assert x509_certificates.common_name(ec_made.root) == "ecn.example.jp"
    assert (
        x509_certificates.subject_text(ec_made.root) == "CN=ecn.example.jp,O=みどり市在宅連携,C=JP"
    )
    nameless = named(ec_made, SubjectAttribute.ORGANIZATION, "例")
    assert x509_certificates.common_name(nameless) == "O=例"


# Validity ---------------------------------------------------------------------------------------


def test_a_device_is_valid_for_the_time_that_was_asked_for(made: SampleHierarchy) -> None:
    validity = reread(leaf(made))["tbs_certificate"]["validity"]
    assert validity["not_before"].native == BEGIN
    assert validity["not_after"].native == BEGIN.replace(year=2036)


def test_dates_have_two_digit_years_until_2049_and_four_from_2050(made: SampleHierarchy) -> None:
    def kinds(certificate: x509.Certificate) -> list[str]:
        validity = reread(certificate)["tbs_certificate"]["validity"]
        return [validity["not_before"].name, validity["not_after"].name]

    assert kinds(made.issuing) == ["utc_time", "utc_time"]  # to 2046
    assert kinds(made.root) == ["utc_time", "general_time"]  # to 2056


@pytest.mark.parametrize("end", [BEGIN, BEGIN - timedelta(seconds=1)])
def test_a_validity_that_ends_before_it_begins_cannot_be_made(end: datetime) -> None:
    with pytest.raises(Invalid, match="before it begins"):
        Validity(BEGIN, end)


# Serial numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("octet", [0x00, 0x7F, 0x80, 0xFF])
def test_a_serial_number_is_positive_with_128_random_bits_in_at_most_20_octets(octet: int) -> None:
    number = serial_number(lambda length: bytes([octet]) * length)
    assert number > 0
    assert number % 2**128 == int.from_bytes(bytes([octet]) * 16, "big")
    assert len(number.to_bytes(20, "big", signed=True)) == 20


# Reading ----------------------------------------------------------------------------------------


def test_a_certificate_survives_der_and_pem(made: SampleHierarchy) -> None:
    assert x509_certificates.load(x509_certificates.to_der(made.root)) == made.root
    text = x509_certificates.to_pem(made.root)
    assert text.startswith(b"-----BEGIN CERTIFICATE-----\n")
    assert x509.load_pem_x509_certificate(text) == made.root


def test_the_fingerprint_is_sha256_over_the_der(made: SampleHierarchy) -> None:
    expected = hashlib.sha256(reread(made.root).dump()).hexdigest()
    assert x509_certificates.fingerprint_sha256(made.root) == expected


@pytest.mark.parametrize("junk", [b"", b"\0", b"0\0", b"-----BEGIN CERTIFICATE-----"])
def test_a_value_that_is_no_certificate_is_invalid(junk: bytes) -> None:
    with pytest.raises(Invalid, match="not a readable certificate"):
        x509_certificates.load(junk)


def test_a_damaged_certificate_is_invalid_or_can_be_read_to_its_depths(
    ec_made: SampleHierarchy,
) -> None:
    good = x509_certificates.to_der(leaf(ec_made))
    refused = 0
    for position in range(len(good)):
        try:
            certificate = x509_certificates.load(
                good[:position] + bytes([good[position] ^ 0x15]) + good[position + 1 :]
            )
        except Invalid:
            refused += 1
        else:
            x509_certificates.subject_text(certificate)
            list(certificate.extensions)
    assert refused > 100
    for length in range(len(good)):
        with pytest.raises(Invalid):
            x509_certificates.load(good[:length])


def _even_exponent(der: bytes) -> bytes:
    return der.replace(b"\x02\x03\x01\x00\x01", b"\x02\x03\x01\x00\x02")


def _key_of_an_unknown_kind(der: bytes) -> bytes:
    rsa_encryption = bytes.fromhex("06092a864886f70d010101")
    return der.replace(rsa_encryption, rsa_encryption[:-1] + b"\x63")


def _x400_address_for_a_uri(der: bytes) -> bytes:
    url = b"http://ca.example.jp/crl/new-issuing.crl"
    return der.replace(b"\x86" + bytes([len(url)]) + url, b"\xa3" + bytes([len(url)]) + url)


def _extension_twice(der: bytes) -> bytes:
    subject_key_identifier, extended_key_usage = b"\x06\x03\x55\x1d\x0e", b"\x06\x03\x55\x1d\x25"
    return der.replace(extended_key_usage, subject_key_identifier)


@pytest.mark.parametrize(
    "change",
    [_even_exponent, _key_of_an_unknown_kind, _x400_address_for_a_uri, _extension_twice],
)
def test_a_certificate_with_a_part_that_cannot_be_read_is_invalid(
    rsa_made: SampleHierarchy, change: Callable[[bytes], bytes]
) -> None:
    good = x509_certificates.to_der(leaf(rsa_made))
    bad = change(good)
    assert bad != good
    x509.load_der_x509_certificate(bad)  # which does not look so deep
    with pytest.raises(Invalid, match="not a readable certificate"):
        x509_certificates.load(bad)


# Outside judges ---------------------------------------------------------------------------------


def pkilint_finds_nothing(path: Path) -> bool:
    findings: int = lint_pkix_cert.main(["lint", "-s", "NOTICE", str(path)])
    return findings == 0


def test_pkilint_finds_faults(ec_made: SampleHierarchy, tmp_path: Path) -> None:
    def take_the_key_identifiers(certificate: asn1.Certificate) -> None:
        found = certificate["tbs_certificate"]["extensions"]
        kept = [each for each in found if not each["extn_id"].native.endswith("key_identifier")]
        certificate["tbs_certificate"]["extensions"] = asn1.Extensions(kept)

    path = tmp_path / "wrong.pem"
    path.write_bytes(
        x509_certificates.to_pem(altered(leaf(ec_made, NOWHERE), take_the_key_identifiers))
    )
    assert not pkilint_finds_nothing(path)


@pytest.mark.parametrize("distribution", [NOWHERE, EVERYWHERE], ids=["no addresses", "addresses"])
def test_pkilint_has_nothing_to_notice(
    made: SampleHierarchy,
    distribution: Distribution,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = make(made.root_key, made.issuing_key, made.device_key, distribution)
    chain = {"root": made.root, "issuing": made.issuing, "leaf": leaf(made, distribution)}
    for name, certificate in chain.items():
        (tmp_path / name).write_bytes(x509_certificates.to_pem(certificate))
        assert pkilint_finds_nothing(tmp_path / name), capsys.readouterr().out
    for pair in (("root", "issuing"), ("issuing", "leaf")):
        paths = [str(tmp_path / name) for name in pair]
        found = lint_pkix_signer_signee_cert_chain.main(["lint", "-s", "NOTICE", *paths])
        assert found == 0, capsys.readouterr().out


def openssl_verify(
    made: SampleHierarchy,
    certificate: x509.Certificate,
    tmp_path: Path,
    *,
    revoked: tuple[bytes, ...] = (),
    at: datetime = BEGIN + timedelta(days=1),
) -> str:
    """What a strict TLS server with CRLs for the whole chain says, or "OK"."""
    lists = b""
    for issuer, key, entries in (
        (made.root, made.root_key, ()),
        (made.issuing, made.issuing_key, revoked),
    ):
        pieces = crl.assemble(issuer, MemoryKey(key), 1, BEGIN, BEGIN.replace(year=2040), entries)
        lists += b"".join(crl.to_pem(pieces))
    (tmp_path / "root").write_bytes(x509_certificates.to_pem(made.root))
    (tmp_path / "issuing").write_bytes(x509_certificates.to_pem(made.issuing))
    (tmp_path / "crl").write_bytes(lists)
    (tmp_path / "leaf").write_bytes(x509_certificates.to_pem(certificate))
    result = openssl(
        *("verify", "-x509_strict", "-crl_check_all", "-purpose", "sslclient"),
        *("-attime", str(int(at.timestamp()))),
        *("-CAfile", tmp_path / "root", "-untrusted", tmp_path / "issuing"),
        *("-CRLfile", tmp_path / "crl", tmp_path / "leaf"),
    )
    return "OK" if result.returncode == 0 else result.stderr


def test_openssl_accepts_a_device_as_tls_client(made: SampleHierarchy, tmp_path: Path) -> None:
    assert openssl_verify(made, leaf(made), tmp_path) == "OK"
    assert openssl_verify(made, leaf(made, NOWHERE), tmp_path) == "OK"


def test_openssl_accepts_it_to_its_last_second_and_not_after(
    made: SampleHierarchy, tmp_path: Path
) -> None:
    end = DEVICE_VALIDITY.not_after
    after = end + timedelta(seconds=1)
    assert openssl_verify(made, leaf(made), tmp_path, at=end - timedelta(seconds=1)) == "OK"
    assert "certificate has expired" in openssl_verify(made, leaf(made), tmp_path, at=after)


def test_openssl_refuses_a_revoked_device(made: SampleHierarchy, tmp_path: Path) -> None:
    other = crl.entry(serial(9), BEGIN, RevocationReason.SUPERSEDED)
    this = crl.entry(serial(3), BEGIN, RevocationReason.UNSPECIFIED)
    assert openssl_verify(made, leaf(made), tmp_path, revoked=(other,)) == "OK"
    assert "certificate revoked" in openssl_verify(
        made, leaf(made), tmp_path, revoked=(other, this)
    )


def test_openssl_refuses_a_device_of_another_hierarchy(
    ec_made: SampleHierarchy, rsa_made: SampleHierarchy, tmp_path: Path
) -> None:
    assert openssl_verify(ec_made, leaf(rsa_made), tmp_path) != "OK"


def test_openssl_refuses_a_device_as_a_tls_server(ec_made: SampleHierarchy, tmp_path: Path) -> None:
    device = leaf(ec_made)
    (tmp_path / "root").write_bytes(x509_certificates.to_pem(ec_made.root))
    (tmp_path / "issuing").write_bytes(x509_certificates.to_pem(ec_made.issuing))
    (tmp_path / "leaf").write_bytes(x509_certificates.to_pem(device))
    for purpose, verdict in (("sslserver", "unsuitable certificate purpose"), ("sslclient", "OK")):
        result = openssl(
            *("verify", "-x509_strict", "-purpose", purpose),
            *("-attime", str(int(BEGIN.timestamp()) + 1), "-CAfile", tmp_path / "root"),
            *("-untrusted", tmp_path / "issuing", tmp_path / "leaf"),
        )
        assert verdict in result.stdout + result.stderr
