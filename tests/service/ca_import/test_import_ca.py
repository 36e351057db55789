"""Importing a CA, compared with the answers of OpenSSL and Easy-RSA about it."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from renrakucho_ca.errors import RcaError
from renrakucho_ca.model import RevocationReason, Status
from renrakucho_ca.service.ca_import.authorities import CaFiles
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store.tables import certificates, hierarchies
from tests.shared.homes import rows

from .old_cas import NOW, MakeCa, Old, OpensslCa, bundle, parsed, published_crl, revoked_in, run

# -- what Easy-RSA and OpenSSL leave behind


def test_an_easyrsa_pki_is_imported_with_its_revocations(
    old: Old, easyrsa: Path, tmp_path: Path
) -> None:
    key = (easyrsa / "private" / "ca.key").read_bytes()
    ca = CaFiles(root=(easyrsa / "ca.crt").read_bytes(), issuing_key=key)
    done = old.take("easy", ca, paths=[easyrsa], device="windows")

    assert done.problems == []
    assert asdict(done.summary) == {
        "hierarchy": "easy",
        "certificates": 3,
        "added": 3,
        "already": 0,
        "described": 0,
        "revoked": 1,
        "released": 0,
        "expired": 0,
        "records_without_certificate": 0,
        "passed_over": done.summary.passed_over,
        "reported": 0,
    }
    found = old.by_user("easy")
    assert {user: each.status(NOW) for user, each in found.items()} == {
        "alice": Status.DOWNLOADED,
        "bob": Status.REVOKED,
        "carol": Status.DOWNLOADED,
    }
    alice = parsed(easyrsa / "issued" / "alice.crt")
    assert found["alice"].serial == alice.serial_number
    assert found["alice"].fingerprint_sha256 == alice.sha256.hex()
    assert found["alice"].not_after == alice.not_valid_after
    assert certificates.der(old.home.db, found["alice"].number) == alice.dump()
    assert {each.device for each in found.values()} == {"windows"}
    assert found["bob"].revocation is not None
    assert found["bob"].revocation.reason is RevocationReason.SUPERSEDED
    # Our own CRL under its key, as an independent reader and OpenSSL see it.
    assert revoked_in(published_crl(old, "easy", tmp_path)) == {found["bob"].serial: "superseded"}
    crl_file = tmp_path / "public" / "easy-crl.pem"
    run("openssl", "crl", "-in", crl_file, "-CAfile", easyrsa / "ca.crt", "-verify", "-noout")


def test_a_second_import_adds_only_new_certificates(old: Old, openssl_ca: MakeCa) -> None:
    ca = openssl_ca()
    first, second = ca.issue("/CN=first"), ca.issue("/CN=second")
    assert old.take("again", ca.certificate, paths=[ca.folder]).summary.added == 2
    numbers = {user: each.number for user, each in old.by_user("again").items()}

    ca.issue("/CN=third")
    ca.revoke(first)
    done = old.take("again", ca.certificate, paths=[ca.folder]).summary
    assert (done.certificates, done.added, done.already, done.revoked) == (3, 1, 2, 1)
    found = old.by_user("again")
    assert {user: found[user].number for user in numbers} == numbers
    assert found["first"].status(NOW) is Status.REVOKED
    assert second.exists()

    done = old.take("again", ca.certificate, paths=[ca.folder]).summary
    assert (done.added, done.already, done.revoked) == (0, 3, 0)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "unspecified"),
        (("-crl_reason", "keyCompromise"), "keyCompromise"),
        (("-crl_reason", "CACompromise"), "cACompromise"),
        (("-crl_reason", "affiliationChanged"), "affiliationChanged"),
        (("-crl_reason", "cessationOfOperation"), "cessationOfOperation"),
        (("-crl_reason", "certificateHold"), "certificateHold"),
        (("-crl_hold", "holdInstructionCallIssuer"), "certificateHold"),
        (("-crl_compromise", "20200101000000Z"), "keyCompromise"),
        (("-crl_CA_compromise", "20200101000000Z"), "cACompromise"),
    ],
)
def test_an_index_gives_date_and_reason_as_openssl_wrote_them(
    old: Old, openssl_ca: MakeCa, arguments: tuple[str, ...], reason: str
) -> None:
    ca = openssl_ca()
    ca.revoke(ca.issue("/CN=gone"), *arguments)
    name = re.sub(r"[^a-z0-9]", "", f"r{reason}{''.join(arguments)}".lower())[:32]
    old.take(name, ca.certificate, paths=[ca.index])
    (record,) = old.records(name)
    assert record.revocation is not None
    assert record.revocation.reason.value == reason
    date = ca.index.read_text().split("\t")[2].partition(",")[0]
    assert f"{record.revocation.at:%y%m%d%H%M%SZ}" == date


def test_names_that_openssl_escaped_and_years_of_four_digits_are_read(
    old: Old, openssl_ca: MakeCa
) -> None:
    ca = openssl_ca()
    ca.issue("/CN=here", "-enddate", "491231000000Z")
    by_line_alone = [
        ca.issue("/C=JP/O=見本/CN=鈴木 花子", "-enddate", "20551231000000Z"),
        ca.issue(r"/CN=a\/b", "-enddate", "491231000000Z"),
    ]
    for file in by_line_alone:
        file.unlink()
    with ca.index.open("a") as index:
        index.write("E\t991231000000Z\t\t7F\tunknown\t/CN=last century\n")
    assert r"\xE9\x88\xB4" in ca.index.read_text()
    done = old.take("escapes", ca.certificate, paths=[ca.index]).summary
    assert (done.added, done.records_without_certificate) == (1, 3)
    found = old.by_user("escapes")
    assert set(found) == {"here", "鈴木 花子", "a/b", "last century"}
    assert found["last century"].not_after == datetime(1999, 12, 31, tzinfo=UTC)
    assert found["鈴木 花子"].serial == 2
    assert found["鈴木 花子"].fingerprint_sha256 is None
    assert found["鈴木 花子"].not_after == datetime(2055, 12, 31, tzinfo=UTC)
    assert found["a/b"].not_after == datetime(2049, 12, 31, tzinfo=UTC)


def test_a_revoked_serial_without_its_certificate_stays_on_the_crl(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    gone = ca.issue("/CN=gone")
    ca.revoke(gone, "-crl_reason", "keyCompromise")
    lost = ca.issue("/CN=lost")
    ca.revoke(lost)
    crl = ca.crl()
    lost.unlink()
    given = CaFiles(root=ca.certificate.read_bytes(), issuing_key=ca.private_key.read_bytes())
    done = old.take("crl", given, paths=[ca.folder / "newcerts", crl]).summary
    assert (done.added, done.revoked, done.records_without_certificate) == (1, 2, 1)
    ours = published_crl(old, "crl", tmp_path)
    assert revoked_in(ours) == {1: "key_compromise", 2: None}
    assert ours.crl_number_value.native > 0x1F


@pytest.mark.parametrize("first", ["index", "crl"])
def test_the_index_names_the_user_of_a_lost_certificate_in_any_order(
    old: Old, openssl_ca: MakeCa, first: str
) -> None:
    ca = openssl_ca()
    ca.issue("/CN=here")
    lost = ca.issue("/CN=lost", "-enddate", "290101000000Z")
    ca.revoke(lost)
    lost.unlink()
    paths = [ca.index, ca.crl()] if first == "index" else [ca.crl(), ca.index]
    done = old.take(f"lost-{first}", ca.certificate, paths=paths)
    assert done.problems == []
    record = old.by_user(f"lost-{first}")["lost"]
    assert record.not_after == datetime(2029, 1, 1, tzinfo=UTC)
    assert record.status(NOW) is Status.REVOKED


def test_the_number_of_a_published_crl_is_never_gone_below(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    (ca.folder / "crlnumber").write_text("0FFFFFFFFFFFFF\n")
    given = CaFiles(root=ca.certificate.read_bytes(), issuing_key=ca.private_key.read_bytes())
    old.take("numbers", given, paths=[ca.crl()])
    assert published_crl(old, "numbers", tmp_path).crl_number_value.native == 0x10000000000000


def test_a_certificate_that_turns_up_later_completes_its_record(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    ca.issue("/CN=here")
    late = ca.issue("/CN=late")
    aside = late.rename(tmp_path / "late.pem")
    old.take("late", ca.certificate, paths=[ca.folder])
    record = old.by_user("late")["late"]
    assert record.fingerprint_sha256 is None
    done = old.take("late", ca.certificate, paths=[aside]).summary
    assert (done.added, done.already) == (1, 0)
    completed = old.by_user("late")["late"]
    assert completed.number == record.number
    assert completed.fingerprint_sha256 == parsed(aside).sha256.hex()
    assert completed.not_before == parsed(aside).not_valid_before


def test_a_hold_that_is_known_is_no_new_revocation(old: Old, openssl_ca: MakeCa) -> None:
    ca = openssl_ca()
    ca.revoke(ca.issue("/CN=away"), "-crl_reason", "certificateHold")
    assert old.take("hold", ca.certificate, paths=[ca.folder]).summary.revoked == 1
    assert old.by_user("hold")["away"].status(NOW) is Status.HELD
    assert old.take("hold", ca.certificate, paths=[ca.folder]).summary.revoked == 0


def crl_of(
    ca: OpensslCa,
    day: int,
    entries: dict[int, x509.ReasonFlags],
    *extensions: x509.ExtensionType,
) -> Path:
    """A CRL of that day since the first of February, whose entries are from the third."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(x509.load_pem_x509_certificate(ca.certificate.read_bytes()).subject)
        .last_update(datetime(2026, 2, 1, tzinfo=UTC) + timedelta(days=day))
        .next_update(datetime(2026, 5, 1, tzinfo=UTC))
    )
    for serial, reason in entries.items():
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(serial)
            .revocation_date(datetime(2026, 2, 3, tzinfo=UTC))
            .add_extension(x509.CRLReason(reason), critical=False)
        )
        builder = builder.add_revoked_certificate(entry.build())
    for extension in (x509.CRLNumber(day), *extensions):
        builder = builder.add_extension(extension, critical=False)
    key = serialization.load_pem_private_key(ca.private_key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    path = ca.folder / f"day{day}.crl"
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))
    return path


