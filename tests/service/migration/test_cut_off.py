"""The cut-off: both doors are open until one second before, and then one is shut for good."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from renrakucho_ca.clock import years_after
from renrakucho_ca.errors import Refused
from renrakucho_ca.model import RetrievalNumber, RevocationReason
from renrakucho_ca.service.ca import crls
from renrakucho_ca.service.hierarchy import creation
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.revocation import expiry, revocation
from renrakucho_ca.store.tables import hierarchies, migration_progress
from renrakucho_ca.store.tables.migration_progress import Scope
from tests.shared.homes import BEGIN, configure, issue, published, rows

from .town import CUTOFF, PHONE, Town, days

SECOND = timedelta(seconds=1)
SUPERSEDED = RevocationReason.SUPERSEDED
CESSATION = RevocationReason.CESSATION_OF_OPERATION


@pytest.fixture
def moving(town: Town) -> Town:
    """Three people before the cut-off: `moved`, `waits` (not fetched yet), `left` (failed)."""
    town.clock.now = CUTOFF - days(20)
    for name, device in (("moved", PHONE), ("waits", PHONE), ("left", "windows")):
        town.old(name, device)
    windows = town.home.profiles / "windows.yaml"
    text = windows.read_text()
    windows.unlink()
    town.migrate()
    windows.write_text(text)
    town.download(town.successor(of(town, "moved")))
    town.publish()
    return town


def of(town: Town, user: str, hierarchy: str = "old") -> str:
    """The number of a user's certificate."""
    ((number,),) = rows(
        town.home,
        f"""SELECT number FROM certificate AS c JOIN authority AS a ON a.id = c.authority
            WHERE user = '{user}' AND hierarchy = '{hierarchy}'""",
    )
    return str(number)


def test_one_second_before_nothing_is_due(moving: Town) -> None:
    moving.clock.now = CUTOFF - SECOND
    assert not expiry.due(moving.home).anything
    assert not expiry.expire(moving.home).anything
    moving.publish()
    assert published(moving.home, "old-issuing").revoked == {}
    assert issue(moving.home, PHONE, "old").certificate.hierarchy == "old"


def test_at_the_cut_off_all_of_old_is_revoked_and_nothing_of_new(moving: Town) -> None:
    moving.clock.now = CUTOFF
    assert expiry.due(moving.home) == expiry.expire(moving.home) == expiry.Expiry(3, 0, 0)
    assert not expiry.due(moving.home).anything
    moving.publish()
    assert published(moving.home, "old-issuing").revoked == {
        moving.record(of(moving, "moved")).serial: "superseded",
        moving.record(of(moving, "waits")).serial: "cessation_of_operation",
        moving.record(of(moving, "left")).serial: "cessation_of_operation",
    }
    assert published(moving.home).revoked == {}
    assert moving.status(of(moving, "moved", "new")) == "downloaded"
    assert moving.status(of(moving, "waits", "new")) == "issued"


def test_it_is_recorded_when_it_was_done(moving: Town) -> None:
    moving.clock.now = CUTOFF + days(1)
    expiry.expire(moving.home)
    revoked = moving.record(of(moving, "left")).revocation
    assert revoked is not None
    assert revoked.at == CUTOFF + days(1)


def test_an_earlier_revocation_keeps_its_reason(moving: Town) -> None:
    moving.revoke(of(moving, "left"), RevocationReason.KEY_COMPROMISE)
    moving.clock.now = CUTOFF
    assert expiry.expire(moving.home).cut_off == 2
    assert moving.reason(of(moving, "left")) is RevocationReason.KEY_COMPROMISE


def test_a_held_certificate_is_revoked_at_the_cut_off_for_good(moving: Town) -> None:
    number = of(moving, "left")
    moving.hold(number)
    moving.clock.now = CUTOFF
    expiry.expire(moving.home)
    assert moving.reason(number) is CESSATION


def test_files_of_old_that_wait_are_destroyed_at_the_cut_off(moving: Town) -> None:
    late = moving.old("late", downloaded=False)
    moving.clock.now = CUTOFF
    expiry.expire(moving.home)
    waiting = rows(
        moving.home,
        "SELECT c.number FROM bundle AS b JOIN certificate AS c ON c.id = b.certificate",
    )
    assert waiting == [(int(of(moving, "waits", "new")),)]
    assert moving.status(late) == "revoked"


