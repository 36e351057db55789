"""`rca audit`, as operators and scripts call it."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest

from renrakucho_ca.model import RetrievalNumber, RevocationReason, User
from renrakucho_ca.service import user_records
from renrakucho_ca.service.hierarchy import creation
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.revocation import expiry, revocation
from renrakucho_ca.store.tables import audit_log
from renrakucho_ca.store.tables.audit_log import AuditQuery
from tests.shared.homes import PASSPHRASE, Clock, configure, copy_home, issue, open_home
from tests.shared.runner import Runner

from .reader import rows, sql


@pytest.fixture(scope="module")
def used(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which something of each kind was done, over some days."""
    clock = Clock()
    home = copy_home(template, tmp_path_factory.mktemp("used") / "home", clock)
    issue(home, user=User("sato", "佐藤 花"))
    clock.advance(days=2)
    number = issue(home, hierarchy="old").certificate.number
    revocation.hold(home, number)
    clock.advance(days=2)
    publication.publish(home)
    creation.retire(home, "old", clock())
    return home


def rca(home: Home, *arguments: object, code: int = 0, **environment: str) -> str:
    done = Runner(environment).process("--home", home.path, *arguments)
    assert done.code == code, done.err
    assert "Traceback" not in done.err
    return done.out + done.err if code else done.out


def listed(home: Home, *options: object) -> list[int]:
    return [row["id"] for row in json.loads(rca(home, "audit", "log", *options, "--format=json"))]


def test_json_has_every_row_with_its_facts(used: Home) -> None:
    found = json.loads(rca(used, "audit", "log", "--format", "json"))
    wanted = rows(used)
    assert [row["id"] for row in found] == [row["id"] for row in wanted]
    assert [row["detail"] for row in found] == [row["detail"] for row in wanted]
    assert [row["hash"] for row in found] == [row["hash"].hex() for row in wanted]
    assert found[0]["at"].endswith("Z")


def test_csv_has_a_header_and_the_same_rows(used: Home) -> None:
    found = list(csv.DictReader(io.StringIO(rca(used, "audit", "log", "--format", "csv"))))
    assert [row["object"] for row in found] == [row["object"] for row in rows(used)]
    assert json.loads(found[0]["detail"]) == rows(used)[0]["detail"]


def test_a_table_has_a_line_for_each_with_the_time_where_people_live(used: Home) -> None:
    header, *lines = rca(used, "audit", "log").splitlines()
    assert header.split() == ["id", "at", "actor", "origin", "act", "object", "detail"]
    assert len(lines) == len(rows(used))
    # A pipe gets all of it, however wide.
    details = [json.loads(line[line.index(" {") :]) for line in lines]
    assert details == [row["detail"] for row in rows(used)]
    assert "発行" in rca(used, "--lang", "ja", "audit", "log")


def test_each_filter_selects_its_rows(used: Home) -> None:
    everything = rows(used)
    assert listed(used, "--act", "held") == [r["id"] for r in everything if r["act"] == "held"]
    assert listed(used, "--actor", "nobody") == []
    assert listed(used, "--actor", everything[0]["actor"]) == [r["id"] for r in everything]
    day = "2026-02-05"
    before, after = listed(used, "--until", day), listed(used, "--since", day)
    assert before
    assert after
    assert before + after == [r["id"] for r in everything]


def test_a_range_has_its_first_moment_and_not_its_last(home: Home, clock: Clock) -> None:
    begin = clock.now
    for name in ("a", "b", "c"):
        clock.advance(seconds=1)
        user_records.add(home, User(name))

    def between(first: int, last: int) -> list[str]:
        since, until = (begin + timedelta(seconds=each) for each in (first, last))
        return [row.object for row in audit_log.stream(home.db, AuditQuery(since, until))]

    assert between(1, 4) == ["a", "b", "c"]
    assert between(2, 3) == ["b"]
    assert between(3, 3) == []


def test_a_number_finds_the_lapse_of_its_certificate_and_no_other(home: Home, clock: Clock) -> None:
    number, other = (issue(home, "android").certificate.number for _ in range(2))
    revocation.revoke(home, [other], RevocationReason.SUPERSEDED)
    clock.advance(days=31)
    assert expiry.expire(home).lapsed == 1

    def acts(number: RetrievalNumber) -> list[str]:
        return [row.act for row in audit_log.stream(home.db, AuditQuery(number=number))]

    assert acts(number) == ["issued", "lapsed"]
    assert acts(other) == ["issued", "revoked"]


def test_a_number_of_no_certificate_is_not_found(used: Home) -> None:
    """Else a mistyped one would look as if nothing had been done to it."""
    assert "12345678" in rca(used, "audit", "log", "--number", "12345678", code=3)


