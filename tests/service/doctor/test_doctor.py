"""The doctor finds what a person would be sorry to find too late, and is silent on a sound home."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from renrakucho_ca.errors import NotFound
from renrakucho_ca.model import RevocationReason, User
from renrakucho_ca.service import doctor, pending
from renrakucho_ca.service.doctor import checks_files
from renrakucho_ca.service.doctor.finding import Finding, Severity
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import device_issuances, issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store import files
from renrakucho_ca.store.sqlite import health
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import hierarchies, pending_issuance
from renrakucho_ca.store.tables.pending_issuance import PendingIssuance
from tests.shared.homes import Clock, copy_home, make_home
from tests.shared.small_disk import fill, small_disk

BEGIN = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock(BEGIN)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Home:
    folder = tmp_path_factory.mktemp("doctor") / "home"
    return make_home(folder, clock, hierarchies=["old"], passphrase=b"passphrase")


@pytest.fixture
def home(made: Home, clock: Clock) -> Home:
    """Sound at the beginning of each test."""
    clock.now = max(clock.now, BEGIN) + timedelta(hours=1)
    publication.publish(made)
    files.write(made.store / "last-backup", clock.now.isoformat().encode())
    assert findings(made) == []
    return made


def findings(home: Home, **more: Any) -> list[tuple[str, Finding]]:
    report = doctor.examine(home, **more)
    return [(check, each) for check, all in report.items() for each in all]


def found(home: Home, **more: Any) -> set[str]:
    return {check for check, _ in findings(home, **more)}


def issue(home: Home) -> Issued:
    (issued,) = issuance.issue(home, [IssuanceRequest.parse(User.parse("u"), "android")], "old")
    assert isinstance(issued, Issued)
    return issued


def test_every_finding_has_a_hint(home: Home, clock: Clock) -> None:
    clock.now += timedelta(days=13)
    reported = findings(home)
    assert reported
    assert all(finding.what.hint for _, finding in reported)


@pytest.mark.parametrize(
    ("days", "reported"), [(7, None), (8.5, Severity.WARNING), (15, Severity.PROBLEM)]
)
def test_a_crl_past_half_its_life_is_reported_before_it_expires(
    home: Home, clock: Clock, days: float, reported: Severity | None
) -> None:
    before = clock.now
    clock.now += timedelta(days=days)
    severities = {each.severity for check, each in findings(home) if check == "CRL"}
    assert severities == ({reported} if reported else set())
    clock.now = before


@pytest.mark.parametrize(("days", "is_reported"), [(4, False), (5, True), (8, True)])
def test_overdue_ocsp_responses_are_reported(
    home: Home, clock: Clock, days: int, is_reported: bool
) -> None:
    before = clock.now
    clock.now += timedelta(days=days)
    assert ("OCSP" in found(home)) is is_reported
    clock.now = before


def test_without_ocsp_no_finding_is_reported(home: Home, clock: Clock) -> None:
    settings = home.path / "rca.yaml"
    text = settings.read_text()
    settings.write_text(text.replace("sign_ahead: true", "sign_ahead: false"))
    (home.store / "ocsp" / "old-issuing.ocsp").unlink()
    assert found(Home(home.path, lambda is_new: b"passphrase", clock)) == set()
    settings.write_text(text)


def test_an_unpublished_revocation_is_reported(home: Home) -> None:
    number = issue(home).certificate.number
    revocation.revoke(home, [number], RevocationReason.KEY_COMPROMISE)
    assert found(home) == {"CRL"}


def test_a_world_readable_database_is_reported(home: Home) -> None:
    path = home.store / "rca.sqlite"
    path.chmod(0o644)
    assert found(home) == {"permissions"}
    path.chmod(0o600)


def test_a_missing_key_is_reported(home: Home, tmp_path: Path) -> None:
    key = home.store / "keys" / "old-issuing.key"
    key.rename(tmp_path / "away")
    assert found(home) == {"keys"}
    (tmp_path / "away").rename(key)


def test_a_clock_before_the_newest_certificate_is_reported(home: Home, clock: Clock) -> None:
    issue(home)
    clock.now -= timedelta(minutes=30)
    assert found(home) == {"clock"}
    clock.now += timedelta(minutes=30)


def test_an_orphaned_issuance_is_reported(home: Home, clock: Clock) -> None:
    certificate = issue(home).certificate
    authority = hierarchies.get(home.db, "old").issuing
    orphan = PendingIssuance(
        number=type(certificate.number)("99999999"),
        authority=authority.id,
        serial=certificate.serial + 1,
        user="u",
        device="android",
        profile="android",
        subject="CN=u",
        at=clock.now - timedelta(hours=2),
        not_after=certificate.not_after,
        supersedes=None,
    )
    with home.db.write():
        assert pending_issuance.put_pending(home.db, orphan)
    assert found(home) == {"pending issuances"}
    pending.abandon_orphans(home, device_issuances, home.clock())


def test_a_mistake_in_the_settings_is_reported(home: Home) -> None:
    path = home.path / "rca.yaml"
    good = path.read_text()
    path.write_text(good + "nonsense: 1\n")
    again = Home(home.path, lambda is_new: b"passphrase", home.clock)
    assert "settings" in found(again)
    path.write_text(good)


def test_a_hierarchy_too_near_its_end_for_ten_years_is_reported(home: Home, clock: Clock) -> None:
    before = clock.now
    clock.now = BEGIN.replace(year=BEGIN.year + 15)
    assert "hierarchies" in found(home)
    clock.now = before


def test_a_live_certificate_after_its_cut_off_is_reported(home: Home, clock: Clock) -> None:
    issue(home)
    with home.db.write():
        hierarchies.set_cutoff(home.db, "old", clock.now + timedelta(minutes=1))
    publication.publish(home)
    assert found(home) <= {"CRL"}
    clock.now += timedelta(minutes=2)
    assert {"cut-off", "CRL"} <= found(home)
    change(home, "UPDATE hierarchy SET cutoff = NULL")


@pytest.mark.parametrize(("days", "is_reported"), [(7, False), (9, True)])
def test_a_backup_that_is_too_old_is_reported(
    home: Home, clock: Clock, days: int, is_reported: bool
) -> None:
    clock.now += timedelta(days=days)
    assert ("backup" in found(home)) == is_reported
    (home.store / "last-backup").unlink()
    assert ("backup" in found(home)) == (clock.now - BEGIN > timedelta(days=8))


def test_a_restored_store_that_is_not_reconciled_is_reported(home: Home) -> None:
    files.write(home.recovery_file, b"{}")
    assert found(home) == {"restored"}
    home.recovery_file.unlink()


@pytest.fixture
def spoiled(home: Home, clock: Clock, tmp_path: Path) -> Home:
    """A copy, to be damaged."""
    shutil.copytree(home.path, tmp_path / "home", symlinks=True)
    return Home(tmp_path / "home", lambda is_new: b"passphrase", clock)


def put_pipe(path: Path) -> None:
    """In its place: who opened it to read would wait for ever."""
    path.unlink()
    os.mkfifo(path)


Spoil = Callable[[Path], object]


@pytest.mark.parametrize(
    ("check", "spoil"),
    [
        ("settings", lambda home: (home / "rca.yaml").unlink()),
        ("profiles", lambda home: (home / "profiles" / "mac.yaml").write_text("[")),
        ("permissions", lambda home: home.chmod(0o777)),
        ("permissions", lambda home: home.parent.chmod(0o777)),
        ("permissions", lambda home: (home / "rca.yaml").chmod(0o666)),
        ("permissions", lambda home: (home / "public").chmod(0o777)),
        ("permissions", lambda home: (home / "public" / "nginx-old.conf").chmod(0o666)),
        ("permissions", lambda home: (home / "ca-store").chmod(0o750)),
        ("permissions", lambda home: (home / "ca-store" / "journal").chmod(0o604)),
        ("links", lambda home: (home / "ca-store" / "x").symlink_to("/dev/null")),
        ("links", lambda home: os.link(home / "ca-store" / "journal", home / "j")),
        ("database", lambda home: os.truncate(home / "ca-store" / "rca.sqlite", 30_000)),
        ("database", lambda home: os.truncate(home / "ca-store" / "rca.sqlite", 0)),
        ("database", lambda home: (home / "ca-store" / "rca.sqlite").unlink()),
        ("database", lambda home: execute(home, "DROP TABLE guess")),
        ("database", lambda home: execute(home, "DROP INDEX certificate_by_user")),
        ("database", lambda home: execute(home, "DROP TRIGGER ocsp_changed")),
        (
            "database",
            lambda home: execute(
                home,
                "CREATE TRIGGER own AFTER UPDATE ON certificate BEGIN DELETE FROM crl_entry; END",
            ),
        ),
        ("audit", lambda home: (home / "ca-store" / "journal").unlink()),
        ("keys", lambda home: (home / "ca-store" / "keys" / "bundle.key").unlink()),
        ("orphaned keys", lambda home: copy_key(home, "old-issuing", "stray")),
        ("published", lambda home: (home / "public" / "old-issuing.crl").unlink()),
        ("published", lambda home: os.truncate(home / "public" / "old-issuing.crl", 20)),
        ("published", lambda home: (home / "public" / "old-crl.pem").unlink()),
        ("published", lambda home: os.truncate(home / "public" / "old-crl.pem", 20)),
        ("published", lambda home: (home / "public" / "old-root.pem").unlink()),
        ("published", lambda home: (home / "public" / "old-root.pem").write_bytes(b"another")),
        ("published", lambda home: put_pipe(home / "public" / "old-crl.pem")),
        ("published", lambda home: os.truncate(home / "ca-store/crl/old-issuing.crl", 20)),
        ("published", lambda home: (home / "ca-store/crl/old-issuing.crl").unlink()),
        ("OCSP", lambda home: (home / "ca-store/ocsp/old-issuing.ocsp").unlink()),
        ("OCSP", lambda home: os.truncate(home / "ca-store/ocsp/old-issuing.ocsp", 20)),
        ("hook", lambda home: owe_hook(home, BEGIN - timedelta(hours=2))),
    ],
)
def test_each_damage_is_reported_by_its_check(spoiled: Home, check: str, spoil: Spoil) -> None:
    spoil(spoiled.path)
    reported = [each for each in findings(spoiled) if each[1].severity is not Severity.UNKNOWN]
    assert {name for name, _ in reported} == {check}
    assert all(finding.what.hint for _, finding in reported)
    shutil.rmtree(spoiled.path)


def execute(home: Path, statement: str) -> None:
    with closing(sqlite3.connect(home / "ca-store" / "rca.sqlite")) as connection:
        connection.execute(statement)


def test_tables_of_other_programs_are_no_damage(spoiled: Home) -> None:
    """Litestream has two tables of its own."""
    execute(spoiled.path, "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)")
    execute(spoiled.path, "ANALYZE")
    assert found(spoiled) == set()


def copy_key(home: Path, source: str, target: str) -> None:
    keys = home / "ca-store" / "keys"
    shutil.copy(keys / f"{source}.key", keys / f"{target}.key")


def owe_hook(home: Path, since: datetime) -> None:
    path = home / "ca-store" / "publish-hook.pending"
    files.write(path, b"")
    os.utime(path, (since.timestamp(), since.timestamp()))


def test_a_home_without_its_store_is_reported(spoiled: Home) -> None:
    shutil.rmtree(spoiled.store)
    assert {"database", "keys", "permissions"} <= found(spoiled)
    spoiled.store.mkdir(0o700)
    assert {"database", "keys"} <= found(spoiled)
    assert list(spoiled.store.iterdir()) == [], "looking has made something"


def test_a_folder_that_is_no_home_is_not_examined(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        doctor.examine(Home(tmp_path, lambda is_new: b""))


def test_an_older_schema_is_reported_and_not_changed(spoiled: Home) -> None:
    with closing(sqlite3.connect(spoiled.database)) as database:
        database.execute("PRAGMA user_version = 3")
        before = spoiled.database.read_bytes()
        assert "database" in found(spoiled)
        assert spoiled.database.read_bytes() == before


@pytest.mark.parametrize("version", [(3, 51, 2), (3, 51, 3)])
def test_wal_is_reported_on_a_sqlite_that_corrupts_it(
    spoiled: Home, version: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    with closing(sqlite3.connect(spoiled.database)) as database:
        database.execute("PRAGMA journal_mode = WAL")
    assert ("database" in found(spoiled)) == (version < (3, 51, 3))


def test_the_database_check_does_not_block_writers(
    spoiled: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damage(checked: Database) -> list[str]:
        with closing(sqlite3.connect(spoiled.database, timeout=0)) as other:
            other.execute("INSERT INTO user (id) VALUES ('meanwhile')")
            other.commit()
        count = "SELECT count(*) FROM user WHERE id = 'meanwhile'"
        return [f"seen: {row[0]}" for row in checked.rows(count)]

    monkeypatch.setattr(health, "damage", damage)
    (finding,) = doctor.examine(spoiled)["database"]
    assert finding.what.values["problem"] == "seen: 0"
    assert not list(spoiled.store.glob(".doctor*"))


def test_where_there_is_no_room_for_a_copy_the_database_is_checked_where_it_is(
    made: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[Database] = []
    with small_disk(tmp_path / "disk", "2m") as disk:
        home = copy_home(made.path, disk / "home", Clock(BEGIN))
        fill(disk)

        def damage(database: Database) -> list[str]:
            checked.append(database)
            return []

        monkeypatch.setattr(health, "damage", damage)
        assert doctor.examine(home)["database"] == []
        assert [row[0] for row in checked[0].rows("SELECT name FROM hierarchy")] == ["old"]
        assert not list(home.store.glob(".doctor*"))
        home.db.close()
        checked[0].close()


def test_a_disk_remounted_read_only_is_reported(made: Home, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        home = copy_home(made.path, disk / "home", Clock(BEGIN))
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        home.db.close()
        reported = str(next(checks_files.disk(home)).what)
        assert reported.startswith("the disk of the store is mounted read-only")


def test_with_the_passphrase_each_key_is_checked_against_its_certificate(spoiled: Home) -> None:
    assert found(spoiled, has_passphrase=True) == set()
    (spoiled.store / "keys" / "old-issuing.key").write_bytes(
        (spoiled.store / "keys" / "old-root.key").read_bytes()
    )
    assert found(spoiled) == set()
    assert found(spoiled, has_passphrase=True) == {"passphrase"}


def test_a_missing_passphrase_file_has_no_owner_finding(spoiled: Home, tmp_path: Path) -> None:
    report = doctor.examine(spoiled, has_passphrase=True, passphrase_file=tmp_path / "none")
    assert all("owns" not in str(each.what.hint) for each in report[doctor.PASSPHRASE])
    assert report[doctor.PASSPHRASE]


def test_a_wrong_or_world_readable_passphrase_is_reported(spoiled: Home, tmp_path: Path) -> None:
    wrong = Home(spoiled.path, lambda is_new: b"another", spoiled.clock)
    assert found(wrong, has_passphrase=True) == {"passphrase"}
    (tmp_path / "file").write_text("passphrase")
    (tmp_path / "file").chmod(0o640)
    reported = findings(spoiled, has_passphrase=True, passphrase_file=tmp_path / "file")
    assert [(check, each.what.values["path"]) for check, each in reported] == [
        ("passphrase", tmp_path / "file")
    ]


@pytest.mark.parametrize(
    "setting",
    [
        ("public_url: null", "public_url: http://ca.example.jp"),
        ("login_url: null", "login_url: http://portal.example.jp"),
        ("bundle_days: 30", "bundle_days: 400"),
        ("trusted_proxies: []", "trusted_proxies: [8.8.8.8]"),
        (
            "host: null\n  port: 587\n  # starttls, tls (usually port 465) or none.\n"
            "  security: starttls",
            "host: mail.example.jp\n  port: 25\n  security: none",
        ),
    ],
)
def test_a_setting_that_weakens_is_a_warning(spoiled: Home, setting: tuple[str, str]) -> None:
    path = spoiled.path / "rca.yaml"
    text = path.read_text().replace("sender: null", "sender: ca@example.jp")
    assert setting[0] in text
    path.write_text(text.replace(*setting))
    assert [(check, each.severity) for check, each in findings(spoiled)] == [
        ("settings", Severity.WARNING)
    ]


def change(home: Home, sql: str) -> None:
    """What no command of rca does: years, another CA's habits."""
    with closing(sqlite3.connect(home.database)) as database, database:
        database.execute(sql)


