"""Taking over a CA: judged against what OpenSSL and Easy-RSA themselves say of their CA."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import crl as asn1_crl
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from renrakucho_ca.errors import Conflict, Invalid, NotFound, Unavailable
from renrakucho_ca.model import RevocationReason, Status
from renrakucho_ca.service import catching_up, publication, revocation
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.takeover import CaFiles
from renrakucho_ca.service.takeover_records import COLUMNS, Record
from renrakucho_ca.store import certificates, hierarchies

from .old_cas import NOW, Old, OpensslCa, bundle, run

MakeCa = Callable[..., OpensslCa]


def parsed(path: Path) -> asn1_x509.Certificate:
    data = path.read_bytes()
    if pem.detect(data):
        _, _, data = pem.unarmor(data[data.index(b"-----BEGIN") :])
    return asn1_x509.Certificate.load(data)


def published_crl(old: Old, name: str, tmp_path: Path) -> asn1_crl.CertificateList:
    publication.publish(old.home, out=tmp_path / "public")
    return asn1_crl.CertificateList.load((tmp_path / "public" / f"{name}-root.crl").read_bytes())


def revoked_in(crl: asn1_crl.CertificateList) -> dict[int, str | None]:
    entries = crl["tbs_cert_list"]["revoked_certificates"]
    return {
        entry["user_certificate"].native: entry.crl_reason_value and entry.crl_reason_value.native
        for entry in entries
    }


# -- what Easy-RSA and OpenSSL leave behind


def test_an_easyrsa_pki_comes_over_whole_and_what_it_revoked_stays_revoked(
    old: Old, easyrsa: Path, tmp_path: Path
) -> None:
    key = (easyrsa / "private" / "ca.key").read_bytes()
    ca = CaFiles(root=(easyrsa / "ca.crt").read_bytes(), issuing_key=key)
    done = old.take("easy", ca, paths=[easyrsa], device="windows")

    assert done.problems == []
    assert done.summary.as_dict() == {
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


def test_a_second_import_adds_only_what_is_new(old: Old, openssl_ca: MakeCa) -> None:
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


def test_what_is_known_to_be_revoked_and_nothing_more_stays_on_our_crl(
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
def test_whose_a_lost_certificate_was_is_told_by_the_index_whichever_comes_first(
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
def test_a_newer_crl_that_does_not_tell_all_takes_no_hold_back(
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


def test_a_certificate_that_follows_its_crl_says_whose_it_is(old: Old, openssl_ca: MakeCa) -> None:
    ca = openssl_ca()
    ca.issue("/CN=suzuki")
    old.take("after-its-crl", ca.certificate, paths=[crl_of(ca, 3, {1: HOLD})])
    (unknown,) = old.records("after-its-crl")
    assert (unknown.user.id, unknown.device) == ("unknown", "unknown")
    old.take("after-its-crl", ca.certificate, paths=[ca.folder / "newcerts"], device="mac")
    (known,) = old.records("after-its-crl")
    assert (known.number, known.user.id, known.device) == (unknown.number, "suzuki", "mac")
    assert known.status(NOW) is Status.HELD


def test_a_ca_below_is_nobodys_though_the_index_names_it(old: Old, openssl_ca: MakeCa) -> None:
    ca = openssl_ca()
    (ca.folder / "ext").write_text("basicConstraints=critical,CA:TRUE\n")
    ca.issue("/CN=Below CA", "-extfile", str(ca.folder / "ext"))
    ca.issue("/CN=person")
    done = old.take("below", ca.certificate, paths=[ca.folder])
    assert done.problems == []
    assert list(old.by_user("below")) == ["person"]


def test_an_index_of_another_ca_is_passed_over_and_told(old: Old, openssl_ca: MakeCa) -> None:
    ours, theirs = openssl_ca("ours"), openssl_ca("theirs")
    ours.issue("/CN=ours")
    theirs.revoke(theirs.issue("/CN=theirs", "-enddate", "301231000000Z"))
    paths = [ours.folder, theirs.index]
    done = old.take("foreign", ours.certificate, paths=paths)
    assert list(old.by_user("foreign")) == ["ours"]
    assert old.by_user("foreign")["ours"].status(NOW) is Status.DOWNLOADED
    assert len(done.problems) == 2
    assert any("01.pem:1: serial number 1: another CA signed it" in text for text in done.problems)
    assert any("none of its lines" in text for text in done.problems)


# -- forms of files


@pytest.mark.parametrize("form", ["der", "bundle", "p7-pem", "p7-der", "text", "trusted", "mark"])
def test_a_certificate_is_read_in_whatever_form_and_under_whatever_name(
    old: Old, openssl_ca: MakeCa, tmp_path: Path, form: str
) -> None:
    ca = openssl_ca()
    files = [ca.issue(f"/CN=user{place}") for place in range(3)]
    folder = tmp_path / "given"
    folder.mkdir()
    many = [part for file in files for part in ("-certfile", str(file))]
    match form:
        case "der":
            for place, file in enumerate(files):
                run("openssl", "x509", "-in", file, "-outform", "DER", "-out", folder / str(place))
        case "text":
            for place, file in enumerate(files):
                run("openssl", "x509", "-in", file, "-text", "-out", folder / f"{place}.txt")
        case "trusted":
            for place, file in enumerate(files):
                purpose = ("-trustout", "-addtrust", "clientAuth")
                run("openssl", "x509", "-in", file, *purpose, "-out", folder / str(place))
        case "mark":  # As editors of Windows write UTF-8.
            for place, file in enumerate(files):
                text = file.read_bytes().replace(b"\n", b"\r\n")
                (folder / f"{place}.cer").write_bytes(b"\xef\xbb\xbf" + text)
        case "bundle":
            bundle = b"\n# next\n".join(file.read_bytes() for file in files)
            (folder / "all").write_bytes(bundle)
        case _:
            shape = form.removeprefix("p7-").upper()
            out = ("-outform", shape, "-out", str(folder / "all.bin"))
            run("openssl", "crl2pkcs7", "-nocrl", *many, *out)
    done = old.take(f"form-{form}", ca.certificate, paths=[folder])
    assert done.problems == []
    serials = {parsed(file).serial_number for file in files}
    assert {record.serial for record in old.records(f"form-{form}")} == serials


def test_a_pkcs7_in_ber_is_read(old: Old, openssl_ca: MakeCa, tmp_path: Path) -> None:
    ca = openssl_ca()
    signer = ("-signer", str(ca.issue("/CN=signer")), "-inkey", str(ca.folder / "device.key"))
    form = ("-nodetach", "-stream", "-outform", "DER", "-out", str(tmp_path / "given"))
    run("openssl", "cms", "-sign", "-in", ca.index, *signer, *form)
    assert (tmp_path / "given").read_bytes().startswith(b"\x30\x80")
    old.take("ber", ca.certificate, paths=[tmp_path / "given"])
    assert list(old.by_user("ber")) == ["signer"]


@pytest.mark.parametrize("digits", ["01", "0A0123456789ABCDEF0123456789ABCD", "0000000000"])
def test_a_file_with_a_serial_number_is_not_taken_for_a_certificate(
    old: Old, openssl_ca: MakeCa, tmp_path: Path, digits: str
) -> None:
    # "0" is the tag of a SEQUENCE.
    (tmp_path / "serial.old").write_text(f"{digits}\n")
    done = old.take(f"digits-{len(digits)}", openssl_ca().certificate, paths=[tmp_path])
    assert done.problems == []


def test_a_crl_inside_a_pkcs7_revokes_too(old: Old, openssl_ca: MakeCa, tmp_path: Path) -> None:
    ca = openssl_ca()
    file = ca.issue("/CN=gone")
    ca.revoke(file)
    together = tmp_path / "all.p7b"
    run("openssl", "crl2pkcs7", "-in", ca.crl(), "-certfile", file, "-out", together)
    done = old.take("p7crl", ca.certificate, paths=[together]).summary
    assert (done.added, done.revoked) == (1, 1)


def test_ca_certificates_and_keys_among_the_files_are_nobodys(old: Old, openssl_ca: MakeCa) -> None:
    ca = openssl_ca()
    ca.issue("/CN=person")
    (ca.folder / "other-ca.pem").write_bytes(openssl_ca("other").certificate.read_bytes())
    done = old.take("nobody", ca.certificate, paths=[ca.folder])
    assert done.problems == []
    assert list(old.by_user("nobody")) == ["person"]


def test_hostile_files_are_told_and_stop_nothing(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    good = ca.issue("/CN=good")
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "good.pem").write_bytes(good.read_bytes())
    (folder / "noise.crt").write_bytes(os.urandom(100_000))
    (folder / "zero.cer").write_bytes(b"")
    der = parsed(good).dump()
    (folder / "cut.der").write_bytes(der[:-20])
    (folder / "deep.der").write_bytes(b"\x30\x84\xff\xff\xff\xff" * 10)
    (folder / "cut.pem").write_bytes(good.read_bytes()[:200])
    (folder / "bad64.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----")
    (folder / "cut.crl").write_bytes(b"-----BEGIN X509 CRL-----\nMAMCAQE=\n-----END X509 CRL-----")
    (folder / "notes.txt").write_bytes(b"nothing of interest\n")
    (folder / "loop").symlink_to(folder)
    (folder / "dangling.pem").symlink_to(folder / "nowhere")
    (folder / "circle.pem").symlink_to("circle.pem")
    os.mkfifo(folder / "pipe.pem")
    with (folder / "huge.bin").open("wb") as huge:
        huge.truncate(3 * 1024**3)
    done = old.take("hostile", ca.certificate, paths=[folder])
    assert done.summary.added == 1
    told = {Path(text.split(": ")[0].split(":")[0]).name for text in done.problems}
    assert told == {
        "noise.crt",
        "zero.cer",
        "cut.der",
        "deep.der",
        "cut.pem",
        "bad64.pem",
        "cut.crl",
        "circle.pem",
    }


def test_a_slip_of_the_pen_is_told_before_anything_is_recorded(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    with pytest.raises(NotFound):
        old.take("slip", ca.certificate, paths=[ca.folder / "nowhere"])
    (tmp_path / "records.csv").write_text("serial,owner\n")
    with pytest.raises(Invalid, match="'owner' is unknown"):
        old.take("slip", ca.certificate, records=tmp_path / "records.csv")
    with pytest.raises(NotFound):
        hierarchies.get(old.home.db, "slip")


# -- which CA


def test_cas_of_one_name_with_the_same_serial_numbers_are_told_apart_by_the_signature(
    old: Old, openssl_ca: MakeCa
) -> None:
    one, two = openssl_ca("one"), openssl_ca("two")
    one.issue("/CN=of one")
    two.issue("/CN=of two")
    both = [one.folder / "newcerts", two.folder / "newcerts"]
    first = old.take("twin-one", one.certificate, paths=both)
    second = old.take("twin-two", two.certificate, paths=both)
    assert [each.user.id for each in old.records("twin-one")] == ["of one"]
    assert [each.user.id for each in old.records("twin-two")] == ["of two"]
    assert (len(first.problems), len(second.problems)) == (1, 1)


def test_what_the_root_signed_before_it_was_renewed_stays_the_hierarchy_s_that_has_it(
    old: Old, openssl_ca: MakeCa
) -> None:
    """One key, one name, two certificates: the signature proves either."""
    ca = openssl_ca()
    ca.issue("/CN=from before")
    old.take("before", ca.certificate, paths=[ca.index])
    renewed = ca.folder / "renewed.pem"
    run(
        *("openssl", "req", "-x509", "-key", ca.private_key, "-subj", ca.subject, "-utf8"),
        *("-days", "7301", "-out", renewed),
    )
    ca.issue("/CN=from after")
    done = old.take("after", renewed, paths=[ca.folder / "newcerts"])
    assert done.problems == [
        f"{ca.folder}/newcerts/01.pem:1: serial number 1: the hierarchy before has this certificate"
    ]
    assert set(old.by_user("after")) == {"from after"}


def test_the_hierarchy_s_name_belongs_to_one_ca_and_the_ca_to_one_name(
    old: Old, openssl_ca: MakeCa
) -> None:
    one, two = openssl_ca("one"), openssl_ca("two")
    old.take("mine", one.certificate)
    with pytest.raises(Conflict, match="has other CAs already"):
        old.take("mine", two.certificate)
    with pytest.raises(Conflict, match="known already, as the hierarchy mine"):
        old.take("yours", one.certificate)


def test_two_tiers_come_over_with_the_keys_that_are_there(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    root, issuing = two_tiers(openssl_ca, tmp_path)
    issuing.issue("/CN=person")
    issuing.revoke(issuing.issue("/CN=second of the issuing CA"))
    root.issue("/CN=second of the root")
    ca = CaFiles(
        root=root.certificate.read_bytes(),
        issuing=issuing.certificate.read_bytes(),
        issuing_key=issuing.private_key.read_bytes(),
    )
    done = old.take("tiers", ca, paths=[root.folder, issuing.folder])
    assert done.problems == []
    found = hierarchies.get(old.home.db, "tiers")
    assert (found.root.key, found.issuing.key) == (None, "tiers-issuing")
    # Serial number 1 is the issuing CA's in the root's index, the person's in its own.
    assert {each.user.id: (each.serial, each.status(NOW)) for each in old.records("tiers")} == {
        "person": (1, Status.DOWNLOADED),
        "second of the issuing CA": (2, Status.REVOKED),
        "second of the root": (2, Status.DOWNLOADED),
    }

    later = CaFiles(root=root.certificate.read_bytes(), root_key=root.private_key.read_bytes())
    old.take("tiers", later)
    assert hierarchies.get(old.home.db, "tiers").root.key == "tiers-root"


def two_tiers(openssl_ca: MakeCa, tmp_path: Path) -> tuple[OpensslCa, OpensslCa]:
    root, issuing = openssl_ca("root"), openssl_ca("issuing", subject="/CN=Old Issuing CA")
    (root.folder / "ext").write_text("basicConstraints=critical,CA:TRUE\n")
    request = tmp_path / "issuing.csr"
    run(
        *("openssl", "req", "-new", "-key", issuing.private_key, "-out", request),
        *("-subj", "/CN=Old Issuing CA"),
    )
    extensions = ("-extfile", str(root.folder / "ext"), "-days", "3650")
    root.ca("-in", request, "-notext", "-out", issuing.certificate, *extensions)
    return root, issuing


def test_an_issuing_ca_that_was_left_out_is_given_later_and_the_journal_knows_of_it(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    root, issuing = two_tiers(openssl_ca, tmp_path)
    issuing.issue("/CN=person")
    assert old.take("left-out", root.certificate, paths=[issuing.folder]).summary.added == 0
    before = shutil.copy(old.home.database, tmp_path)
    ca = CaFiles(root=root.certificate.read_bytes(), issuing=issuing.certificate.read_bytes())
    done = old.take("left-out", ca, paths=[issuing.folder])
    assert (done.summary.added, done.problems) == (1, [])

    later = Home(shutil.copytree(old.home.path, tmp_path / "later"), lambda is_new: b"")
    shutil.copy(before, later.database)
    catching_up.catch_up(later)
    found = hierarchies.get(later.db, "left-out")
    assert [each.certificate for each in found.authorities] == [
        parsed(one.certificate).dump() for one in (root, issuing)
    ]
    later.db.close()


def test_a_root_whose_key_is_here_issues_and_gets_no_issuing_ca(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    root, issuing = two_tiers(openssl_ca, tmp_path)
    key = root.private_key.read_bytes()
    old.take("keyed-root", CaFiles(root=root.certificate.read_bytes(), issuing_key=key))
    ca = CaFiles(root=root.certificate.read_bytes(), issuing=issuing.certificate.read_bytes())
    with pytest.raises(Conflict, match="has other CAs already"):
        old.take("keyed-root", ca)


def test_an_issuing_ca_that_the_root_did_not_sign_is_refused(old: Old, openssl_ca: MakeCa) -> None:
    root, other = openssl_ca("root"), openssl_ca("other", subject="/CN=Other")
    ca = CaFiles(root=root.certificate.read_bytes(), issuing=other.certificate.read_bytes())
    with pytest.raises(Invalid, match="did not issue") as refused:
        old.take("unsigned", ca)
    assert "three tiers cannot be taken over" in str(refused.value.hint)


def test_a_certificate_of_a_person_is_no_root(old: Old, openssl_ca: MakeCa) -> None:
    with pytest.raises(Invalid):
        old.take("person", openssl_ca().issue("/CN=person"))


# -- keys


@pytest.mark.parametrize(
    ("kind", "conversion", "passphrase"),
    [
        ("ec", ("pkey",), None),
        ("ec", ("pkey", "-traditional"), None),
        ("ec", ("pkey", "-outform", "DER"), None),
        ("ec", ("pkey", "-aes256", "-passout", "pass:geheim"), b"geheim"),
        ("ec", ("pkey", "-traditional", "-aes256", "-passout", "pass:geheim"), b"geheim"),
        ("rsa", ("pkey",), None),
        ("rsa", ("pkey", "-traditional"), None),
        ("rsa", ("pkey", "-traditional", "-des3", "-passout", "pass:geheim"), b"geheim"),
        ("rsa", ("pkcs8", "-topk8", "-outform", "DER", "-passout", "pass:geheim"), b"geheim"),
        ("ec", ("pkey",), b"not needed"),
    ],
)
def test_the_ca_s_key_is_taken_in_every_form_and_signs_from_then_on(
    old: Old,
    openssl_ca: MakeCa,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    kind: str,
    conversion: tuple[str, ...],
    passphrase: bytes | None,
) -> None:
    options = {} if kind == "ec" else {"key": ("-newkey", "rsa:2048")}
    ca = openssl_ca(**options)
    command, *arguments = conversion
    key = tmp_path / "key"
    run("openssl", command, "-in", ca.private_key, *arguments, "-out", key)
    name = re.sub(r"[^a-z0-9]+", "", f"{request.node.name}".split("[")[1].lower())[:32]
    given = CaFiles(
        root=ca.certificate.read_bytes(),
        issuing_key=key.read_bytes(),
        issuing_key_passphrase=passphrase,
    )
    old.take(name, given)
    published_crl(old, name, tmp_path)
    crl_file = tmp_path / "public" / f"{name}-crl.pem"
    run("openssl", "crl", "-in", crl_file, "-CAfile", ca.certificate, "-verify", "-noout")


def test_a_key_that_is_here_already_is_not_written_again(old: Old, openssl_ca: MakeCa) -> None:
    ca = openssl_ca()
    given = CaFiles(root=ca.certificate.read_bytes(), issuing_key=ca.private_key.read_bytes())
    sealed = old.home.store / "keys" / "kept-root.key"
    old.take("kept", given)
    before = sealed.read_bytes()
    old.take("kept", given)
    assert sealed.read_bytes() == before


@pytest.mark.parametrize("passphrase", [None, b"wrong"])
def test_a_key_that_cannot_be_opened_leaves_nothing_behind(
    old: Old, openssl_ca: MakeCa, tmp_path: Path, passphrase: bytes | None
) -> None:
    ca = openssl_ca()
    key = tmp_path / "key"
    run("openssl", "pkey", "-in", ca.private_key, "-aes256", "-passout", "pass:x", "-out", key)
    given = CaFiles(ca.certificate.read_bytes(), None, key.read_bytes(), passphrase)
    with pytest.raises(Unavailable):
        old.take("locked", given)
    with pytest.raises(NotFound):
        hierarchies.get(old.home.db, "locked")


def test_another_ca_s_key_is_refused(old: Old, openssl_ca: MakeCa) -> None:
    one, two = openssl_ca("one"), openssl_ca("two")
    given = CaFiles(one.certificate.read_bytes(), None, two.private_key.read_bytes())
    with pytest.raises(Invalid, match="does not belong"):
        old.take("wrong-key", given)


def test_a_key_too_weak_to_sign_with_is_refused_and_the_hint_says_how_to_go_on(
    old: Old, openssl_ca: MakeCa
) -> None:
    ca = openssl_ca("short", key=("-newkey", "rsa:1024"))
    given = CaFiles(ca.certificate.read_bytes(), None, ca.private_key.read_bytes())
    with pytest.raises(Invalid, match="rsa-1024") as refused:
        old.take("short-key", given)
    assert refused.value.hint is not None
    assert "leave the key out" in refused.value.hint
    old.take("short-key", ca.certificate)


def test_without_its_key_a_hierarchy_is_known_and_publish_says_that_its_crl_is_overdue(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    old.take("keyless", openssl_ca().certificate)
    assert hierarchies.get(old.home.db, "keyless").issuing.key is None
    assert "keyless-root" in publication.publish(old.home, out=tmp_path / "public").overdue


# -- weak and odd certificates


@pytest.mark.parametrize("digest", ["-md5", "-sha1", "-sha256"])
@pytest.mark.parametrize("serial", ["0", "-5", "1", "0x7f" + "ff" * 19])
def test_weak_and_odd_certificates_are_taken_as_they_are(
    old: Old, openssl_ca: MakeCa, tmp_path: Path, digest: str, serial: str
) -> None:
    ca = openssl_ca(key=("-newkey", "rsa:1024", "-sha1"))
    csr, out = tmp_path / "csr", tmp_path / "out.pem"
    subject = ("-subj", "/CN=old device")
    key = ("-newkey", "rsa:1024", "-nodes", "-keyout", str(tmp_path / "k"))
    run("openssl", "req", "-new", *key, *subject, "-out", csr)
    signing = ("-CA", str(ca.certificate), "-CAkey", str(ca.private_key), "-set_serial", serial)
    run("openssl", "x509", "-req", "-in", csr, *signing, digest, "-days", "100", "-out", out)
    name = re.sub(r"[^a-z0-9]", "", f"weak{digest}{serial[:4]}".replace("-5", "neg"))
    done = old.take(name, ca.certificate, paths=[out])
    assert done.problems == []
    (record,) = old.records(name)
    assert record.serial == int(serial, 0)
    assert (record.user.id, record.key_algorithm) == ("old device", "rsa-1024")


def test_a_negative_serial_number_is_on_the_crl_as_it_is_in_the_certificate(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    csr, out = tmp_path / "csr", tmp_path / "out.pem"
    subject = ("-subj", "/CN=device", "-key", str(ca.folder / "device.key"))
    run("openssl", "req", "-new", *subject, "-out", csr)
    signing = ("-CA", str(ca.certificate), "-CAkey", str(ca.private_key), "-set_serial", "-300")
    run("openssl", "x509", "-req", "-in", csr, *signing, "-days", "3650", "-out", out)
    ca.revoke(out)
    given = CaFiles(root=ca.certificate.read_bytes(), issuing_key=ca.private_key.read_bytes())
    old.take("negative", given, paths=[out, ca.crl()])
    assert revoked_in(published_crl(old, "negative", tmp_path)) == {-300: None}


def test_a_name_in_latin_1_that_claims_to_be_t61_is_read(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    good = parsed(ca.issue("/CN=M3ller"))
    tbs = good["tbs_certificate"]
    # Re-signed by hand: OpenSSL would write the name in UTF-8.
    changed = tbs.dump().replace(b"\x0c\x06M3ller", b"\x14\x06M\xfcller")
    (tmp_path / "tbs").write_bytes(changed)
    run(
        *("openssl", "dgst", "-sha256", "-sign", ca.private_key),
        *("-out", tmp_path / "signature", tmp_path / "tbs"),
    )
    signature = (tmp_path / "signature").read_bytes()
    body = changed + good["signature_algorithm"].dump()
    body += bytes((3, len(signature) + 1, 0)) + signature
    (tmp_path / "t61.der").write_bytes(b"\x30\x82" + len(body).to_bytes(2, "big") + body)
    done = old.take("latin", ca.certificate, paths=[tmp_path / "t61.der"])
    assert done.problems == []
    assert list(old.by_user("latin")) == ["Müller"]


def test_an_expired_one_comes_over_as_expired(old: Old, openssl_ca: MakeCa) -> None:
    ca = openssl_ca()
    ca.issue("/CN=past", "-startdate", "100101000000Z", "-enddate", "200101000000Z")
    assert old.take("past", ca.certificate, paths=[ca.folder]).summary.expired == 1
    assert old.by_user("past")["past"].status(NOW) is Status.EXPIRED


# -- records


RECORDS = "number,serial,user,device,note,issued_at,email,facility,network,name\r\n"


def table(path: Path, *lines: str, encoding: str = "cp932") -> Path:
    file = path / "records.csv"
    file.write_bytes((RECORDS + "\r\n".join(lines) + "\r\n").encode(encoding))
    return file


def test_a_record_says_whose_a_certificate_is(old: Old, openssl_ca: MakeCa, tmp_path: Path) -> None:
    ca = openssl_ca()
    ca.issue("/CN=serial one")
    ca.issue("/CN=by name")
    line = "67075623,0x01,suzuki,iPhone,予備①,2026/1/16,s@example.jp,見本診療所,見本市,鈴木"
    done = old.take("whose", ca.certificate, paths=[ca.folder], records=table(tmp_path, line))
    assert done.problems == []
    found = old.by_user("whose")
    suzuki = found["suzuki"]
    assert (suzuki.number, suzuki.serial, suzuki.device) == ("67075623", 1, "iphone")
    assert (suzuki.note, suzuki.user.name, suzuki.user.facility) == ("予備①", "鈴木", "見本診療所")
    midnight_in_japan = datetime(2026, 1, 15, 15, tzinfo=UTC)
    assert suzuki.issued_at == suzuki.downloaded_at == midnight_in_japan
    assert found["by name"].device == "unknown"


def test_a_record_that_comes_later_says_whose_a_certificate_is_once(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    for place in (1, 2):
        ca.issue(f"/CN=u{place}")
    old.take("later", ca.certificate, paths=[ca.folder])
    records = table(tmp_path, ",1,suzuki,iPhone,予備,,,,,", ",2,u2,,,,,見本診療所,,")
    for paths, described in (([ca.folder], 1), ([ca.folder], 0), ([], 0)):
        done = old.take("later", ca.certificate, paths=paths, records=records)
        assert (done.problems, done.summary.records_without_certificate) == ([], 0)
        assert done.summary.described == described
    found = old.by_user("later")
    assert (found["suzuki"].device, found["suzuki"].note) == ("iphone", "予備")
    assert (found["u2"].device, found["u2"].user.facility) == ("unknown", "見本診療所")


def test_a_number_that_is_taken_or_none_is_replaced_and_told(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    for place in (1, 2):
        ca.issue(f"/CN=u{place}")
    lines = ["55555555,1,a,mac,,,,,,", "55555555,2,b,mac,,,,,,"]
    done = old.take("number", ca.certificate, paths=[ca.folder], records=table(tmp_path, *lines))
    assert len(done.problems) == 1
    assert "the number 55555555 is taken" in done.problems[0]
    numbers = {each.number for each in old.records("number")}
    assert len(numbers) == 2
    assert "55555555" in numbers


@pytest.mark.parametrize("number", ["01234567", "1234567", "０１２３-４５６７"])
def test_a_number_that_begins_with_0_is_replaced_and_told_whatever_excel_left_of_it(
    old: Old, openssl_ca: MakeCa, tmp_path: Path, number: str
) -> None:
    """The line has more to tell: whose certificate it is, and which device has it."""
    ca = openssl_ca()
    ca.issue("/CN=u1")
    records = table(tmp_path, f"{number},1,suzuki,mac,,,,,,")
    name = f"zero-{len(number)}-{ord(number[0])}"
    done = old.take(name, ca.certificate, paths=[ca.folder], records=records)
    (problem,) = done.problems
    assert problem.endswith(":2: the number 01234567 begins with 0: it gets another")
    (record,) = old.records(name)
    assert (record.user.id, record.device) == ("suzuki", "mac")


def test_a_fingerprint_says_more_than_a_serial_number(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    files = [ca.issue("/CN=one"), ca.issue("/CN=two")]
    two = parsed(files[1]).sha256.hex()
    records = tmp_path / "records.csv"
    fingerprint = ":".join(two[place : place + 2] for place in range(0, 64, 2)).upper()
    records.write_text(f"serial,fingerprint_sha256,user,issued_at\n1,{fingerprint},suzuki,\n")
    done = old.take("fingerprint", ca.certificate, paths=files, records=records)
    assert done.problems == []
    serials = {user: each.serial for user, each in old.by_user("fingerprint").items()}
    assert serials == {"one": 1, "suzuki": 2}


def test_a_record_that_comes_alone_finds_its_certificate_by_the_fingerprint(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    files = [ca.issue("/CN=one"), ca.issue("/CN=two")]
    old.take("prints", ca.certificate, paths=files)
    records = tmp_path / "records.csv"
    lines = f",{parsed(files[0]).sha256.hex()},hanako,2025-03-01\n2,{'ab' * 32},jiro,2025-03-01\n"
    records.write_text(f"serial,fingerprint_sha256,user,issued_at\n{lines}")
    done = old.take("prints", ca.certificate, records=records)
    assert done.problems == [
        f"{records}:3: the serial number 2 is that of a certificate with another fingerprint"
    ]
    assert {user: each.serial for user, each in old.by_user("prints").items()} == {
        "hanako": 1,
        "two": 2,
    }


@pytest.mark.parametrize("with_certificates", [True, False])
def test_of_lines_about_one_certificate_the_first_counts_and_the_others_are_told(
    old: Old, openssl_ca: MakeCa, tmp_path: Path, with_certificates: bool
) -> None:
    ca = openssl_ca()
    ca.issue("/CN=one")
    name = f"again-{with_certificates}".lower()
    old.take(name, ca.certificate, paths=[ca.folder])
    records = table(tmp_path, *(f",1,{user},mac,,,,,," for user in ("first", "second", "first")))
    for described in (1, 0):
        paths = [ca.folder] if with_certificates else []
        done = old.take(name, ca.certificate, paths=paths, records=records)
        assert done.summary.described == described
        assert list(old.by_user(name)) == ["first"]
        assert done.problems == [
            f"{records}:{line}: another line is about the same certificate" for line in (3, 4)
        ]


def test_the_day_in_a_message_is_the_day_in_the_table(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    records = table(tmp_path, "22222222,,onday,mac,,2026-02-02,,,,")
    (problem,) = old.take("day", openssl_ca().certificate, records=records).problems
    assert "one issued on 2026-02-02" in problem


def test_a_number_that_a_record_has_is_not_drawn_for_another(
    openssl_ca: MakeCa, tmp_path: Path
) -> None:
    draws = iter([bytes(4)])
    home = Home(
        tmp_path / "home",
        lambda is_new: b"a passphrase",
        clock=lambda: NOW,
        random=lambda count: next(draws, os.urandom(4)) if count == 4 else os.urandom(count),
    )
    home.create(None, None)
    ca = openssl_ca()
    ca.issue("/CN=without a record")
    lowest = "10000000"  # what four zero octets draw
    records = table(tmp_path, f"{lowest},,suzuki,mac,,2026-01-01,,,,")
    old = Old(home)
    assert old.take("drawn", ca.certificate, paths=[ca.folder], records=records).problems == []
    assert next(draws, None) is None
    assert old.by_user("drawn")["suzuki"].number == lowest


def test_records_without_a_certificate_are_kept_by_the_date_rule(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    lines = [
        "11111111,,before,mac,,2026-02-01 23:59:59,,,,",
        "22222222,,onday,mac,,2026-02-02,,,,",
        "33333333,,nodate,mac,,,,,,",
        "44444444,ab:cd,serial,mac,,2026-01-01,,,,",
    ]
    records = table(tmp_path, *lines)
    done = old.take("alone", ca.certificate, records=records)
    assert done.summary.records_without_certificate == 2
    found = old.by_user("alone")
    assert set(found) == {"before", "serial"}
    assert found["serial"].serial == 0xABCD
    assert found["before"].fingerprint_sha256 is None
    assert found["before"].status(NOW) is Status.DOWNLOADED
    # Ten calendar years of Japan later.
    assert found["before"].not_after == datetime(2036, 2, 1, 14, 59, 59, tzinfo=UTC)
    told = [re.search(r"records.csv:(\d+)", text) for text in done.problems]
    assert sorted(int(match[1]) for match in told if match) == [3, 4, 5]

    again = old.take("alone", ca.certificate, records=records)
    assert again.summary.records_without_certificate == 0
    assert len(old.records("alone")) == 2


def test_a_bad_line_of_the_records_is_told_by_its_number_and_the_others_are_used(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    ca.issue("/CN=x")
    lines = [
        "1234,1,a,mac,,,,,,",
        ",zz,b,mac,,,,,,",
        ",1,,mac,,,,,,",
        ",1,c,mac,,32/13/2026,,,,",
        ",1.23E+15,e,mac,,2026/1/1,,,,",
        ",1,d,mac,,,,,,",
    ]
    done = old.take("lines", ca.certificate, paths=[ca.folder], records=table(tmp_path, *lines))
    assert list(old.by_user("lines")) == ["d"]
    told = [re.search(r"records.csv:(\d+)", text) for text in done.problems]
    assert [int(match[1]) for match in told if match] == [2, 3, 4, 5, 6]
    assert "its last digits are lost" in done.problems[-1]


@pytest.mark.parametrize(
    "serial", ["0A1B", "a1b", "0x0a1b", "0A:1B", "0A 1B", "\u200e0a 1b", "０Ａ１Ｂ"]
)
def test_a_serial_number_is_read_however_the_table_writes_it(serial: str) -> None:
    row = dict.fromkeys(COLUMNS, "") | {"user": "a", "serial": serial}
    assert Record.parse(row, UTC).serial == 0xA1B


# -- many


def test_many_come_through_worker_processes_and_none_is_lost(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    file = tmp_path / "all.pem"
    bundle(file, ca.certificate.read_bytes(), ca.private_key.read_bytes(), 5_000)
    met: list[int] = []
    done = old.take("many", ca.certificate, paths=[file], progress=met.append).summary
    assert (done.added, sum(met)) == (5_000, 5_000)
    assert max(met) <= 1_000
    assert {each.serial for each in old.records("many")} == set(range(1, 5_001))


def test_an_import_that_dies_midway_is_completed_by_the_next_and_signs_nothing_before(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    file = tmp_path / "all.pem"
    bundle(file, ca.certificate.read_bytes(), ca.private_key.read_bytes(), 2_500)
    given = CaFiles(root=ca.certificate.read_bytes(), issuing_key=ca.private_key.read_bytes())

    class Killed(BaseException):
        pass

    def die(count: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        old.take("killed", given, paths=[file], progress=die)
    assert hierarchies.get(old.home.db, "killed").issuing.key is None
    done = old.take("killed", given, paths=[file]).summary
    assert (done.added, done.already) == (1_500, 1_000)
    assert hierarchies.get(old.home.db, "killed").issuing.key == "killed-root"
