"""Nothing is signed with the issuer's key that the linter has not passed, byte for byte."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography import x509

from renrakucho_ca.errors import Refused
from renrakucho_ca.pki.builder import end_entity
from renrakucho_ca.pki.contents import Validity
from renrakucho_ca.pki.issue import issue
from renrakucho_ca.pki.keys import MemoryKey, SigningKey, lint_key

from .hierarchies import BEGIN, DEVICE_VALIDITY, SampleHierarchy, request_for, reread


class Untouchable:
    """A private key that fails the test when anything is asked of it."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the issuer's key was asked for {name}")


def test_an_issued_certificate_is_signed_by_its_issuer(made: SampleHierarchy) -> None:
    certificate = issue(request_for(made.device_key), made.issuing, MemoryKey(made.issuing_key))
    certificate.verify_directly_issued_by(made.issuing)


def test_the_lint_key_signs_the_same_bytes_as_the_issuers_key(made: SampleHierarchy) -> None:
    request = request_for(made.device_key)
    draft = end_entity(request, made.issuing, lint_key(made.issuing_key.public_key()))
    final = issue(request, made.issuing, MemoryKey(made.issuing_key))
    assert draft.tbs_certificate_bytes == final.tbs_certificate_bytes
    assert (
        reread(draft)["signature_algorithm"].dump() == reread(final)["signature_algorithm"].dump()
    )
    assert draft.signature != final.signature


def test_the_issuers_key_never_signs_a_certificate_that_fails_the_linter(
    made: SampleHierarchy,
) -> None:
    eleven_years = Validity(BEGIN, DEVICE_VALIDITY.not_after.replace(year=2037))
    request = replace(request_for(made.device_key), validity=eleven_years)
    key: SigningKey = Untouchable()  # type: ignore[assignment]
    with pytest.raises(Refused, match="longer than the 10 years"):
        issue(request, made.issuing, key)


def test_a_key_that_is_not_the_issuers_signs_nothing(made: SampleHierarchy) -> None:
    with pytest.raises(Refused, match="does not belong to the issuer"):
        issue(request_for(made.device_key), made.issuing, MemoryKey(made.root_key))


def test_a_key_of_another_family_signs_nothing(
    ec_made: SampleHierarchy, rsa_made: SampleHierarchy
) -> None:
    with pytest.raises(Refused, match="does not belong to the issuer"):
        issue(request_for(ec_made.device_key), ec_made.issuing, MemoryKey(rsa_made.issuing_key))


def test_the_same_request_gives_the_same_bytes_to_be_signed(made: SampleHierarchy) -> None:
    def made_once() -> x509.Certificate:
        return issue(request_for(made.device_key), made.issuing, MemoryKey(made.issuing_key))

    assert made_once().tbs_certificate_bytes == made_once().tbs_certificate_bytes


def test_a_device_of_one_family_may_stand_under_an_issuer_of_the_other(
    ec_made: SampleHierarchy, rsa_made: SampleHierarchy
) -> None:
    for issuer, device in ((ec_made, rsa_made), (rsa_made, ec_made)):
        certificate = issue(
            request_for(device.device_key), issuer.issuing, MemoryKey(issuer.issuing_key)
        )
        certificate.verify_directly_issued_by(issuer.issuing)