def test_rsa_2048_that_lasts_past_2030_is_a_warning(spoiled: Home) -> None:
    issue(spoiled)
    publication.publish(spoiled)
    assert found(spoiled) == set()
    change(spoiled, "UPDATE certificate SET key_algorithm = 'rsa-2048', fingerprint_sha256 = NULL")
    assert {check for check, _ in findings(spoiled)} == {"algorithms"}
    change(spoiled, "UPDATE certificate SET not_after = 1924991999")  # the last second of 2030
    assert found(spoiled) == set()


def test_live_certificates_with_sha_1_are_reported(spoiled: Home) -> None:
    issue(spoiled)
    publication.publish(spoiled)
    sha1_with_rsa = "06092a864886f70d010105"
    change(spoiled, f"UPDATE certificate_der SET der = CAST(der || x'{sha1_with_rsa}' AS BLOB)")
    change(spoiled, "UPDATE certificate SET profile = 'imported'")
    assert found(spoiled) == {"algorithms"}


def test_certificates_that_outlive_their_ca_are_reported(spoiled: Home) -> None:
    issue(spoiled)
    publication.publish(spoiled)
    end = int(hierarchies.get(spoiled.db, "old").issuing.not_after.timestamp())
    change(spoiled, f"UPDATE certificate SET not_after = {end + 1}")
    assert found(spoiled) == {"hierarchies"}


def test_a_given_up_mail_is_reported_until_its_link_expires(spoiled: Home) -> None:
    number = issue(spoiled).certificate.number
    publication.publish(spoiled)
    change(
        spoiled,
        f"""INSERT INTO outbox (certificate, recipients, state, created_at, next_try_at)
            SELECT id, 'u@example.jp', 'failed', 1, 1 FROM certificate WHERE number = {number}""",
    )
    assert found(spoiled) == {"mails"}
    change(spoiled, "UPDATE certificate SET downloaded_at = issued_at + 1")
    assert found(spoiled) == set()


def test_a_clock_before_the_last_audit_row_is_reported(home: Home, clock: Clock) -> None:
    before = clock.now
    clock.now -= timedelta(minutes=6)
    assert found(home) == {"clock"}
    clock.now = before