HOLD, COMPROMISE = x509.ReasonFlags.certificate_hold, x509.ReasonFlags.key_compromise


@pytest.mark.parametrize("first", ["older", "newer"])
def test_a_hold_on_an_older_crl_is_over_where_a_newer_one_no_longer_lists_it(
    old: Old, openssl_ca: MakeCa, first: str
) -> None:
    ca = openssl_ca()
    for user in ("back", "away", "left"):
        ca.issue(f"/CN={user}")
    crls = [
        crl_of(ca, 3, {1: HOLD, 2: HOLD, 3: COMPROMISE}),
        crl_of(ca, 4, {1: HOLD}),
        crl_of(ca, 5, {2: HOLD}),
    ]
    name = f"back-{first}"
    for revoked in (2, 0):
        paths = [ca.folder / "newcerts", *(crls if first == "older" else crls[::-1])]
        done = old.take(name, ca.certificate, paths=paths)
        assert (done.summary.revoked, done.summary.released) == (revoked, 0)
    states = {user: each.status(NOW) for user, each in old.by_user(name).items()}
    assert states == {"back": Status.DOWNLOADED, "away": Status.HELD, "left": Status.REVOKED}


@pytest.mark.parametrize(
    "extension",
    [
        x509.DeltaCRLIndicator(3),
        x509.IssuingDistributionPoint(
            None, None, False, False, frozenset((COMPROMISE,)), False, False
        ),
    ],
    ids=["delta", "partition"],
)
def test_an_incomplete_newer_crl_releases_no_hold(
    old: Old, openssl_ca: MakeCa, extension: x509.ExtensionType
) -> None:
    ca = openssl_ca()
    ca.issue("/CN=away")
    paths = [ca.folder / "newcerts", crl_of(ca, 3, {1: HOLD}), crl_of(ca, 5, {}, extension)]
    name = f"part-{type(extension).__name__}".lower()
    old.take(name, ca.certificate, paths=paths)
    assert old.by_user(name)["away"].status(NOW) is Status.HELD


