"""Hierarchies: made whole or not at all, told apart by name, closed for good."""

from __future__ import annotations

import itertools
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1

from renrakucho_ca.errors import Conflict, Invalid, NotFound, RcaError, Refused, Unavailable
from renrakucho_ca.model import KeyAlgorithm, RevocationReason, Status, Tier
from renrakucho_ca.service.ca import ca_keys
from renrakucho_ca.service.hierarchy import creation
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store.tables import hierarchies
from tests.shared.homes import (
    BEGIN,
    Clock,
    Died,
    DyingRandomness,
    PublishedCrl,
    issue,
    open_home,
    openssl,
    published,
    record_of,
)


def key_files(home: Home) -> set[str]:
    return {path.name for path in (home.store / "keys").iterdir()}


def test_a_root_signs_itself_and_its_issuing_ca_and_each_has_a_first_crl(home: Home) -> None:
    made = creation.create(home, "third", common_name="third.ecn.example.jp")
    root, issuing = (
        asn1.Certificate.load(each.certificate, strict=True) for each in (made.root, made.issuing)
    )
    assert root.subject.native["common_name"] == "third.ecn.example.jp"
    assert issuing.subject.native["common_name"] == "third.ecn.example.jp Issuing CA"
    assert root.issuer == root.subject == issuing.issuer
    assert root.not_valid_before == issuing.not_valid_before == BEGIN
    assert (root.not_valid_after.year, issuing.not_valid_after.year) == (2056, 2051)
    for tier, certificate in ((Tier.ROOT, root), (Tier.ISSUING, issuing)):
        crl = PublishedCrl(home.store / "crl" / f"third-{tier}.crl")
        assert crl.this_update == BEGIN
        text = openssl("x509", "-inform", "DER", given=certificate.dump())
        authority = home.store / f"{tier}.pem"
        authority.write_text(text)
        openssl("crl", "-inform", "DER", "-noout", "-CAfile", authority, given=crl.der)


def test_both_keys_are_of_the_algorithm_asked_for(home: Home) -> None:
    made = creation.create(home, "third", key_algorithm=KeyAlgorithm.EC_P256)
    assert [each.key_algorithm for each in made.authorities] == ["ec-p256", "ec-p256"]


def test_a_name_is_taken_once(home: Home) -> None:
    before = key_files(home)
    with pytest.raises(Conflict, match="the hierarchy new already exists"):
        creation.create(home, "new", common_name="another.example.jp")
    assert key_files(home) == before


def test_a_second_root_with_the_same_common_name_is_refused(home: Home) -> None:
    with pytest.raises(Conflict, match=r"the root of new already has the name new\.ecn"):
        creation.create(home, "third", common_name="new.ecn.example.jp")
    assert [each.name for each in hierarchies.all_of(home.db)] == ["old", "new"]


@pytest.mark.parametrize(
    "name", ["", "New", "新", "a/b", "..", "-a", "a b", "a\n", "x" * 33, "a.b", "%s"]
)
def test_a_name_that_cannot_be_a_file_name_is_refused(home: Home, name: str) -> None:
    with pytest.raises(Invalid, match="is not a valid hierarchy name"):
        creation.create(home, name)


@pytest.mark.parametrize("common_name", ["", "x" * 54, "a\nb"])
def test_a_common_name_that_the_issuing_ca_could_not_carry_is_refused(
    home: Home, common_name: str
) -> None:
    with pytest.raises(Invalid):
        creation.create(home, "third", common_name=common_name)


# -- a root's key off the machine


@pytest.fixture
def stick(home: Home, tmp_path: Path) -> Path:
    """The hierarchy `third`, whose root's key lies on a stick."""
    path = tmp_path / "stick" / "root.key"
    path.parent.mkdir()
    creation.create(home, "third", root_key_out=path)
    return path


def test_a_root_key_that_is_kept_outside_is_nowhere_inside(home: Home, stick: Path) -> None:
    assert "third-root.key" not in key_files(home)
    assert "third-issuing.key" in key_files(home)
    assert hierarchies.get(home.db, "third").root.key is None
    assert stat.S_IMODE(stick.stat().st_mode) == 0o600
    sealed = stick.read_bytes()
    assert all(sealed not in path.read_bytes() for path in home.store.rglob("*") if path.is_file())
    assert issue(home, hierarchy="third").certificate.hierarchy == "third"


