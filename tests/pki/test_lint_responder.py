"""The certificate of an OCSP responder (RFC 6960 §4.2.2.2): one fault at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from asn1crypto import core
from asn1crypto import x509 as asn1
from cryptography import x509

from renrakucho_ca.certificate_profile import Subject, SubjectAttribute
from renrakucho_ca.errors import Refused
from renrakucho_ca.pki.contents import ResponderContents, Validity
from renrakucho_ca.pki.issue import issue_responder
from renrakucho_ca.pki.keys import MemoryKey
from renrakucho_ca.pki.lint import lint_responder

from .hierarchies import BEGIN, SampleHierarchy, altered, serial

NAME: Subject = ((SubjectAttribute.COMMON_NAME, "ecn.example.jp OCSP responder"),)
MONTH = Validity(BEGIN, BEGIN + timedelta(days=30))


def request_for(made: SampleHierarchy, validity: Validity = MONTH) -> ResponderContents:
    return ResponderContents(NAME, serial(9), validity, made.device_key)


@pytest.fixture
def good(ec_made: SampleHierarchy) -> x509.Certificate:
    return issue_responder(request_for(ec_made), ec_made.issuing, MemoryKey(ec_made.issuing_key))


def extension(certificate: asn1.Certificate, name: str) -> asn1.Extension:
    (found,) = (
        each
        for each in certificate["tbs_certificate"]["extensions"]
        if each["extn_id"].native == name
    )
    return found


def without_no_check(certificate: asn1.Certificate) -> None:
    extensions = certificate["tbs_certificate"]["extensions"]
    kept = [each for each in extensions if each["extn_id"].native != "ocsp_no_check"]
    certificate["tbs_certificate"]["extensions"] = asn1.Extensions(kept)


def critical_no_check(certificate: asn1.Certificate) -> None:
    extension(certificate, "ocsp_no_check")["critical"] = True


def for_clients(certificate: asn1.Certificate) -> None:
    value = asn1.ExtKeyUsageSyntax(["ocsp_signing", "client_auth"])
    extension(certificate, "extended_key_usage")["extn_value"] = core.ParsableOctetString(
        value.dump()
    )


def a_ca(certificate: asn1.Certificate) -> None:
    value = asn1.BasicConstraints({"ca": True})
    extension(certificate, "basic_constraints")["extn_value"] = core.ParsableOctetString(
        value.dump()
    )


def signs_certificates(certificate: asn1.Certificate) -> None:
    value = asn1.KeyUsage({"digital_signature", "key_cert_sign"})
    extension(certificate, "key_usage")["extn_value"] = core.ParsableOctetString(value.dump())


def test_a_good_responder_has_no_finding(ec_made: SampleHierarchy, good: x509.Certificate) -> None:
    assert lint_responder(good, request_for(ec_made), ec_made.issuing) == []


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (without_no_check, "the extension id-pkix-ocsp-nocheck is missing"),
        (critical_no_check, "the extension id-pkix-ocsp-nocheck is critical"),
        (for_clients, "the extended key usage has 1.3.6.1.5.5.7.3.2"),
        (a_ca, "it would be a CA"),
        (signs_certificates, "the key usage has keyCertSign"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_responder_with_one_fault_is_refused_for_it(
    ec_made: SampleHierarchy, good: x509.Certificate, change: object, finding: str
) -> None:
    assert callable(change)
    found = lint_responder(altered(good, change), request_for(ec_made), ec_made.issuing)
    assert found == [finding]


def test_no_responder_lives_longer_than_a_year_or_its_ca(ec_made: SampleHierarchy) -> None:
    """It has no revocation (id-pkix-ocsp-nocheck), so its end is all that stops it."""
    for validity, problem in (
        (Validity(BEGIN, BEGIN + timedelta(days=367)), "longer than the 1 years"),
        (
            Validity(BEGIN.replace(year=2045, month=12), BEGIN.replace(year=2046, month=3)),
            "ends after that of the issuer",
        ),
    ):
        with pytest.raises(Refused, match=problem):
            issue_responder(
                request_for(ec_made, validity), ec_made.issuing, MemoryKey(ec_made.issuing_key)
            )


def test_a_responder_signed_by_another_key_than_its_ca_s_is_refused(
    ec_made: SampleHierarchy,
) -> None:
    with pytest.raises(Refused, match="does not belong to the issuer"):
        issue_responder(request_for(ec_made), ec_made.issuing, MemoryKey(ec_made.root_key))


def test_a_responder_of_another_serial_than_recorded_is_refused(
    ec_made: SampleHierarchy, good: x509.Certificate
) -> None:
    """The serial is recorded first, and a certificate with another one would be unknown."""
    other = replace(request_for(ec_made), serial=serial(8))
    (finding,) = lint_responder(good, other, ec_made.issuing)
    assert finding.startswith("the serial number is")
