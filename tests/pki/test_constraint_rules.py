"""Which names are within a name constraint (RFC 5280 §4.2.1.10, §7.1)."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from renrakucho_ca.model import KeyAlgorithm
from renrakucho_ca.pki import keys
from renrakucho_ca.pki.lint.constraint_rules import name_findings

from .hierarchies import BEGIN

KEY = keys.generate(KeyAlgorithm.EC_P256)


def certificate(
    name: x509.Name, constraints: x509.NameConstraints | None = None
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")]))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(BEGIN)
        .not_valid_after(BEGIN.replace(year=2027))
    )
    if constraints is not None:
        builder = builder.add_extension(constraints, critical=True)
    return builder.sign(KEY, keys.signature_hash(KEY.public_key()))


def named(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


CN, O, OU, MAIL = (  # noqa: E741
    NameOID.COMMON_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.EMAIL_ADDRESS,
)
ACME = named((O, "Acme"))
SURGERY = named((O, "Acme"), (OU, "Surgery"))


def host(name: str) -> x509.Name:
    return named((CN, name))


def mail(address: str) -> x509.Name:
    return named((MAIL, address))


@pytest.mark.parametrize(
    ("base", "name", "within"),
    [
        (x509.DNSName("example.jp"), host("example.jp"), True),
        (x509.DNSName("example.jp"), host("pc.example.jp"), True),
        (x509.DNSName("example.jp"), host("a.b.Example.JP"), True),
        (x509.DNSName("example.jp"), host("evilexample.jp"), False),
        (x509.DNSName("example.jp"), host("pc.evilexample.jp"), False),
        (x509.DNSName("example.jp"), host("example.jp.evil.com"), False),
        (x509.DNSName("pc.example.jp"), host("example.jp"), False),
        # One host, all hosts of a domain, one address.
        (x509.RFC822Name("example.jp"), mail("a@example.jp"), True),
        (x509.RFC822Name("example.jp"), mail("a@EXAMPLE.jp"), True),
        (x509.RFC822Name("example.jp"), mail("a@pc.example.jp"), False),
        (x509.RFC822Name("example.jp"), mail("a@evilexample.jp"), False),
        (x509.RFC822Name(".example.jp"), mail("a@pc.example.jp"), True),
        (x509.RFC822Name(".example.jp"), mail("a@example.jp"), False),
        (x509.RFC822Name(".example.jp"), mail("a@evilexample.jp"), False),
        (x509.RFC822Name("a@example.jp"), mail("a@example.jp"), True),
        (x509.RFC822Name("a@example.jp"), mail("b@example.jp"), False),
        (x509.DirectoryName(ACME), SURGERY, True),
        (x509.DirectoryName(ACME), ACME, True),
        (x509.DirectoryName(ACME), named((O, "ACME ")), True),
        (x509.DirectoryName(ACME), named((O, "Acme Evil")), False),
        (x509.DirectoryName(SURGERY), ACME, False),
        (x509.DirectoryName(ACME), named((OU, "Surgery"), (O, "Acme")), False),
    ],
)
def test_a_name_is_within_a_constraint_as_rfc_5280_says(
    base: x509.GeneralName, name: x509.Name, within: bool
) -> None:
    leaf = certificate(name)
    permitting = certificate(host("ca"), x509.NameConstraints([base], None))
    excluding = certificate(host("ca"), x509.NameConstraints(None, [base]))
    permitted = [str(each) for each in name_findings(leaf, permitting)]
    excluded = [str(each) for each in name_findings(leaf, excluding)]
    assert (permitted == []) is within, permitted
    assert (excluded == []) is not within, excluded


def test_one_of_several_permitted_bases_is_enough_and_one_excluded_too_much() -> None:
    ca = certificate(
        host("ca"),
        x509.NameConstraints(
            [x509.DNSName("example.jp"), x509.DNSName("example.com")],
            [x509.DNSName("bad.example.jp")],
        ),
    )
    for name, findings in (
        ("pc.example.jp", 0),
        ("pc.example.com", 0),
        ("pc.bad.example.jp", 1),
        ("pc.example.net", 1),
    ):
        assert len(list(name_findings(certificate(host(name)), ca))) == findings, name