@pytest.mark.parametrize("again", [False, True])
def test_a_re_issue_of_a_re_issue_counts_as_superseded(moving: Town, again: bool) -> None:
    """The new one was not fetched in time and re-issued; that one was fetched."""
    waits = of(moving, "waits")
    newer = moving.successor(waits)
    for _ in range(1 + again):
        newest = issuance.reissue(moving.home, RetrievalNumber(newer), keep_old=False)
        newer = newest.certificate.number
    moving.download(newer)
    moving.clock.now = CUTOFF
    expiry.expire(moving.home)
    assert moving.reason(waits) is SUPERSEDED


# -- the door stays shut though cron died


def test_publish_alone_revokes_at_the_cut_off(moving: Town) -> None:
    moving.clock.now = CUTOFF
    moving.publish()
    assert len(published(moving.home, "old-issuing").revoked) == 3
    assert not expiry.due(moving.home).anything


def test_before_the_cut_off_no_crl_of_old_lives_past_it(moving: Town) -> None:
    for before in (days(19), days(1), SECOND):
        moving.clock.now = CUTOFF - before
        moving.publish()
        for name in ("old-issuing", "old-root"):
            assert published(moving.home, name).next_update <= CUTOFF
    assert published(moving.home).next_update > CUTOFF


def test_a_crl_from_before_the_cut_off_was_set_is_renewed_at_the_next_chance(town: Town) -> None:
    town.clock.now = CUTOFF - days(8)
    town.old()
    town.publish()
    assert published(town.home, "old-issuing").next_update > CUTOFF
    town.migrate()
    old = hierarchies.get(town.home.db, "old")
    assert crls.is_due(town.home, old, old.issuing, town.clock.now)
    town.publish()
    assert published(town.home, "old-issuing").next_update == CUTOFF
    assert not crls.is_due(town.home, old, old.issuing, town.clock.now)


def test_after_the_cut_off_crls_go_on(moving: Town) -> None:
    moving.clock.now = CUTOFF + days(100)
    moving.publish()
    crl = published(moving.home, "old-issuing")
    assert crl.next_update > moving.clock.now
    assert len(crl.revoked) == 3


# -- a clock that jumps


def test_a_clock_that_jumps_back_gives_nothing_back(moving: Town) -> None:
    moving.clock.now = CUTOFF
    expiry.expire(moving.home)
    moving.publish()
    number = published(moving.home, "old-issuing").number
    moving.clock.now = CUTOFF - days(10)
    publication.publish(moving.home, trust_clock=True)
    crl = published(moving.home, "old-issuing")
    assert crl.number > number
    assert len(crl.revoked) == 3
    assert not expiry.expire(moving.home).anything
    with pytest.raises(Refused, match="closed"):
        issue(moving.home, PHONE, "old")


def test_a_clock_that_jumps_back_before_anything_was_done_costs_nothing(moving: Town) -> None:
    moving.clock.now = CUTOFF - days(15)
    moving.publish()
    assert not expiry.expire(moving.home).anything
    assert published(moving.home, "old-issuing").next_update <= CUTOFF


def test_a_crl_dated_in_the_future_is_renewed_at_once(moving: Town) -> None:
    """Servers whose clocks are right refuse everyone while it is not valid yet; but that the clock
    is right now, only the operator can know."""
    moving.clock.now -= days(1)
    publication.publish(moving.home, if_due=True, trust_clock=True)
    assert published(moving.home, "old-issuing").this_update == moving.clock.now


# -- a hierarchy that is closed


@pytest.mark.parametrize("when", [CUTOFF, CUTOFF + days(1)])
def test_from_the_cut_off_on_old_issues_nothing(moving: Town, when: datetime) -> None:
    moving.clock.now = when
    with pytest.raises(Refused, match="closed"):
        issue(moving.home, PHONE, "old")


def test_a_retired_hierarchy_issues_nothing_and_its_certificates_remain(town: Town) -> None:
    old = town.old()
    creation.retire(town.home, "old", None)
    for name in ("old", None):
        configure(town.home, "default_hierarchy: old")
        home = type(town.home)(town.home.path, lambda is_new: b"", town.clock)
        with pytest.raises(Refused, match="closed"):
            issuance.choose_hierarchy(home, name)
    assert town.status(old) == "downloaded"


