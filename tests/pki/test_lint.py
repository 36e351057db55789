"""The linter passes a good certificate, and names the one fault of a bad one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from asn1crypto import core
from asn1crypto import x509 as asn1
from asn1crypto.keys import RSAPublicKey
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from renrakucho_ca.certificate_profile import ExtendedKeyUsage, KeyUsage, Subject, SubjectAttribute
from renrakucho_ca.errors import Refused
from renrakucho_ca.model import Tier
from renrakucho_ca.pki.builder import end_entity, issuing
from renrakucho_ca.pki.contents import Ca, Distribution, EndEntity, Validity
from renrakucho_ca.pki.keys import describe
from renrakucho_ca.pki.lint import enforce, lint, lint_ca

from .hierarchies import (
    BEGIN,
    DEVICE,
    DEVICE_VALIDITY,
    EVERYWHERE,
    ISSUING_SUBJECT,
    ISSUING_VALIDITY,
    NOWHERE,
    ROOT_SUBJECT,
    ROOT_VALIDITY,
    SampleHierarchy,
    altered,
    ca_profile,
    request_for,
    serial,
)

# Only pytest's own filters let them through: `certificates` has the program's.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Attribute's length must be"),
    pytest.mark.filterwarnings("ignore:Parsed a serial number"),
]

Change = Callable[[asn1.Certificate], None]


def good(made: SampleHierarchy, **changes: object) -> tuple[x509.Certificate, EndEntity]:
    request = replace(request_for(made.device_key), **changes)  # type: ignore[arg-type]
    return end_entity(request, made.issuing, made.issuing_key), request


# Small tools to put one fault in ----------------------------------------------------------------


def tbs(field: str, value: object) -> Change:
    def change(certificate: asn1.Certificate) -> None:
        certificate["tbs_certificate"][field] = value

    return change


def subject(name: asn1.Name) -> Change:
    return tbs("subject", name)


def relative_name(attribute: str, value: asn1.DirectoryString) -> asn1.Name:
    pair = asn1.NameTypeAndValue({"type": attribute, "value": value})
    return asn1.Name(name="", value=asn1.RDNSequence([asn1.RelativeDistinguishedName([pair])]))


def validity(begin: object, end: object) -> Change:
    times = {"not_before": {"utc_time": begin}, "not_after": {"utc_time": end}}
    return tbs("validity", {name: asn1.Time(value) for name, value in times.items()})


def extension(identifier: str, *, value: object = None, critical: bool | None = None) -> Change:
    """Sets value or criticality of an extension that is there."""

    def change(certificate: asn1.Certificate) -> None:
        for each in certificate["tbs_certificate"]["extensions"]:
            if each["extn_id"].native == identifier:
                if value is not None:
                    each["extn_value"] = value
                if critical is not None:
                    each["critical"] = critical
                return
        raise AssertionError(f"there is no {identifier}")

    return change


def without(identifier: str) -> Change:
    def change(certificate: asn1.Certificate) -> None:
        found = certificate["tbs_certificate"]["extensions"]
        kept = [each for each in found if each["extn_id"].native != identifier]
        assert len(kept) == len(found) - 1
        certificate["tbs_certificate"]["extensions"] = asn1.Extensions(kept)

    return change


def added(identifier: str, value: core.Asn1Value, *, critical: bool = False) -> Change:
    def change(certificate: asn1.Certificate) -> None:
        one = asn1.Extension(
            {
                "extn_id": identifier,
                "critical": critical,
                "extn_value": core.ParsableOctetString(value.dump()),
            }
        )
        certificate["tbs_certificate"]["extensions"].append(one)

    return change


def signature_algorithm(name: str) -> Change:
    def change(certificate: asn1.Certificate) -> None:
        certificate["signature_algorithm"] = {"algorithm": name}
        certificate["tbs_certificate"]["signature"] = {"algorithm": name}

    return change


def public_key(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> Change:
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return tbs("subject_public_key_info", asn1.PublicKeyInfo.load(der))


def public_key_of_even_exponent(certificate: asn1.Certificate) -> None:
    key = {"modulus": 2**2047 + 1, "public_exponent": 65538}
    info = {"algorithm": {"algorithm": "rsa"}, "public_key": RSAPublicKey(key)}
    certificate["tbs_certificate"]["subject_public_key_info"] = asn1.PublicKeyInfo(info)


def key_usage(*bits: str) -> Change:
    return extension("key_usage", value=asn1.KeyUsage(set(bits)))


def purposes(*names: str) -> Change:
    return extension("extended_key_usage", value=asn1.ExtKeyUsageSyntax(list(names)))


def access(*pairs: tuple[str, str]) -> Change:
    described = [
        {
            "access_method": method,
            "access_location": asn1.GeneralName({"uniform_resource_identifier": url}),
        }
        for method, url in pairs
    ]
    return extension(
        "authority_information_access", value=asn1.AuthorityInfoAccessSyntax(described)
    )


def crl_at(*urls: str) -> Change:
    points = [
        {
            "distribution_point": asn1.DistributionPointName(
                name="full_name",
                value=asn1.GeneralNames([asn1.GeneralName("uniform_resource_identifier", url)]),
            )
        }
        for url in urls
    ]
    return extension("crl_distribution_points", value=asn1.CRLDistributionPoints(points))


CRL, OCSP, CA = EVERYWHERE.crl_url, EVERYWHERE.ocsp_url, EVERYWHERE.ca_issuers_url
assert CRL
assert OCSP
assert CA

# The rules, a fault each ------------------------------------------------------------------------

FAULTS: dict[str, tuple[Change, str]] = {
    "version 1": (tbs("version", "v1"), "the version is v1, not v3"),
    "another serial": (tbs("serial_number", serial(4)), "the serial number is 104"),
    "serial zero": (tbs("serial_number", 0), "the serial number is not positive"),
    "negative serial": (tbs("serial_number", -(2**127)), "the serial number is not positive"),
    "short serial": (tbs("serial_number", 2**125), "126 bits, fewer than 127"),
    "21 octets of serial": (tbs("serial_number", 2**159), "longer than 20 octets"),
    "SHA-1": (signature_algorithm("sha1_ecdsa"), "the signature hash is sha1, not sha384"),
    "weaker hash": (signature_algorithm("sha256_ecdsa"), "is sha256, not sha384"),
    "another issuer": (
        tbs("issuer", asn1.Name.build({"common_name": "stranger"})),
        "the issuer's name is not the subject",
    ),
    "issuer in another string type": (
        tbs("issuer", asn1.Name.build({"country_name": "JP", "common_name": "ecn.example.jp"})),
        "the issuer's name is not the subject",
    ),
    "inverted validity": (
        validity(DEVICE_VALIDITY.not_after, BEGIN),
        "the validity ends before it begins",
    ),
    "another end": (
        validity(BEGIN, DEVICE_VALIDITY.not_after - timedelta(days=1)),
        "the validity is not the one that was asked for",
    ),
    "empty subject": (
        subject(asn1.Name(name="", value=asn1.RDNSequence([]))),
        "the subject is empty",
    ),
    "another subject": (
        subject(asn1.Name.build({"common_name": "jiro.rei"})),
        "the subject is not the one that was asked for",
    ),
    "subject in T61String": (
        subject(
            relative_name("common_name", asn1.DirectoryString({"teletex_string": "hanako.rei"}))
        ),
        "neither UTF8String nor PrintableString",
    ),
    "subject in BMPString": (
        subject(relative_name("common_name", asn1.DirectoryString({"bmp_string": "hanako.rei"}))),
        "neither UTF8String nor PrintableString",
    ),
    "65 characters": (
        subject(asn1.Name.build({"common_name": "訪" * 65})),
        "the subject's CN is longer than 64 characters",
    ),
    "three letters of country": (
        subject(relative_name("country_name", asn1.DirectoryString({"printable_string": "JPN"}))),
        "the subject's C is longer than 2 characters",
    ),
    "another key": (
        public_key(ec.generate_private_key(ec.SECP256R1()).public_key()),
        "the public key is not the one that was asked for",
    ),
    "RSA-1024": (
        public_key(rsa.generate_private_key(65537, 1024).public_key()),
        "the public key is not acceptable (keys of the kind rsa-1024",
    ),
    "exponent 3": (
        public_key(rsa.generate_private_key(3, 2048).public_key()),
        "the public key is not acceptable (RSA keys with the public exponent 3 ",
    ),
    "even exponent": (
        public_key_of_even_exponent,
        "the public key is not acceptable (the public key cannot be read",
    ),
    "another curve": (
        public_key(ec.generate_private_key(ec.SECP256K1()).public_key()),
        "the public key is not acceptable (keys of the kind ec-secp256k1",
    ),
    "unknown critical extension": (
        added("1.3.6.1.4.1.99999.1", core.Null(), critical=True),
        "the extension 1.3.6.1.4.1.99999.1 is not expected",
    ),
    "subject alternative name": (
        added("subject_alt_name", asn1.GeneralNames([asn1.GeneralName("dns_name", "a.example")])),
        "the extension 2.5.29.17 is not expected",
    ),
    "an extension twice": (
        added("key_usage", asn1.KeyUsage({"digital_signature"})),
        "a part of the certificate cannot be read",
    ),
    "no basic constraints": (without("basic_constraints"), "basicConstraints is missing"),
    "basic constraints not critical": (
        extension("basic_constraints", critical=False),
        "basicConstraints is not critical",
    ),
    "a CA": (
        extension("basic_constraints", value=asn1.BasicConstraints({"ca": True})),
        "it would be a CA",
    ),
    "path length": (
        extension("basic_constraints", value=asn1.BasicConstraints({"path_len_constraint": 0})),
        "path_length must be None when ca is False",
    ),
    "no key usage": (without("key_usage"), "keyUsage is missing"),
    "key usage not critical": (
        extension("key_usage", critical=False),
        "keyUsage is not critical",
    ),
    "key usage short of a bit": (key_usage("key_agreement"), "lacks digitalSignature"),
    **{
        f"key usage {bit}": (key_usage("digital_signature", bit), f"the key usage has {name}")
        for bit, name in {
            "non_repudiation": "nonRepudiation",
            "key_encipherment": "keyEncipherment",
            "data_encipherment": "dataEncipherment",
            "key_agreement": "keyAgreement",
            "key_cert_sign": "keyCertSign",
            "crl_sign": "cRLSign",
        }.items()
    },
    "key usage encipherOnly": (
        key_usage("digital_signature", "key_agreement", "encipher_only"),
        "the key usage has encipherOnly",
    ),
    "key usage decipherOnly": (
        key_usage("digital_signature", "key_agreement", "decipher_only"),
        "the key usage has decipherOnly",
    ),
    "no extended key usage": (without("extended_key_usage"), "extKeyUsage is missing"),
    "extended key usage critical": (
        extension("extended_key_usage", critical=True),
        "extKeyUsage is critical",
    ),
    "another purpose": (purposes("server_auth"), "lacks 1.3.6.1.5.5.7.3.2"),
    "one purpose more": (purposes("client_auth", "server_auth"), "has 1.3.6.1.5.5.7.3.1"),
    "any purpose": (purposes("client_auth", "any_extended_key_usage"), "has 2.5.29.37.0"),
    "no subject key identifier": (without("key_identifier"), "subjectKeyIdentifier is missing"),
    "another subject key identifier": (
        extension("key_identifier", value=core.OctetString(bytes(20))),
        "the subject key identifier is not that of the public key",
    ),
    "no authority key identifier": (
        without("authority_key_identifier"),
        "authorityKeyIdentifier is missing",
    ),
    "another authority key identifier": (
        extension(
            "authority_key_identifier",
            value=asn1.AuthorityKeyIdentifier({"key_identifier": bytes(20)}),
        ),
        "the authority key identifier is not that of the issuer",
    ),
    "no CRL distribution point": (
        without("crl_distribution_points"),
        "cRLDistributionPoints is missing",
    ),
    "another CRL distribution point": (
        crl_at("http://elsewhere.example/crl"),
        "the CRL distribution point is not the one",
    ),
    "two CRL distribution points": (
        crl_at(CRL, "http://elsewhere.example/crl"),
        "the CRL distribution point is not the one",
    ),
    "no authority information access": (
        without("authority_information_access"),
        "authorityInfoAccess is missing",
    ),
    "another OCSP responder": (
        access(("ocsp", "http://elsewhere.example/"), ("ca_issuers", CA)),
        "the authority information access is not the one",
    ),
    "no OCSP responder": (
        access(("ca_issuers", CA)),
        "the authority information access is not the one",
    ),
    "OCSP responder twice": (
        access(("ocsp", OCSP), ("ocsp", OCSP), ("ca_issuers", CA)),
        "the authority information access is not the one",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_certificate_with_one_fault_is_refused_for_it(
    ec_made: SampleHierarchy, fault: str
) -> None:
    change, message = FAULTS[fault]
    certificate, request = good(ec_made)
    findings = lint(altered(certificate, change), request, ec_made.issuing)
    assert any(message in finding for finding in findings), findings
    with pytest.raises(Refused, match="not conform to its profile"):
        enforce(findings)


@pytest.mark.parametrize("distribution", [NOWHERE, EVERYWHERE, Distribution(ocsp_url=OCSP)])
def test_a_good_certificate_has_no_finding(
    made: SampleHierarchy, distribution: Distribution
) -> None:
    certificate, request = good(made, distribution=distribution)
    assert lint(certificate, request, made.issuing) == []
    enforce([])


def test_every_finding_is_one_line_in_lower_case(ec_made: SampleHierarchy) -> None:
    certificate, request = good(ec_made)
    for change, _ in FAULTS.values():
        for finding in lint(altered(certificate, change), request, ec_made.issuing):
            assert finding[0].islower()
            assert not finding.endswith(".")
            assert "\n" not in finding


def test_addresses_that_were_not_asked_for_are_refused(ec_made: SampleHierarchy) -> None:
    certificate, request = good(ec_made)
    findings = lint(certificate, replace(request, distribution=NOWHERE), ec_made.issuing)
    assert set(findings) == {
        "the extension cRLDistributionPoints is not expected",
        "the extension authorityInfoAccess is not expected",
        "the CRL distribution point is not the one that was asked for",
        "the authority information access is not the one that was asked for",
    }


# Faulty requests: the builder does what it is told, the linter knows better ---------------------


def findings_about(made: SampleHierarchy, **changes: object) -> list[str]:
    certificate, request = good(made, **changes)
    return lint(certificate, request, made.issuing)


def until(**changes: int) -> Validity:
    return Validity(BEGIN, DEVICE_VALIDITY.not_after.replace(**changes))  # type: ignore[arg-type]


def test_a_validity_longer_than_the_profiles_years_is_refused(ec_made: SampleHierarchy) -> None:
    # A day more is the calendar of another timezone.
    assert findings_about(ec_made, validity=until(day=3)) == []
    longer = Validity(BEGIN, until(day=3).not_after + timedelta(seconds=1))
    assert findings_about(ec_made, validity=longer) == [
        "the validity is longer than the 10 years of the profile"
    ]


def test_a_validity_past_the_end_of_the_issuer_is_refused(ec_made: SampleHierarchy) -> None:
    profile = replace(DEVICE, validity_years=30)
    end = ISSUING_VALIDITY.not_after
    assert findings_about(ec_made, profile=profile, validity=Validity(BEGIN, end)) == []
    past = Validity(BEGIN, end + timedelta(seconds=1))
    assert findings_about(ec_made, profile=profile, validity=past) == [
        "the validity ends after that of the issuer"
    ]


def test_a_short_serial_is_refused_although_it_was_asked_for(ec_made: SampleHierarchy) -> None:
    assert findings_about(ec_made, serial=2**126) == []
    assert findings_about(ec_made, serial=2**126 - 1) == [
        "the serial number has 126 bits, fewer than 127"
    ]


def test_a_weak_key_is_refused_although_it_was_asked_for(ec_made: SampleHierarchy) -> None:
    weak = rsa.generate_private_key(65537, 1024).public_key()
    assert describe(weak) == "rsa-1024"
    (finding,) = findings_about(ec_made, public_key=weak)
    assert "rsa-1024" in finding


def test_an_issuer_that_is_no_ca_is_refused(ec_made: SampleHierarchy) -> None:
    device, request = good(ec_made)
    certificate = end_entity(request, device, ec_made.issuing_key)
    findings = lint(certificate, request, device)
    assert "the issuer's certificate is not that of a CA" in findings
    assert "the issuer's key usage does not allow it to sign certificates" in findings


def test_an_issuer_whose_key_may_sign_no_certificates_is_refused(
    ec_made: SampleHierarchy,
) -> None:
    device, request = good(ec_made)
    usage = core.ParsableOctetString(asn1.KeyUsage({"crl_sign"}).dump())
    issuer = altered(ec_made.issuing, extension("key_usage", value=usage))
    assert lint(device, request, issuer) == [
        "the issuer's key usage does not allow it to sign certificates"
    ]


def test_an_issuer_with_another_key_identifier_is_refused(ec_made: SampleHierarchy) -> None:
    device, request = good(ec_made)
    other = core.ParsableOctetString(core.OctetString(bytes(20)).dump())
    issuer = altered(ec_made.issuing, extension("key_identifier", value=other))
    assert lint(device, request, issuer) == [
        "the authority key identifier is not that of the issuer"
    ]


def test_an_issuer_without_key_identifier_is_known_by_its_key(ec_made: SampleHierarchy) -> None:
    imported = altered(ec_made.issuing, without("key_identifier"))
    request = request_for(ec_made.device_key)
    certificate = end_entity(request, imported, ec_made.issuing_key)
    assert lint(certificate, request, imported) == []
    assert lint(certificate, request, ec_made.issuing) == []


def test_a_profile_decides_usage_and_purposes(ec_made: SampleHierarchy) -> None:
    profile = replace(
        DEVICE,
        key_usage=frozenset({KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT}),
        extended_key_usage=(ExtendedKeyUsage.CLIENT_AUTH, ExtendedKeyUsage.EMAIL_PROTECTION),
    )
    certificate, request = good(ec_made, profile=profile)
    assert lint(certificate, request, ec_made.issuing) == []
    assert set(lint(certificate, replace(request, profile=DEVICE), ec_made.issuing)) == {
        "the key usage has keyAgreement",
        "the extended key usage has 1.3.6.1.5.5.7.3.4",
    }


@pytest.mark.parametrize("usage", [KeyUsage.KEY_AGREEMENT, KeyUsage.KEY_ENCIPHERMENT])
def test_a_usage_that_the_key_cannot_have_is_refused(
    made: SampleHierarchy, usage: KeyUsage
) -> None:
    """RFC 3279 §2.3.1: an RSA key agrees on nothing. RFC 8813 §3: an EC key encrypts no key."""
    profile = replace(DEVICE, key_usage=frozenset({KeyUsage.DIGITAL_SIGNATURE, usage}))
    certificate, request = good(made, profile=profile)
    is_rsa = isinstance(made.device_key, rsa.RSAPublicKey)
    fits = is_rsa == (usage is KeyUsage.KEY_ENCIPHERMENT)
    findings = lint(certificate, request, made.issuing)
    kind = "an RSA" if is_rsa else "an EC"
    refusal = f"the key usage has {usage}, which {kind} key cannot do"
    assert findings == ([] if fits else [refusal])


# CAs --------------------------------------------------------------------------------------------


def root_request(made: SampleHierarchy) -> Ca:
    key = made.root_key.public_key()
    return Ca(ca_profile(Tier.ROOT), ROOT_SUBJECT, serial(1), ROOT_VALIDITY, key, NOWHERE)


def issuing_request(made: SampleHierarchy) -> Ca:
    key, profile = made.issuing_key.public_key(), ca_profile(Tier.ISSUING)
    return Ca(profile, ISSUING_SUBJECT, serial(2), ISSUING_VALIDITY, key, EVERYWHERE)


def test_good_cas_have_no_finding(made: SampleHierarchy) -> None:
    assert lint_ca(made.root, root_request(made), made.root) == []
    assert lint_ca(made.issuing, issuing_request(made), made.root) == []


CA_FAULTS: dict[str, tuple[Change, str]] = {
    "no CA": (
        extension("basic_constraints", value=asn1.BasicConstraints({"ca": False})),
        "it would not be a CA",
    ),
    "path length 3": (
        extension(
            "basic_constraints",
            value=asn1.BasicConstraints({"ca": True, "path_len_constraint": 3}),
        ),
        "the path length is 3",
    ),
    "no path length": (
        extension("basic_constraints", value=asn1.BasicConstraints({"ca": True})),
        "the path length is None",
    ),
    "no cRLSign": (key_usage("key_cert_sign"), "the key usage lacks cRLSign"),
    "no keyCertSign": (key_usage("crl_sign"), "the key usage lacks keyCertSign"),
    "digitalSignature": (
        key_usage("key_cert_sign", "crl_sign", "digital_signature"),
        "the key usage has digitalSignature",
    ),
    "extended key usage": (
        added("extended_key_usage", asn1.ExtKeyUsageSyntax(["client_auth"])),
        "the extension extKeyUsage is not expected",
    ),
    "key identifier": (
        extension("key_identifier", value=core.OctetString(bytes(20))),
        "the subject key identifier is not that of the public key",
    ),
    "SHA-1": (signature_algorithm("sha1_ecdsa"), "the signature hash is sha1"),
    "serial": (tbs("serial_number", 1), "the serial number has 1 bits"),
}


@pytest.mark.parametrize("fault", CA_FAULTS)
def test_a_ca_with_one_fault_is_refused_for_it(ec_made: SampleHierarchy, fault: str) -> None:
    change, message = CA_FAULTS[fault]
    root, below = altered(ec_made.root, change), altered(ec_made.issuing, change)
    for findings in (
        lint_ca(root, root_request(ec_made), root),
        lint_ca(below, issuing_request(ec_made), ec_made.root),
    ):
        assert any(message in finding for finding in findings), findings


def test_an_issuing_ca_that_outlives_its_root_is_refused(ec_made: SampleHierarchy) -> None:
    beyond = Validity(BEGIN, ROOT_VALIDITY.not_after + timedelta(seconds=1))
    request = replace(issuing_request(ec_made), validity=beyond)
    certificate = issuing(request, ec_made.root, ec_made.root_key)
    assert lint_ca(certificate, request, ec_made.root) == [
        "the validity is longer than the 20 years of the profile",
        "the validity ends after that of the issuer",
    ]


def test_a_ca_of_another_name_than_asked_for_is_refused(ec_made: SampleHierarchy) -> None:
    other: Subject = ((SubjectAttribute.COMMON_NAME, "other.example.jp"),)
    request = replace(root_request(ec_made), subject=other)
    assert lint_ca(ec_made.root, request, ec_made.root) == [
        "the subject is not the one that was asked for"
    ]
