"""A CRL spliced from entries is what the library would have made of the same facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import crl as asn1
from asn1crypto.core import Integer, Void
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pkilint.bin import lint_crl

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import RevocationReason
from renrakucho_ca.pki import crl
from renrakucho_ca.pki.keys import MemoryKey, sign
from renrakucho_ca.pki.x509_certificates import authority_key_identifier

from .hierarchies import BEGIN, SampleHierarchy, openssl, serial

NEXT = BEGIN + timedelta(days=7)
NUMBER = 1_770_000_000_000
Fact = tuple[int, datetime, RevocationReason]

FACTS: list[Fact] = [
    (serial(number), BEGIN + timedelta(hours=number), reason)
    for number, reason in enumerate(RevocationReason)
]


def assembled(made: SampleHierarchy, facts: Sequence[Fact]) -> bytes:
    entries = [crl.entry(*fact) for fact in facts]
    pieces = crl.assemble(made.issuing, MemoryKey(made.issuing_key), NUMBER, BEGIN, NEXT, entries)
    return b"".join(pieces)


def by_the_library(
    made: SampleHierarchy,
    facts: Sequence[Fact],
    algorithm: hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None = None,
) -> x509.CertificateRevocationList:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(made.issuing.subject)
        .last_update(BEGIN)
        .next_update(NEXT)
        .add_extension(authority_key_identifier(made.issuing), critical=False)
        .add_extension(x509.CRLNumber(NUMBER), critical=False)
    )
    for number, at, reason in facts:
        one = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(at)
        if reason is not RevocationReason.UNSPECIFIED:
            one = one.add_extension(x509.CRLReason(x509.ReasonFlags(reason.value)), critical=False)
        builder = builder.add_revoked_certificate(one.build())
    is_rsa = isinstance(made.issuing_key, rsa.RSAPrivateKey)
    own = hashes.SHA256() if is_rsa else hashes.SHA384()
    return builder.sign(made.issuing_key, algorithm or own)


# One entry --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "code"),  # §5.3.1
    [
        (RevocationReason.KEY_COMPROMISE, b"\x01"),
        (RevocationReason.CA_COMPROMISE, b"\x02"),
        (RevocationReason.AFFILIATION_CHANGED, b"\x03"),
        (RevocationReason.SUPERSEDED, b"\x04"),
        (RevocationReason.CESSATION_OF_OPERATION, b"\x05"),
        (RevocationReason.CERTIFICATE_HOLD, b"\x06"),
        (RevocationReason.PRIVILEGE_WITHDRAWN, b"\x09"),
        (RevocationReason.AA_COMPROMISE, b"\x0a"),
    ],
)
def test_a_reason_has_the_code_of_rfc_5280_and_is_not_critical(
    reason: RevocationReason, code: bytes
) -> None:
    found = asn1.RevokedCertificate.load(crl.entry(serial(1), BEGIN, reason), strict=True)
    (extension,) = found["crl_entry_extensions"]
    assert extension["extn_id"].dotted == "2.5.29.21"
    assert not extension["critical"].native
    assert extension["extn_value"].contents == b"\x0a\x01" + code


def test_every_reason_has_an_entry() -> None:
    for reason in RevocationReason:
        assert crl.entry(1, BEGIN, reason)


def test_an_unspecified_reason_is_omitted() -> None:
    found = asn1.RevokedCertificate.load(
        crl.entry(serial(1), BEGIN, RevocationReason.UNSPECIFIED), strict=True
    )
    assert found["crl_entry_extensions"].native is None


@pytest.mark.parametrize(
    ("at", "kind", "text"),
    [
        (datetime(2026, 8, 1, tzinfo=timezone(timedelta(hours=9))), "utc_time", b"260731150000Z"),
        (datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), "utc_time", b"491231235959Z"),
        (datetime(2050, 1, 1, tzinfo=UTC), "general_time", b"20500101000000Z"),
    ],
)
def test_the_moment_is_in_utc_with_a_two_digit_year_until_2049(
    at: datetime, kind: str, text: bytes
) -> None:
    found = asn1.RevokedCertificate.load(crl.entry(1, at, RevocationReason.SUPERSEDED))
    assert found["revocation_date"].name == kind
    assert found["revocation_date"].chosen.contents == text


@pytest.mark.parametrize("number", [1, 127, 128, 255, 256, 2**127, 2**128 - 1, 2**128, 2**159 - 1])
def test_a_serial_number_is_encoded_in_the_fewest_octets(number: int) -> None:
    found = asn1.RevokedCertificate.load(crl.entry(number, BEGIN, RevocationReason.UNSPECIFIED))
    assert found["user_certificate"].native == number
    octets = found["user_certificate"].contents
    assert len(octets) == 1 or octets[0] != 0 or octets[1] & 0x80


# The whole list ---------------------------------------------------------------------------------


# So many entries that lengths of one to four octets are crossed (an entry has 44 to 50 octets).
@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 6, 9, 1300, 1500])
def test_an_assembled_list_is_that_of_the_library_byte_for_byte(
    made: SampleHierarchy, count: int
) -> None:
    facts = (FACTS * (count // len(FACTS) + 1))[:count]
    facts = [(serial_ + place, at, reason) for place, (serial_, at, reason) in enumerate(facts)]
    ours, theirs = assembled(made, facts), by_the_library(made, facts)
    read = x509.load_der_x509_crl(ours)
    assert read.tbs_certlist_bytes == theirs.tbs_certlist_bytes
    assert read.is_signature_valid(made.issuing_key.public_key())
    if isinstance(made.issuing_key, rsa.RSAPrivateKey):  # whose signatures have no randomness
        assert ours == theirs.public_bytes(Encoding.DER)


def test_a_list_has_exactly_the_fields_of_the_profile_of_rfc_5280(made: SampleHierarchy) -> None:
    found = asn1.CertificateList.load(assembled(made, FACTS), strict=True)
    listed = found["tbs_cert_list"]
    assert listed["version"].native == "v2"
    assert listed["issuer"].dump() == made.issuing.subject.public_bytes()
    assert listed["this_update"].native == BEGIN
    assert listed["next_update"].native == NEXT
    assert [(e["extn_id"].native, e["critical"].native) for e in listed["crl_extensions"]] == [
        ("authority_key_identifier", False),
        ("crl_number", False),
    ]
    assert found.crl_number_value.native == NUMBER
    issuing = made.issuing.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    assert found.authority_key_identifier == issuing.value.digest
    assert [e["user_certificate"].native for e in listed["revoked_certificates"]] == [
        fact[0] for fact in FACTS
    ]


def test_a_list_without_entries_has_no_revoked_certificates(
    made: SampleHierarchy, tmp_path: Path
) -> None:
    data = assembled(made, [])
    found = asn1.CertificateList.load(data, strict=True)["tbs_cert_list"]
    assert isinstance(found["revoked_certificates"], Void)
    (tmp_path / "crl").write_bytes(data)
    shown = openssl("crl", "-inform", "DER", "-in", tmp_path / "crl", "-noout", "-text").stdout
    assert "No Revoked Certificates" in shown


def test_20_000_entries_come_out_as_they_went_in(ec_made: SampleHierarchy) -> None:
    serials = range(2**128, 2**128 + 20_000)
    facts = [(number, BEGIN, RevocationReason.CESSATION_OF_OPERATION) for number in serials]
    read = crl.verify(assembled(ec_made, facts), ec_made.issuing)
    assert [each.serial_number for each in read] == list(serials)
    assert read.get_revoked_certificate_by_serial_number(2**128 + 20_000) is None


@pytest.mark.parametrize("facts", [[], FACTS], ids=["empty", "entries"])
def test_pkilint_has_nothing_to_notice(
    made: SampleHierarchy, facts: list[Fact], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "crl.pem"
    path.write_bytes(b"".join(crl.to_pem([assembled(made, facts)])))
    found = lint_crl.main(["lint", "-t", "CRL", "-p", "PKIX", "-s", "NOTICE", str(path)])
    assert found == 0, capsys.readouterr().out


@pytest.mark.parametrize("facts", [[], FACTS], ids=["empty", "entries"])
def test_openssl_finds_the_signature_good(
    made: SampleHierarchy, facts: list[Fact], tmp_path: Path
) -> None:
    (tmp_path / "crl").write_bytes(b"".join(crl.to_pem([assembled(made, facts)])))
    (tmp_path / "ca").write_bytes(made.issuing.public_bytes(Encoding.PEM))
    checked = openssl("crl", "-in", tmp_path / "crl", "-noout", "-CAfile", tmp_path / "ca")
    assert checked.stderr == "verify OK\n"


@pytest.mark.parametrize("count", [0, 3, 9, 2000])
def test_pem_is_that_of_the_library(ec_made: SampleHierarchy, count: int) -> None:
    facts = [(number, BEGIN, RevocationReason.SUPERSEDED) for number in range(1, count + 1)]
    data = assembled(ec_made, facts)
    text = x509.load_der_x509_crl(data).public_bytes(Encoding.PEM)
    for size in (1, 47, 48, 100, len(data)):
        pieces = (data[start : start + size] for start in range(0, len(data), size))
        assert b"".join(crl.to_pem(pieces)) == text


# The proof before publication -------------------------------------------------------------------


def test_a_valid_crl_is_verified_and_its_number_returned(made: SampleHierarchy) -> None:
    read = crl.verify(assembled(made, FACTS), made.issuing)
    assert crl.number_of(read) == NUMBER
    assert {each.serial_number for each in read} == {fact[0] for fact in FACTS}


@pytest.mark.parametrize("facts", [[], FACTS])
def test_the_number_that_a_list_claims_is_found(made: SampleHierarchy, facts: list[Fact]) -> None:
    assert crl.claimed_number(BytesIO(assembled(made, facts))) == NUMBER


def test_the_entries_are_not_read_for_the_number_that_a_list_claims(
    ec_made: SampleHierarchy,
) -> None:
    class Counted(BytesIO):
        count = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.count += len(data)
            return data

    facts = [(number, BEGIN, RevocationReason.SUPERSEDED) for number in range(1, 1000)]
    file = Counted(assembled(ec_made, facts))
    assert crl.claimed_number(file) == NUMBER
    assert 0 < file.count < 500


def test_a_value_that_is_no_crl_has_no_number(made: SampleHierarchy) -> None:
    whole = assembled(made, FACTS)
    cut = [whole[:length] for length in range(0, len(whole), 7)]
    for data in (b"", b"no CRL", made.issuing.public_bytes(Encoding.DER), *cut):
        assert crl.claimed_number(BytesIO(data)) == 0


def test_a_list_from_elsewhere_may_be_signed_with_another_hash_than_ours(
    made: SampleHierarchy,
) -> None:
    listed = by_the_library(made, FACTS, hashes.SHA512()).public_bytes(Encoding.DER)
    assert crl.number_of(crl.verify(listed, made.issuing)) == NUMBER
    with pytest.raises(Invalid, match="does not verify"):
        crl.verify(listed[:-1] + bytes([listed[-1] ^ 1]), made.issuing)


def test_a_list_of_another_issuer_is_invalid(made: SampleHierarchy) -> None:
    with pytest.raises(Invalid, match=r"belongs to .*発行CA"):
        crl.verify(assembled(made, FACTS), made.root)


def test_a_list_signed_by_another_key_of_the_same_name_is_invalid(
    ec_made: SampleHierarchy, rsa_made: SampleHierarchy
) -> None:
    for facts in ([], FACTS):
        with pytest.raises(Invalid, match="signature of the CRL"):
            crl.verify(assembled(ec_made, facts), rsa_made.issuing)
        pieces = crl.assemble(ec_made.issuing, MemoryKey(ec_made.root_key), 1, BEGIN, NEXT, [])
        with pytest.raises(Invalid, match="signature of the CRL"):
            crl.verify(b"".join(pieces), ec_made.issuing)


def _without_next_update(listed: asn1.TbsCertList) -> None:
    listed["next_update"] = None


def _with_next_update_at_this_update(listed: asn1.TbsCertList) -> None:
    listed["next_update"] = listed["this_update"]


def _without_number(listed: asn1.TbsCertList) -> None:
    listed["crl_extensions"] = asn1.TBSCertListExtensions(list(listed["crl_extensions"])[:1])


def _with_number_twice(listed: asn1.TbsCertList) -> None:
    found = list(listed["crl_extensions"])
    listed["crl_extensions"] = asn1.TBSCertListExtensions([*found, found[1].copy()])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_with_number_twice, "no number"),
        (_without_next_update, "no nextUpdate"),
        (_with_next_update_at_this_update, "no nextUpdate"),
        (_without_number, "no number"),
    ],
)
def test_a_list_that_servers_could_not_use_is_invalid_though_signed(
    rsa_made: SampleHierarchy, change: Callable[[asn1.TbsCertList], None], message: str
) -> None:
    found = asn1.CertificateList.load(assembled(rsa_made, FACTS))
    change(found["tbs_cert_list"])
    found["signature"] = sign(
        MemoryKey(rsa_made.issuing_key), found["tbs_cert_list"].dump(force=True)
    )
    with pytest.raises(Invalid, match=message):
        crl.verify(found.dump(force=True), rsa_made.issuing)


def test_a_crl_with_a_malformed_number_is_invalid(rsa_made: SampleHierarchy) -> None:
    number = Integer(NUMBER).dump()
    found = x509.load_der_x509_crl(assembled(rsa_made, FACTS).replace(number, b"\x0c" + number[1:]))
    with pytest.raises(Invalid, match="no number"):
        crl.number_of(found)


@pytest.mark.parametrize("algorithm", ["ed25519", "sha1_rsa", "rsassa_pss", "1.2.3.4"])
def test_a_list_that_claims_another_algorithm_is_invalid(
    rsa_made: SampleHierarchy, algorithm: str
) -> None:
    found = asn1.CertificateList.load(assembled(rsa_made, FACTS))
    for identifier in (found["signature_algorithm"], found["tbs_cert_list"]["signature"]):
        identifier["algorithm"] = algorithm
        identifier["parameters"] = None
    with pytest.raises(Invalid):
        crl.verify(found.dump(force=True), rsa_made.issuing)


@pytest.mark.parametrize("junk", [b"", b"\0", b"0\0", b"-----BEGIN X509 CRL-----"])
def test_a_value_that_is_no_crl_is_invalid(ec_made: SampleHierarchy, junk: bytes) -> None:
    with pytest.raises(Invalid, match="not a readable CRL"):
        crl.verify(junk, ec_made.issuing)


def test_a_damaged_list_is_invalid_wherever_the_damage_is(rsa_made: SampleHierarchy) -> None:
    good = assembled(rsa_made, FACTS)
    for position in range(len(good)):
        with pytest.raises(Invalid):
            crl.verify(
                good[:position] + bytes([good[position] ^ 0x15]) + good[position + 1 :],
                rsa_made.issuing,
            )
        with pytest.raises(Invalid):
            crl.verify(good[:position], rsa_made.issuing)
