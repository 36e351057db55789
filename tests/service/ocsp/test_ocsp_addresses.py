"""Where a certificate says that its issuer answers by OCSP: what stands in `ocsp.url`."""

from __future__ import annotations

from pathlib import Path

import pytest
from asn1crypto import x509 as asn1

from renrakucho_ca.model import Authority
from renrakucho_ca.service.hierarchy import creation
from renrakucho_ca.service.home import Home
from tests.shared.homes import Clock, configure, copy_home, issue, openssl, read_certificate

BOTH = ["new", "old"]


@pytest.fixture
def home(template: Path, tmp_path: Path, clock: Clock) -> Home:
    home = copy_home(template, tmp_path / "home", clock)
    configure(home, "public_url: https://ca.example.jp\nocsp: {url: 'http://ocsp.example.jp/rca/'}")
    return home


def access(certificate: asn1.Certificate) -> list[tuple[str, str]]:
    """Authority information access (RFC 5280 §4.2.2.1): methods and addresses."""
    found = certificate.authority_information_access_value
    return [(each["access_method"].native, each["access_location"].native) for each in found or []]


@pytest.mark.parametrize("name", BOTH)
def test_a_device_s_certificate_names_the_responder_of_its_hierarchy(home: Home, name: str) -> None:
    number = issue(home, hierarchy=name).certificate.number
    assert access(read_certificate(home, number)) == [
        ("ocsp", f"http://ocsp.example.jp/rca/ocsp/{name}"),
        ("ca_issuers", f"https://ca.example.jp/ca/{name}-issuing.cer"),
    ]


@pytest.mark.needs("openssl")
def test_openssl_finds_the_responder(home: Home) -> None:
    number = issue(home, hierarchy="new").certificate.number
    der = read_certificate(home, number).dump()
    said = openssl("x509", "-inform", "DER", "-noout", "-ocsp_uri", given=der)
    assert said.splitlines() == ["http://ocsp.example.jp/rca/ocsp/new"]


def test_the_responder_is_named_though_the_home_is_not_public(
    template: Path, tmp_path: Path, clock: Clock
) -> None:
    home = copy_home(template, tmp_path / "home", clock)
    configure(home, "ocsp: {url: 'http://ocsp.example.jp'}")
    number = issue(home, hierarchy="new").certificate.number
    assert access(read_certificate(home, number)) == [("ocsp", "http://ocsp.example.jp/ocsp/new")]


def test_without_the_setting_no_responder_is_named(
    template: Path, tmp_path: Path, clock: Clock
) -> None:
    home = copy_home(template, tmp_path / "home", clock)
    configure(home, "public_url: https://ca.example.jp")
    number = issue(home, hierarchy="new").certificate.number
    assert [method for method, _ in access(read_certificate(home, number))] == ["ca_issuers"]


def test_no_ca_s_certificate_names_a_responder(home: Home) -> None:
    """A root's key may lie in a safe: nobody would sign what its responder answers."""
    made = creation.create(home, "third")

    def methods(authority: Authority) -> list[str]:
        certificate = asn1.Certificate.load(authority.certificate, strict=True)
        return [method for method, _ in access(certificate)]

    assert (methods(made.root), methods(made.issuing)) == ([], ["ca_issuers"])
