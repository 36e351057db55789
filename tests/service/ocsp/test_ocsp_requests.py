"""Requests as strangers send them: what is one is read, all else is refused, in bounded time."""

from __future__ import annotations

import random

import pytest
from asn1crypto import core
from asn1crypto import ocsp as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import KeyAlgorithm
from renrakucho_ca.pki import keys, ocsp_request
from tests.shared.homes import BEGIN

from .asking import ask

KEY = keys.generate(KeyAlgorithm.EC_P256)
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "見本")])
ISSUER = (
    x509.CertificateBuilder()
    .subject_name(NAME)
    .issuer_name(NAME)
    .serial_number(0x80)
    .not_valid_before(BEGIN)
    .not_valid_after(BEGIN.replace(year=2030))
    .public_key(KEY.public_key())
    .sign(KEY, hashes.SHA256())
)
PLAIN = ask(ISSUER, ISSUER)


def parts(**changes: object) -> bytes:
    """The plain request with something changed in TBSRequest."""
    request = asn1.OCSPRequest.load(PLAIN)
    for name, value in changes.items():
        request["tbs_request"][name] = value
    encoded: bytes = request.dump(force=True)
    return encoded


def nonce(content: bytes) -> bytes:
    return parts(request_extensions=[{"extn_id": "nonce", "extn_value": content}])


@pytest.mark.parametrize("hash", [hashes.SHA1(), hashes.SHA256()], ids=lambda h: h.name)
def test_the_issuer_is_named_as_others_name_it(hash: hashes.HashAlgorithm) -> None:
    (asked,) = ocsp_request.parse(ask(ISSUER, ISSUER, hash)).certificates
    der = ISSUER.public_bytes(Encoding.DER)
    assert asked.issuer == ocsp_request.issuer_hashes(der)[asked.hash or ""]
    assert asked.serial == 0x80


def test_an_unknown_hash_is_no_fault_of_the_request() -> None:
    (asked,) = ocsp_request.parse(ask(ISSUER, ISSUER, hashes.SHA384())).certificates
    assert asked.hash is None


@pytest.mark.parametrize("length", [1, 16, 32, 128])
def test_a_nonce_is_read(length: int) -> None:
    assert ocsp_request.parse(ask(ISSUER, ISSUER, nonce=b"n" * length)).nonce == b"n" * length


@pytest.mark.parametrize("length", [0, 129, 1000])
def test_a_nonce_of_no_or_too_many_octets_is_refused(length: int) -> None:
    """RFC 9654 §2.1."""
    with pytest.raises(Invalid):
        ocsp_request.parse(ask(ISSUER, ISSUER, nonce=b"n" * length))


def test_several_certificates_are_read_up_to_a_bound() -> None:
    one = asn1.OCSPRequest.load(PLAIN)["tbs_request"]["request_list"][0]
    assert len(ocsp_request.parse(parts(request_list=[one] * 32)).certificates) == 32
    for count in (0, 33):
        with pytest.raises(Invalid):
            ocsp_request.parse(parts(request_list=[one] * count))


def test_an_extension_that_is_not_known_counts_only_where_it_is_critical() -> None:
    for critical in (False, True):
        extension = {"extn_id": "1.2.3", "critical": critical, "extn_value": core.Null().dump()}
        request = parts(request_extensions=[extension])
        if critical:
            with pytest.raises(Invalid):
                ocsp_request.parse(request)
        else:
            assert ocsp_request.parse(request).certificates


@pytest.mark.parametrize("name", ["nonce", "1.2.3"])
def test_an_extension_that_stands_twice_is_refused(name: str) -> None:
    """RFC 5280 §4.2: whichever of the two counted, another reader would take the other."""
    value = core.OctetString(b"n" * 16).dump()
    once, twice = (
        parts(request_extensions=[{"extn_id": name, "extn_value": value}] * count)
        for count in (1, 2)
    )
    assert ocsp_request.parse(once).certificates
    with pytest.raises(Invalid):
        ocsp_request.parse(twice)


def test_a_signature_and_a_name_count_for_nothing() -> None:
    request = asn1.OCSPRequest.load(PLAIN)
    request["tbs_request"]["requestor_name"] = asn1.GeneralName("dns_name", "example.jp")
    request["optional_signature"] = {
        "signature_algorithm": {"algorithm": "sha256_ecdsa"},
        "signature": b"no signature",
    }
    assert ocsp_request.parse(request.dump(force=True)) == ocsp_request.parse(PLAIN)


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(data: bytes) -> None:
    try:
        ocsp_request.parse(data)
    except Invalid:
        return


def test_every_request_that_was_cut_or_changed_is_read_or_refused() -> None:
    chance = random.Random(0)
    whole = ask(ISSUER, ISSUER, nonce=b"n" * 16)
    for length in range(len(whole)):
        with pytest.raises(Invalid):
            ocsp_request.parse(whole[:length])
    for _ in range(3000):
        mutant = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            mutant[chance.randrange(len(mutant))] = chance.randrange(256)
        try:
            ocsp_request.parse(bytes(mutant))
        except Invalid:
            continue


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30\x80\x00\x00",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\xff" + b"\xff" * 127,
        b"\x30\x00" * 4000,
        b"\x30" * 8000,
        b"\x30\x82\x40\x00" + b"\x00" * 0x4000,
    ],
    ids=range(7),
)
def test_a_malicious_request_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        ocsp_request.parse(data)
