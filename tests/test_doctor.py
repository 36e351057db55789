"""The doctor finds what a person would be sorry to find too late, and is silent on a sound home."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from renrakucho_ca.model import RevocationReason, User
from renrakucho_ca.service import doctor, hierarchy, issuance, publication, revocation
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import Issued
from renrakucho_ca.service.planning import Request
from renrakucho_ca.store import hierarchies, issuing
from renrakucho_ca.store.issuing import Intent

BEGIN = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


class Clock:
    now = BEGIN

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Home:
    home = Home(tmp_path_factory.mktemp("doctor") / "home", lambda is_new: b"passphrase", clock)
    home.create("Network", "City")
    hierarchy.create(home, "old")
    return home


@pytest.fixture
def home(made: Home, clock: Clock) -> Iterator[Home]:
    """Sound at the beginning of each test."""
    clock.now = max(clock.now, BEGIN) + timedelta(hours=1)
    publication.publish(made)
    (made.store / "last-backup").write_text(clock.now.isoformat())
    assert doctor.examine(made) == []
    return made


def found(home: Home) -> set[str]:
    return {finding.check for finding in doctor.examine(home)}


def issue(home: Home) -> Issued:
    (issued,) = issuance.issue(home, [Request.parse(User.parse("u"), "android")], "old")
    assert isinstance(issued, Issued)
    return issued


def test_every_finding_says_what_to_do(home: Home, clock: Clock) -> None:
    clock.now += timedelta(days=13)
    findings = doctor.examine(home)
    assert findings
    assert all(finding.problem.hint for finding in findings)


@pytest.mark.parametrize(("days", "is_told"), [(8, False), (11, True), (15, True)])
def test_a_crl_in_the_last_quarter_of_its_life_is_told(
    home: Home, clock: Clock, days: int, is_told: bool
) -> None:
    before = clock.now
    clock.now += timedelta(days=days)
    assert ("CRL" in found(home)) is is_told
    clock.now = before


def test_a_revocation_that_servers_do_not_know_of_is_told(home: Home) -> None:
    number = issue(home).certificate.number
    revocation.revoke(home, [number], RevocationReason.KEY_COMPROMISE)
    assert found(home) == {"CRL"}


def test_a_database_that_others_can_read_is_told(home: Home) -> None:
    path = home.store / "rca.sqlite"
    path.chmod(0o644)
    assert found(home) == {"permissions"}
    path.chmod(0o600)


def test_a_missing_key_is_told(home: Home, tmp_path: Path) -> None:
    key = home.store / "keys" / "old-issuing.key"
    key.rename(tmp_path / "away")
    assert found(home) == {"keys"}
    (tmp_path / "away").rename(key)


def test_a_clock_that_stands_before_the_newest_certificate_is_told(
    home: Home, clock: Clock
) -> None:
    issue(home)
    clock.now -= timedelta(minutes=30)
    assert found(home) == {"clock"}
    clock.now += timedelta(minutes=30)


def test_an_intent_that_nobody_fulfilled_is_told(home: Home, clock: Clock) -> None:
    certificate = issue(home).certificate
    authority = hierarchies.get(home.db, "old").issuing
    intent = Intent(
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
        assert issuing.put_intent(home.db, intent)
    assert found(home) == {"intents"}
    issuance.abandon_left_over(home)


def test_a_mistake_in_the_settings_is_told(home: Home) -> None:
    path = home.path / "rca.yaml"
    good = path.read_text()
    path.write_text(good + "nonsense: 1\n")
    again = Home(home.path, lambda is_new: b"passphrase", home.clock)
    assert "settings" in found(again)
    path.write_text(good)


def test_a_hierarchy_too_near_its_end_for_ten_years_is_told(home: Home, clock: Clock) -> None:
    before = clock.now
    clock.now = BEGIN.replace(year=BEGIN.year + 15)
    assert "hierarchies" in found(home)
    clock.now = before


def test_what_is_live_after_its_cut_off_is_told(home: Home, clock: Clock) -> None:
    issue(home)
    with home.db.write():
        hierarchies.set_cutoff(home.db, "old", clock.now + timedelta(minutes=1))
    publication.publish(home)
    assert found(home) <= {"CRL"}
    clock.now += timedelta(minutes=2)
    assert {"cut-off", "CRL"} <= found(home)


@pytest.mark.parametrize(("days", "is_told"), [(7, False), (9, True)])
def test_a_backup_that_is_too_old_is_told(
    home: Home, clock: Clock, days: int, is_told: bool
) -> None:
    clock.now += timedelta(days=days)
    assert ("backup" in found(home)) == is_told
    (home.store / "last-backup").unlink()
    assert ("backup" in found(home)) == (clock.now - BEGIN > timedelta(days=8))


def test_a_store_that_was_restored_and_has_not_caught_up_is_told(home: Home) -> None:
    home.behind.write_text("{}")
    assert found(home) == {"restored"}
    home.behind.unlink()
