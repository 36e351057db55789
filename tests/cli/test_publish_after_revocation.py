"""`publish_after_revocation`: servers learn at once, or at the next publication."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from renrakucho_ca.model import Certificate
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.publication import publication
from tests.shared.homes import Clock, configure, copy_home, issue, published
from tests.shared.runner import Runner, write_secret


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Iterator[Home]:
    # The commands take the time of the day.
    home = copy_home(template, tmp_path / "home", Clock(datetime.now(UTC).replace(microsecond=0)))
    configure(home, "publish_after_revocation: true")
    publication.publish(home)
    yield home
    home.db.close()


@pytest.fixture
def rca(home: Home, tmp_path: Path) -> Runner:
    secret = str(write_secret(tmp_path / "secret"))
    return Runner({"RCA_HOME": str(home.path), "RCA_PASSPHRASE_FILE": secret, "RCA_LANG": "en"})


def device(home: Home) -> Certificate:
    return issue(home, "android").certificate


def test_a_hold_and_its_release_reach_servers_at_once(home: Home, rca: Runner) -> None:
    certificate = device(home)
    assert rca("hold", certificate.number).code == 0
    assert published(home).revoked == {certificate.serial: "certificate_hold"}
    assert rca("release", certificate.number).code == 0
    assert published(home).revoked == {}


def test_a_revocation_reaches_servers_at_once_though_another_one_failed(
    home: Home, rca: Runner
) -> None:
    certificate = device(home)
    assert rca("revoke", "--yes", certificate.number, "12345678").code == 8
    assert published(home).revoked == {certificate.serial: "unspecified"}


def test_a_revocation_that_changes_nothing_publishes_nothing(home: Home, rca: Runner) -> None:
    before = published(home).number
    assert rca("revoke", "12345678").code == 3
    assert published(home).number == before


def test_a_bundle_that_lapses_reaches_servers_at_once(home: Home, rca: Runner) -> None:
    certificate = device(home)
    home.db.execute("UPDATE certificate SET issued_at = issued_at - 31 * 86400")
    assert rca("expire", "--format", "json").json["lapsed"] == 1
    assert published(home).revoked == {certificate.serial: "cessation_of_operation"}


def test_without_the_setting_the_next_publication_informs_servers(home: Home, rca: Runner) -> None:
    configure(home, "publish_after_revocation: false")
    certificate = device(home)
    for command in (("hold", certificate.number), ("revoke", certificate.number)):
        answer = rca(*command)
        assert answer.code == 0
        assert "rca publish" in answer.err
        assert published(home).revoked == {}
    assert rca("publish", "--if-due").code == 0
    assert published(home).revoked == {certificate.serial: "unspecified"}
