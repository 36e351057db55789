"""The owner table of an imported CA."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from renrakucho_ca.model import Status, User
from renrakucho_ca.service import user_records
from renrakucho_ca.service.ca_import.owner_record import COLUMNS, OwnerRecord
from renrakucho_ca.service.home import Home

from .old_cas import NOW, MakeCa, Old, parsed

RECORDS = "number,serial,user,device,note,issued_at,email,facility,network,name\r\n"


def table(path: Path, *lines: str, encoding: str = "cp932") -> Path:
    file = path / "records.csv"
    file.write_bytes((RECORDS + "\r\n".join(lines) + "\r\n").encode(encoding))
    return file


def test_an_owner_row_names_the_certificates_user(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
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


def test_a_later_owner_row_names_the_user_once(
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


def test_an_owner_row_replaces_nothing_that_is_known_of_its_user(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    user_records.add(old.home, User("known", email="ours@example.jp", facility="見本診療所"))
    ca = openssl_ca()
    ca.issue("/CN=known")
    lines = [",1,known,mac,,,theirs@example.jp,別の診療所,見本市,鈴木"]
    old.take("known", ca.certificate, paths=[ca.folder], records=table(tmp_path, *lines))
    user = old.by_user("known")["known"].user
    assert (user.email, user.facility) == ("ours@example.jp", "見本診療所")
    assert (user.network, user.name) == ("見本市", "鈴木")


def test_a_used_or_invalid_number_is_replaced_and_reported(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    for place in (1, 2):
        ca.issue(f"/CN=u{place}")
    lines = ["55555555,1,a,mac,,,,,,", "55555555,2,b,mac,,,,,,"]
    done = old.take("number", ca.certificate, paths=[ca.folder], records=table(tmp_path, *lines))
    assert len(done.problems) == 1
    assert "retrieval number 55555555 is taken" in done.problems[0]
    numbers = {each.number for each in old.records("number")}
    assert len(numbers) == 2
    assert "55555555" in numbers


@pytest.mark.parametrize("number", ["01234567", "1234567", "０１２３-４５６７"])
def test_a_number_that_begins_with_0_is_replaced_and_reported(
    old: Old, openssl_ca: MakeCa, tmp_path: Path, number: str
) -> None:
    """The row has more: the user and the device of the certificate."""
    ca = openssl_ca()
    ca.issue("/CN=u1")
    records = table(tmp_path, f"{number},1,suzuki,mac,,,,,,")
    name = f"zero-{len(number)}-{ord(number[0])}"
    done = old.take(name, ca.certificate, paths=[ca.folder], records=records)
    (problem,) = done.problems
    assert problem.endswith(":2: retrieval number 01234567 begins with 0; rca assigns another")
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
        f"{records}:3: serial number 2 belongs to a certificate with another fingerprint"
    ]
    assert {user: each.serial for user, each in old.by_user("prints").items()} == {
        "hanako": 1,
        "two": 2,
    }


@pytest.mark.parametrize("with_certificates", [True, False])
def test_of_several_rows_about_one_certificate_the_first_counts(
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
            f"{records}:{line}: another line describes the same certificate" for line in (3, 4)
        ]


def test_the_day_in_a_message_is_the_day_in_the_table(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    records = table(tmp_path, "22222222,,onday,mac,,2026-02-02,,,,")
    (problem,) = old.take("day", openssl_ca().certificate, records=records).problems
    assert "on 2026-02-02" in problem


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
    reported = [re.search(r"records.csv:(\d+)", text) for text in done.problems]
    assert sorted(int(match[1]) for match in reported if match) == [3, 4, 5]

    again = old.take("alone", ca.certificate, records=records)
    assert again.summary.records_without_certificate == 0
    assert len(old.records("alone")) == 2


def test_a_bad_owner_row_is_reported_by_its_line_and_the_others_are_used(
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
    reported = [re.search(r"records.csv:(\d+)", text) for text in done.problems]
    assert [int(match[1]) for match in reported if match] == [2, 3, 4, 5, 6]
    assert "its last digits are lost" in done.problems[-1]


@pytest.mark.parametrize(
    "serial", ["0A1B", "a1b", "0x0a1b", "0A:1B", "0A 1B", "\u200e0a 1b", "０Ａ１Ｂ"]
)
def test_a_serial_number_is_read_however_the_table_writes_it(serial: str) -> None:
    row = dict.fromkeys(COLUMNS, "") | {"user": "a", "serial": serial}
    assert OwnerRecord.parse(row, UTC).serial == 0xA1B