def test_a_file_that_is_there_is_not_overwritten_by_a_root_key(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_bytes(b"precious")
    with pytest.raises(Conflict, match="exists already"):
        creation.create(home, "third", root_key_out=path)
    assert path.read_bytes() == b"precious"
    assert [each.name for each in hierarchies.all_of(home.db)] == ["old", "new"]
    creation.create(home, "third")


def test_the_key_of_another_hierarchy_is_not_taken(home: Home, stick: Path) -> None:
    root = hierarchies.get(home.db, "third").root
    assert ca_keys.ca_key(home, root) is None
    assert ca_keys.ca_key(home, root, home.store / "keys" / "new-root.key") is None
    assert ca_keys.ca_key(home, root, stick) is not None


# -- a process that dies


def test_a_killed_creation_can_be_repeated(home: Home, clock: Clock) -> None:
    """It dies at each of its draws of randomness in turn: serial numbers, then sealing the keys."""
    for deaths in itertools.count():
        name = f"try-{deaths}"
        try:
            creation.create(open_home(home.path, clock, DyingRandomness(deaths)), name)
        except Died:
            assert name not in [each.name for each in hierarchies.all_of(home.db)]
            creation.create(home, name)
            assert issue(home, hierarchy=name).certificate.hierarchy == name
        else:
            break
    assert deaths >= 4


def test_a_hierarchy_that_was_recorded_without_its_crls_gets_them_when_it_is_published(
    home: Home,
) -> None:
    """As after a death between the record and the first CRL."""
    creation.create(home, "third")
    for tier in Tier:
        (home.store / "crl" / f"third-{tier}.crl").unlink()
    home.db.execute("UPDATE authority SET crl_this_update = NULL, crl_next_update = NULL")
    done = publication.publish(home, if_due=True)
    assert {"third-root", "third-issuing"} <= set(done.renewed)
    assert published(home, "third-issuing").this_update == BEGIN


# -- closing


def test_a_retired_hierarchy_issues_nothing_and_its_certificates_stay_valid(home: Home) -> None:
    number = issue(home, hierarchy="old").certificate.number
    closed = creation.retire(home, "old", None)
    assert (closed.retired_at, closed.cutoff) == (BEGIN, None)
    with pytest.raises(Refused, match="the hierarchy old is closed"):
        issue(home, hierarchy="old")
    assert record_of(home, number).status(BEGIN) is Status.ISSUED


def test_retiring_at_a_moment_that_has_come_revokes_all_that_is_live(
    home: Home, clock: Clock
) -> None:
    live = issue(home, hierarchy="old").certificate.number
    held = issue(home, hierarchy="old").certificate.number
    gone = issue(home, hierarchy="old").certificate.number
    other = issue(home, hierarchy="new").certificate.number
    revocation.hold(home, held)
    revocation.revoke(home, [gone], RevocationReason.KEY_COMPROMISE)
    clock.advance(days=1)
    creation.retire(home, "old", clock.now)
    for number in (live, held):
        found = record_of(home, number).revocation
        assert found is not None
        assert (found.at, found.reason) == (clock.now, "cessationOfOperation")
    before = record_of(home, gone).revocation
    assert before is not None
    assert (before.at, before.reason) == (BEGIN, "keyCompromise")
    assert record_of(home, other).status(clock.now) is Status.ISSUED


def test_the_day_of_retirement_stays_and_the_cutoff_can_be_moved(home: Home, clock: Clock) -> None:
    first = datetime(2026, 7, 31, 15, tzinfo=UTC)
    creation.retire(home, "old", first)
    clock.advance(days=1)
    moved = creation.retire(home, "old", first + timedelta(days=30))
    assert (moved.retired_at, moved.cutoff) == (BEGIN, first + timedelta(days=30))


def test_an_unknown_hierarchy_cannot_be_retired(home: Home) -> None:
    with pytest.raises(NotFound, match="there is no hierarchy third"):
        creation.retire(home, "third", None)


def test_a_damaged_key_of_a_ca_is_unavailable(home: Home, clock: Clock) -> None:
    path = home.store / "keys" / "new-issuing.key"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(Unavailable):
        issue(home)


def test_the_key_of_one_ca_in_the_place_of_another_signs_nothing(home: Home) -> None:
    keys = home.store / "keys"
    (keys / "new-issuing.key").write_bytes((keys / "old-issuing.key").read_bytes())
    with pytest.raises(RcaError, match="the key of 'old-issuing', not of new-issuing"):
        issue(home)