def test_a_limit_leaves_the_newest_last(used: Home) -> None:
    ids = [row["id"] for row in rows(used)]
    assert listed(used, "--limit", 3) == ids[-3:]
    assert listed(used, "--limit", 0) == []
    assert listed(used, "--limit", 1000) == ids
    assert (
        listed(used, "--act", "crl-signed", "--limit", 1)
        == [row["id"] for row in rows(used) if row["act"] == "crl-signed"][-1:]
    )


def test_a_number_finds_acts_on_thousands_of_certificates(used: Home) -> None:
    held = next(row for row in rows(used) if row["act"] == "held")
    about = [row for row in rows(used) if row["id"] in listed(used, "--number", held["object"])]
    assert [row["act"] for row in about] == ["issued", "held", "cut-off"]


def test_verify_reports_how_much_it_verified(used: Home) -> None:
    found = json.loads(rca(used, "audit", "verify", "--format", "json"))
    count = len(rows(used))
    assert found == {"rows": count, "journal": count, "checkpoints": 8, "problems": []}


def test_verify_names_the_first_broken_row_and_says_8(template: Path, tmp_path: Path) -> None:
    home = copy_home(template, tmp_path / "home", Clock())
    with sql(home) as connection:
        connection.execute("UPDATE audit SET origin = '198.51.100.1' WHERE id IN (4, 6)")
    said = rca(home, "audit", "verify", code=8)
    assert "rca: error: row 4: its hash does not match its content" in said
    assert "row 6" not in said
    assert "row 4" in rca(home, "doctor", code=8)


def test_a_kept_checkpoint_is_read_from_where_it_is(used: Home, tmp_path: Path) -> None:
    (tmp_path / "kept.json").write_bytes((used.public / "old-audit.json").read_bytes())
    rca(used, "audit", "verify", "--checkpoint", tmp_path / "kept.json")
    rca(used, "audit", "verify", "--checkpoint", tmp_path / "nothing.json", code=3)


def test_a_command_records_its_user_and_host(template: Path, tmp_path: Path) -> None:
    home = copy_home(template, tmp_path / "home", Clock())
    rca(home, "user", "add", "taro", SUDO_USER="tanaka", SSH_CONNECTION="192.0.2.5 1 192.0.2.6 22")
    row = rows(home)[-1]
    assert (row["actor"], row["origin"], row["object"]) == ("tanaka", "192.0.2.5", "taro")


def test_a_damaged_row_is_one_line_not_a_traceback(template: Path, tmp_path: Path) -> None:
    home = copy_home(template, tmp_path / "home", Clock())
    with sql(home) as connection:
        connection.execute("UPDATE audit SET detail = '[' WHERE id = 3")
    said = rca(home, "audit", "log", "--format=json", code=7)
    assert "row 3 of the audit log is damaged" in said
    with sql(home) as connection:
        connection.execute("UPDATE audit SET at = 1000000000000000 WHERE id = 3")
    assert "the store is damaged" in rca(home, "audit", "log", code=7)


def test_an_orphaned_key_is_set_aside_and_reported(template: Path, tmp_path: Path) -> None:
    """After an older database was put back by hand, it may be the only copy of a CA's key."""
    home = copy_home(template, tmp_path / "home", Clock())
    keys = home.store / "keys"
    real = (keys / "new-issuing.key").read_bytes()
    (keys / "third-issuing.key").write_bytes(real)
    creation.create(home, "third")
    (aside,) = keys.glob("third-issuing.key.left-over-*")
    assert aside.read_bytes() == real
    assert (keys / "third-issuing.key").read_bytes() != real
    said = rca(home, "doctor", code=8)
    assert aside.name in said


def test_syslog_hears_of_each_row_where_the_settings_say_so(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setattr("syslog.syslog", lambda _level, text: heard.append(text))
    home = copy_home(template, tmp_path / "home", Clock())
    user_records.add(home, User("before"))
    configure(home, "audit:\n  syslog: true")
    home = open_home(home.path, Clock())
    user_records.add(home, User("taro"))
    expiry.expire(home)
    assert [json.loads(text)["object"] for text in heard] == ["taro"]
    assert json.loads(heard[0])["id"] == rows(home)[-1]["id"]


def test_revoking_by_the_program_leaves_a_row(template: Path, tmp_path: Path) -> None:
    home = copy_home(template, tmp_path / "home", Clock())
    number = issue(home).certificate.number
    (tmp_path / "passphrase").write_bytes(PASSPHRASE)
    (tmp_path / "passphrase").chmod(0o600)
    rca(home, "revoke", number, "--reason", RevocationReason.KEY_COMPROMISE.value)
    rca(home, "--passphrase-file", tmp_path / "passphrase", "publish")
    found = [row["act"] for row in rows(home)]
    published = found[found.index("revoked") :]
    assert published.count("crl-signed") == 4
    assert published.count("checkpoint-signed") == 2