def test_a_hierarchy_is_retired_with_a_cut_off_to_come(town: Town) -> None:
    old = town.old()
    retired = creation.retire(town.home, "old", CUTOFF)
    assert (retired.retired_at, retired.cutoff) == (BEGIN, CUTOFF)
    assert town.status(old) == "downloaded"
    town.clock.now = CUTOFF
    assert expiry.expire(town.home).cut_off == 1


def test_a_hierarchy_that_is_retired_at_once_revokes_all(town: Town) -> None:
    old = town.old()
    creation.retire(town.home, "old", town.clock.now)
    assert town.reason(old) is CESSATION


# -- files that nobody fetches


def test_a_file_waits_for_bundle_days_and_then_its_certificate_is_revoked(town: Town) -> None:
    number = issue(town.home, PHONE).certificate.number
    town.clock.now = BEGIN + days(30)
    assert expiry.expire(town.home).lapsed == 0
    town.clock.now += SECOND
    assert expiry.due(town.home) == expiry.expire(town.home) == expiry.Expiry(0, 1, 0)
    assert town.reason(number) is CESSATION
    assert rows(town.home, "SELECT count(*) FROM bundle") == [(0,)]
    town.publish()
    assert town.record(number).serial in published(town.home).revoked


def test_how_long_a_file_waits_is_a_setting(town: Town) -> None:
    configure(town.home, "bundle_days: 200")
    number = issue(town.home, PHONE).certificate.number
    town.clock.now = BEGIN + days(200)
    assert expiry.expire(town.home).lapsed == 0
    assert town.status(number) == "issued"


def test_a_downloaded_or_withdrawn_certificate_does_not_lapse(town: Town) -> None:
    """Whose file was withdrawn has another, and may have the old one from before."""
    fetched, withdrawn = town.old("a"), town.old("b", downloaded=False)
    town.migrate()
    town.download(town.successor(withdrawn))
    town.clock.now = BEGIN + days(31)
    expiry.expire(town.home)
    assert town.status(fetched) == "downloaded"
    assert town.status(withdrawn) == "issued"


def test_a_held_certificate_lapses_after_its_release(town: Town) -> None:
    number = issue(town.home, PHONE).certificate.number
    town.hold(number)
    town.clock.now = BEGIN + days(31)
    assert expiry.expire(town.home).lapsed == 0
    revocation.release(town.home, number)
    assert expiry.expire(town.home).lapsed == 1


def test_a_file_of_one_past_its_end_is_destroyed(town: Town) -> None:
    configure(town.home, "bundle_days: 3650")
    number = issue(town.home, PHONE).certificate.number
    town.clock.now = years_after(BEGIN, 10)
    assert expiry.due(town.home).ended == expiry.expire(town.home).ended == 1
    assert rows(town.home, "SELECT count(*) FROM bundle") == [(0,)]
    assert town.status(number) == "expired"


# -- many


def test_more_than_one_transaction_is_done_in_one_run(town: Town) -> None:
    """The rows are copied: what counts here is that pages are walked to the end."""
    town.old()
    connection = town.home.db._connection
    columns = [
        row[1] for row in connection.execute("PRAGMA table_info(certificate)") if row[1] != "id"
    ]
    copied = ", ".join(
        {
            "number": "(number - 10000000 + value) % 90000000 + 10000000",
            "serial": "printf('%x', 4096 + value)",
            "fingerprint_sha256": "NULL",
        }.get(name, name)
        for name in columns
    )
    connection.execute(
        f"""WITH RECURSIVE copy (value) AS
                (SELECT 1 UNION ALL SELECT value + 1 FROM copy WHERE value < 2500)
            INSERT INTO certificate ({", ".join(columns)}) SELECT {copied} FROM certificate, copy"""
    )
    assert sum(1 for _ in migration_progress.pending(town.home.db, Scope("old"), BEGIN)) == 2501
    town.migrate(limit=1)
    town.clock.now = CUTOFF
    assert expiry.expire(town.home).cut_off == 2501
    town.publish()
    assert len(published(town.home, "old-issuing").revoked) == 2501