def test_a_hold_from_an_import_before_is_over_where_a_newer_crl_no_longer_lists_it(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    for user in ("back", "held-here"):
        ca.issue(f"/CN={user}")
    given = CaFiles(root=ca.certificate.read_bytes(), issuing_key=ca.private_key.read_bytes())
    old.take("news", given, paths=[ca.folder / "newcerts", crl_of(ca, 3, {1: HOLD})])
    revocation.hold(old.home, old.by_user("news")["held-here"].number)
    # The last is from after NOW, when the other one was held.
    for day, released in ((1, 0), (4, 1), (50, 0)):
        done = old.take("news", given, paths=[crl_of(ca, day, {})])
        assert (done.summary.revoked, done.summary.released) == (0, released)
    states = {user: each.status(NOW) for user, each in old.by_user("news").items()}
    assert states == {"back": Status.DOWNLOADED, "held-here": Status.HELD}
    assert revoked_in(published_crl(old, "news", tmp_path)) == {2: "certificate_hold"}


def test_a_certificate_read_after_its_crl_names_its_user(old: Old, openssl_ca: MakeCa) -> None:
    ca = openssl_ca()
    ca.issue("/CN=suzuki")
    old.take("after-its-crl", ca.certificate, paths=[crl_of(ca, 3, {1: HOLD})])
    (unknown,) = old.records("after-its-crl")
    assert (unknown.user.id, unknown.device) == ("unknown", "unknown")
    old.take("after-its-crl", ca.certificate, paths=[ca.folder / "newcerts"], device="mac")
    (known,) = old.records("after-its-crl")
    assert (known.number, known.user.id, known.device) == (unknown.number, "suzuki", "mac")
    assert known.status(NOW) is Status.HELD


def test_a_subordinate_ca_in_the_index_belongs_to_no_user(old: Old, openssl_ca: MakeCa) -> None:
    ca = openssl_ca()
    (ca.folder / "ext").write_text("basicConstraints=critical,CA:TRUE\n")
    ca.issue("/CN=Below CA", "-extfile", str(ca.folder / "ext"))
    ca.issue("/CN=person")
    done = old.take("below", ca.certificate, paths=[ca.folder])
    assert done.problems == []
    assert list(old.by_user("below")) == ["person"]


def test_an_index_of_another_ca_is_skipped_and_reported(old: Old, openssl_ca: MakeCa) -> None:
    ours, theirs = openssl_ca("ours"), openssl_ca("theirs")
    ours.issue("/CN=ours")
    theirs.revoke(theirs.issue("/CN=theirs", "-enddate", "301231000000Z"))
    paths = [ours.folder, theirs.index]
    done = old.take("foreign", ours.certificate, paths=paths)
    assert list(old.by_user("foreign")) == ["ours"]
    assert old.by_user("foreign")["ours"].status(NOW) is Status.DOWNLOADED
    assert len(done.problems) == 2
    assert any("01.pem:1: serial number 1: another CA signed it" in text for text in done.problems)
    assert any("no line describes a certificate of" in text for text in done.problems)


# -- many


def test_many_come_through_worker_processes_and_none_is_lost(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    file = tmp_path / "all.pem"
    bundle(file, ca.certificate.read_bytes(), ca.private_key.read_bytes(), 5_000)
    assert old.take("many", ca.certificate, paths=[file]).summary.added == 5_000
    assert {each.serial for each in old.records("many")} == set(range(1, 5_001))


def test_an_import_that_dies_midway_is_completed_by_the_next_and_signs_nothing_before(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    file = tmp_path / "all.pem"
    bundle(file, ca.certificate.read_bytes(), ca.private_key.read_bytes(), 2_500)
    blocks = file.read_text().split("-----BEGIN")
    _, theirs = openssl_ca("theirs").issue("/CN=theirs").read_text().split("-----BEGIN")
    file.write_text("-----BEGIN".join((*blocks[:1_501], theirs, *blocks[1_501:])))
    given = CaFiles(root=ca.certificate.read_bytes(), issuing_key=ca.private_key.read_bytes())

    class ImportKilled(BaseException):
        pass

    def die(problem: RcaError) -> None:
        raise ImportKilled

    with pytest.raises(ImportKilled):
        old.take("killed", given, paths=[file], report=die)
    assert hierarchies.get(old.home.db, "killed").issuing.key is None
    done = old.take("killed", given, paths=[file]).summary
    # The workers finish in any order: at least the batch with the other CA's certificate is new.
    assert done.added >= 999
    assert done.added + done.already == 2_500
    assert hierarchies.get(old.home.db, "killed").issuing.key == "killed-root"


def test_an_import_is_recorded_and_an_import_of_nothing_is_not(
    old: Old, openssl_ca: MakeCa
) -> None:
    ca = openssl_ca()
    ca.issue("/CN=recorded")
    ca.revoke(ca.issue("/CN=revoked"))
    files = CaFiles(root=ca.certificate.read_bytes(), root_key=ca.private_key.read_bytes())

    def take() -> list[tuple[str, str]]:
        ((since,),) = rows(old.home, "SELECT coalesce(max(id), 0) FROM audit")
        old.take("acts", files, paths=[ca.folder])
        return [
            (str(act), str(object))
            for act, object in rows(
                old.home,
                f"SELECT act, object FROM audit WHERE id > {since} AND act <> 'user-recorded'"
                " ORDER BY id",
            )
        ]

    assert set(take()) == {
        ("hierarchy-imported", "acts"),
        ("certificates-imported", "acts"),
        ("key-imported", "acts-root"),
    }
    assert take() == []
