"""Who gets a successor, which one, and what becomes of the one before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from renrakucho_ca.clock import system_randomness, years_after
from renrakucho_ca.errors import Conflict, Invalid, NotFound, RcaError, Refused
from renrakucho_ca.model import RetrievalNumber, RevocationReason, User
from renrakucho_ca.service.hierarchy import creation
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance, issuer
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.migration import migration
from renrakucho_ca.service.revocation import expiry, revocation
from renrakucho_ca.store.tables import hierarchies
from renrakucho_ca.store.tables.migration_progress import Scope
from tests.shared.homes import BEGIN, issue, open_home, openssl, published, read_certificate, rows

from .town import CUTOFF, PHONE, Town, days


def test_a_successor_is_for_the_same_user_device_and_note(town: Town) -> None:
    request = IssuanceRequest.parse(User.parse("hanako", facility="見本医院"), PHONE, "青い電話")
    (result,) = issuance.issue(town.home, [request], "old")
    assert isinstance(result, Issued)
    old = result.certificate.number
    town.clock.advance(days=3)
    assert town.migrate().issued == 1
    new = town.record(town.successor(old))
    assert (new.user.id, new.device, new.note) == ("hanako", PHONE, "青い電話")
    assert (new.hierarchy, new.supersedes) == ("new", old)
    assert new.issued_at == BEGIN + days(3)


def test_a_successor_is_signed_by_new_and_lives_ten_years(town: Town, tmp_path: Path) -> None:
    old = town.old()
    town.migrate()
    new = town.successor(old)
    town.publish()
    leaf, chain = tmp_path / "leaf.pem", town.home.public / "new-chain.pem"
    certificate = read_certificate(town.home, RetrievalNumber(new))
    openssl("x509", "-inform", "DER", "-out", leaf, given=certificate.dump())
    at = str(int(BEGIN.timestamp()))
    openssl("verify", "-attime", at, "-CAfile", town.home.public / "new-root.pem",
            "-untrusted", chain, leaf)  # fmt: skip
    assert certificate.not_valid_after == years_after(BEGIN, 10)


def test_the_new_file_can_be_fetched_and_the_old_one_stays_in_use(town: Town) -> None:
    old = town.old()
    town.migrate()
    town.download(town.successor(old))
    assert town.status(old) == town.status(town.successor(old)) == "downloaded"


def test_every_live_one_gets_one(town: Town) -> None:
    live = {town.old(f"user{i}", downloaded=bool(i % 2)) for i in range(5)}
    done = town.migrate()
    assert (done.selected, done.issued, done.already, done.failed, done.remaining) == (
        *(5, 5, 0, ()),
        0,
    )
    assert town.successors().keys() == live


def test_one_user_moves_with_every_device(town: Town) -> None:
    numbers = {town.old("hanako", device) for device in (PHONE, "iphone", "mac")}
    town.migrate()
    assert town.successors().keys() == numbers


def test_revoked_and_expired_certificates_get_no_successor(town: Town) -> None:
    revoked, expired = town.old("ichiro"), town.old("jiro")
    town.revoke(revoked)
    town.clock.now = years_after(BEGIN, 10)
    late = town.old("saburo")
    town.migrate(cutoff=town.clock.now + days(30))
    assert town.successors().keys() == {late}
    assert expired not in town.successors()


def test_a_certificate_revoked_meanwhile_gets_a_revoked_successor(town: Town) -> None:
    held = town.old()
    town.hold(held)
    town.migrate()
    new = town.successor(held)
    assert town.status(new) == "held"
    town.publish()
    assert published(town.home).revoked == {town.record(new).serial: "certificate_hold"}


def test_one_that_is_released_later_can_be_fetched_in_both(town: Town) -> None:
    held = town.old(downloaded=False)
    town.hold(held)
    town.migrate()
    for number in (held, town.successor(held)):
        revocation.release(town.home, RetrievalNumber(number))
    town.download(town.successor(held))


@pytest.mark.parametrize("is_held", [False, True])
def test_an_unclaimed_bundle_of_old_is_withdrawn(town: Town, is_held: bool) -> None:
    old = town.old(downloaded=False)
    if is_held:
        town.hold(old)
    town.migrate()
    if is_held:
        revocation.release(town.home, RetrievalNumber(old))
    assert rows(town.home, "SELECT count(*) FROM bundle") == [(1,)]
    with pytest.raises(Conflict, match="no bundle to download") as refusal:
        town.download(old)
    assert refusal.value.values["successor"] == town.successor(old)
    assert "{successor}" in (refusal.value.hint or "")


def test_a_second_run_has_nothing_to_do(town: Town) -> None:
    for i in range(3):
        town.old(f"user{i}")
    town.migrate()
    before = town.successors()
    again = town.migrate()
    assert (again.selected, again.issued, again.already, again.remaining) == (0, 0, 3, 0)
    assert town.successors() == before


def test_a_run_with_nothing_to_do_needs_no_passphrase(town: Town) -> None:
    town.old()
    town.migrate()

    def never_asked(is_new: bool) -> bytes:
        raise AssertionError("asked for the passphrase")

    other = Town(Home(town.home.path, never_asked, town.clock), town.clock, Path())
    assert other.migrate().already == 1


def test_a_certificate_issued_in_old_meanwhile_migrates(town: Town) -> None:
    town.old("first")
    late: list[str] = []

    def issue_another(_: object) -> None:
        if not late:
            late.append(town.old("late"))

    town.migrate(issued=issue_another)
    assert town.migrate().issued in (0, 1)
    assert set(late) < town.successors().keys()


def test_a_certificate_re_issued_in_old_moves_from_the_newest(town: Town) -> None:
    first = town.old()
    second = town.old(supersedes=first)
    town.migrate()
    assert town.record(town.successor(second)).hierarchy == "new"
    assert town.successor(first) == second


# -- portions


def test_a_certificate_issued_before_1970_migrates(town: Town) -> None:
    number = town.old()
    with town.home.db.write():
        town.home.db.execute("UPDATE certificate SET issued_at = -86400, not_before = -86400")
    assert town.migrate().remaining == 0
    assert town.successors().keys() == {number}


def test_a_limit_takes_the_oldest_first(town: Town) -> None:
    numbers = []
    for i in range(5):
        numbers.append(town.old(f"user{i}"))
        town.clock.advance(minutes=1)
    done = town.migrate(limit=2)
    assert (done.selected, done.issued, done.remaining) == (2, 2, 3)
    assert town.successors().keys() == set(numbers[:2])
    assert town.migrate(limit=2).remaining == 1
    assert town.migrate(limit=2).remaining == 0


@pytest.mark.parametrize("scope", [{"facility": "見本医院"}, {"network": "西"}])
def test_a_facility_or_a_network_can_go_first(town: Town, scope: dict[str, str]) -> None:
    chosen = town.old("a", **scope)  # type: ignore[arg-type]
    town.old("b", facility="別の医院", network="東")
    town.old("c")
    done = town.migrate(**scope)  # type: ignore[arg-type]
    assert (done.selected, done.issued, done.remaining) == (1, 1, 0)
    assert town.successors().keys() == {chosen}


def test_a_run_covers_more_than_one_batch(town: Town) -> None:
    count = 2 * issuer.BATCH + 3
    requests = [IssuanceRequest(User(f"user{i}"), PHONE) for i in range(count)]
    assert all(isinstance(r, Issued) for r in issuance.issue(town.home, requests, "old"))
    seen: list[str] = []
    done = town.migrate(jobs=2, issued=lambda one: seen.append(one.certificate.number))
    assert done.issued == len(set(seen)) == len(town.successors()) == count


# -- what fails


def profile(town: Town, name: str, *changes: tuple[str, str]) -> None:
    """A kind of device like android, with something else in its file."""
    text = (town.home.profiles / f"{PHONE}.yaml").read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (town.home.profiles / f"{name}.yaml").write_text(text)


def long_lived(town: Town) -> None:
    profile(town, "odd", ("validity_years: 10", "validity_years: 30"))


def too_long_a_name(town: Town) -> None:
    profile(town, "odd", ('common_name: "{user}"', f'common_name: "{"x" * 60} {{user}}"'))


def no_profile(town: Town) -> None:
    (town.home.profiles / "odd.yaml").unlink()


def broken_profile(town: Town) -> None:
    (town.home.profiles / "odd.yaml").write_text("kind: devise\n")


@pytest.mark.parametrize(
    ("spoil", "kind", "reason"),
    [
        (long_lived, Refused, "outlive its issuer"),
        (too_long_a_name, Invalid, "characters"),
        (no_profile, NotFound, "no profile for device odd"),
        (broken_profile, Invalid, "odd.yaml"),
    ],
)
@pytest.mark.parametrize("jobs", [1, 2])
def test_one_that_fails_is_listed_and_stops_nothing(
    town: Town,
    spoil: Callable[[Town], None],
    kind: type[RcaError],
    reason: str,
    jobs: int,
) -> None:
    profile(town, "odd")
    before, odd, after = town.old("a"), town.old("hanako", "odd"), town.old("b")
    spoil(town)
    done = town.migrate(jobs=jobs)
    (failure,) = done.failed
    assert (failure.number, type(failure.error)) == (odd, kind)
    assert reason in str(failure.error)
    assert (done.selected, done.issued, done.remaining) == (3, 2, 1)
    assert town.successors().keys() == {before, after}
    assert town.status(odd) == "downloaded"


def test_a_failed_certificate_is_tried_again(town: Town) -> None:
    profile(town, "odd")
    odd = town.old("hanako", "odd")
    text = (town.home.profiles / "odd.yaml").read_text()
    no_profile(town)
    assert town.migrate().issued == 0
    (town.home.profiles / "odd.yaml").write_text(text)
    assert town.migrate().issued == 1
    assert town.successors().keys() == {odd}


def test_a_certificate_of_unknown_device_is_listed_with_a_hint(town: Town) -> None:
    profile(town, "unknown")  # whatever a profile says
    unknown, known = town.old("hanako", "unknown"), town.old("taro")
    done = town.migrate()
    (failure,) = done.failed
    assert failure.number == unknown
    assert f"reissue {unknown} --keep-old --device" in (failure.error.hint or "").format(
        **failure.error.values
    )
    assert town.successors().keys() == {known}
    new = issuance.reissue(town.home, RetrievalNumber(unknown), keep_old=True, device="mac")
    assert (new.certificate.device, new.certificate.hierarchy) == ("mac", "new")
    assert town.migrate().remaining == 0


@pytest.mark.parametrize(
    ("source", "target", "kind"),
    [
        ("old", "old", Invalid),
        ("nowhere", "new", NotFound),
        ("old", "nowhere", NotFound),
        ("new", "old", Refused),
    ],
)
def test_two_hierarchies_are_needed_and_the_new_one_open(
    town: Town, source: str, target: str, kind: type[RcaError]
) -> None:
    town.old()
    creation.retire(town.home, "old", None)
    with pytest.raises(kind):
        migration.migrate(town.home, migration.MigrationOptions(CUTOFF, Scope(source), target))
    assert rows(town.home, "SELECT count(*), max(supersedes) FROM certificate") == [(1, None)]
    assert hierarchies.get(town.home.db, "old").cutoff is None


def test_people_move_out_of_a_hierarchy_that_is_closed(town: Town) -> None:
    town.old()
    creation.retire(town.home, "old", None)
    assert town.migrate().issued == 1


# -- what happens meanwhile


def second_call(action: Callable[[], None]) -> Callable[[], bool]:
    """For `stop`, which is asked before each is taken up: acts once, when the first was."""
    calls = 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        if calls == 2:
            action()
        return False

    return stop


def test_one_that_is_revoked_meanwhile_gets_none(town: Town) -> None:
    lost = town.old("lost")
    town.clock.advance(minutes=1)
    town.old("other")
    done = town.migrate(stop=second_call(lambda: town.revoke(lost)))
    assert (done.selected, done.issued, done.failed) == (2, 1, ())
    assert lost not in town.successors()


def test_the_successor_of_a_certificate_revoked_meanwhile_is_on_the_crl(town: Town) -> None:
    """Between the intent, which is recorded, and the record: while its key is being made."""
    old = town.old()

    def randomness(length: int) -> bytes:
        if rows(town.home, "SELECT 1 FROM intent") and town.status(old) != "revoked":
            town.revoke(old)
        return system_randomness(length)

    running = Town(open_home(town.home.path, town.clock, randomness), town.clock, Path())
    done = running.migrate()
    assert (done.selected, done.issued, done.failed) == (1, 0, ())
    assert town.successors() == {}
    ((serial,),) = rows(
        town.home, "SELECT serial FROM certificate WHERE fingerprint_sha256 IS NULL"
    )
    town.publish()
    assert int(str(serial), 16) in published(town.home).revoked
    assert rows(town.home, "SELECT count(*) FROM intent") == [(0,)]


def test_a_concurrent_change_of_a_user_is_kept(town: Town) -> None:
    town.old("hanako", facility="見本医院")
    town.clock.advance(minutes=1)
    town.old("taro")

    def moves() -> None:
        issue(town.home, PHONE, "new", User("hanako", facility="別の医院"))

    town.migrate(stop=second_call(moves))
    assert rows(town.home, "SELECT facility FROM user WHERE id = 'hanako'") == [("別の医院",)]


def test_a_hierarchy_retired_meanwhile_issues_no_further_batch(town: Town) -> None:
    count = issuer.BATCH + 5
    requests = [IssuanceRequest(User(f"user{i}"), PHONE) for i in range(count)]
    issuance.issue(town.home, requests, "old")
    taken = 0

    def retire_late() -> bool:
        nonlocal taken
        taken += 1
        if taken == issuer.BATCH + 1:
            creation.retire(town.home, "new", None)
        return False

    done = town.migrate(stop=retire_late)
    assert done.issued == issuer.BATCH
    assert {type(failure.error) for failure in done.failed} == {Refused}
    assert len(done.failed) == 5


def test_two_concurrent_migrations_give_one_successor_each(town: Town) -> None:
    for i in range(6):
        town.old(f"user{i}")
    other = Town(open_home(town.home.path, town.clock), town.clock, Path())
    inner: list[int] = []

    def run_another(_: object) -> None:
        if not inner:
            inner.append(other.migrate().issued)

    done = town.migrate(limit=3, issued=run_another)
    assert (done.issued, inner) == (3, [3])
    assert len(town.successors()) == 6


def test_a_certificate_pending_in_another_run_is_skipped(town: Town) -> None:
    first = town.old("first")
    town.clock.advance(minutes=1)
    second = town.old("second")
    other = Town(open_home(town.home.path, town.clock), town.clock, Path())
    runs = []

    def run_another() -> None:
        runs.append(other.migrate())

    done = town.migrate(stop=second_call(run_another))
    # The other run came when neither had an intent yet, and took both.
    assert (runs[0].issued, done.issued, done.already, done.failed) == (2, 0, 2, ())
    assert town.successors().keys() == {first, second}


# -- stopping


def test_a_stopped_run_finishes_its_batch_and_reports_the_rest(town: Town) -> None:
    for i in range(5):
        town.old(f"user{i}")
        town.clock.advance(minutes=1)
    answers = iter([False, False, True])
    done = town.migrate(stop=lambda: next(answers, True))
    assert (done.selected, done.issued, done.remaining) == (2, 2, 3)
    assert rows(town.home, "SELECT count(*) FROM intent") == [(0,)]
    assert town.migrate().issued == 3


def test_a_run_that_is_stopped_has_set_a_cut_off_that_is_to_come(town: Town) -> None:
    town.old()
    town.migrate(stop=lambda: True)
    assert hierarchies.get(town.home.db, "old").cutoff == CUTOFF


def test_a_stopped_run_after_the_cut_off_revokes_no_unmigrated_certificate(
    town: Town,
) -> None:
    old = town.old()
    done = town.migrate(cutoff=town.clock.now, stop=lambda: True)
    assert (done.issued, done.revoked) == (0, 0)
    assert town.status(old) == "downloaded"
    assert hierarchies.get(town.home.db, "old").cutoff is None
    assert town.migrate(cutoff=town.clock.now).issued == 1


# -- the cut-off


def test_the_cut_off_is_set_and_can_be_moved_until_it_comes(town: Town) -> None:
    old = town.old()
    for moment in (CUTOFF, CUTOFF + days(31)):
        town.migrate(cutoff=moment)
        assert hierarchies.get(town.home.db, "old").cutoff == moment
    assert town.status(old) == "downloaded"


def test_a_past_cut_off_revokes_the_remaining_certificates(town: Town) -> None:
    moved, failing = town.old("moved"), town.old("failing", "windows")
    (town.home.profiles / "windows.yaml").unlink()
    done = town.migrate(cutoff=town.clock.now)
    assert (done.issued, done.revoked, done.remaining) == (1, 2, 1)
    assert town.reason(moved) == town.reason(failing) == RevocationReason.CESSATION_OF_OPERATION
    assert town.status(town.successor(moved)) == "issued"


# -- a rehearsal


@pytest.mark.parametrize("cutoff", [CUTOFF, BEGIN])
def test_a_dry_run_reports_failures_and_changes_nothing(town: Town, cutoff: datetime) -> None:
    town.old("a")
    odd = town.old("b", "windows")
    (town.home.profiles / "windows.yaml").unlink()
    before = town.home.store.joinpath("rca.sqlite").read_bytes()
    would = migration.rehearse(town.home, migration.MigrationOptions(cutoff, Scope("old")))
    assert (would.selected, would.issued, would.remaining) == (2, 0, 2)
    assert [failure.number for failure in would.failed] == [odd]
    assert town.home.store.joinpath("rca.sqlite").read_bytes() == before


def test_a_held_certificate_past_its_end_is_still_live_and_an_expired_one_is_not(
    town: Town,
) -> None:
    """A hold hides the end of a certificate, so its user is not forgotten."""
    android = town.home.profiles / f"{PHONE}.yaml"
    android.write_text(android.read_text().replace("validity_years: 10", "validity_years: 1"))
    held, expired = town.old("held"), town.old("expired")
    town.hold(held)
    town.clock.now = town.record(held).not_after + days(1)
    assert (town.status(held), town.status(expired)) == ("held", "expired")
    done = town.migrate(cutoff=town.clock.now + days(30))
    assert (done.selected, done.issued, done.remaining) == (1, 1, 0)
    assert town.status(town.successor(held)) == "held"
    assert town.record(expired).superseded_by is None
    town.clock.now += days(31)
    assert expiry.expire(town.home).cut_off == 1
    assert town.status(held) == "revoked"
    assert town.status(expired) == "expired"
