"""Nothing is signed by a clock that lies before what was signed already."""

from __future__ import annotations

from datetime import timedelta

import pytest

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.model import IMPORTED, RevocationReason
from renrakucho_ca.service.ca.clock_guard import guarded_now
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store.tables import hierarchies
from tests.shared.homes import BEGIN, Clock, issue

BEHIND = timedelta(minutes=5)
"""A clock may be so far behind."""
SECOND = timedelta(seconds=1)


@pytest.fixture
def unsigned(home: Home) -> Home:
    """A home in which no CA has signed anything since it was made."""
    home.db.execute("UPDATE authority SET crl_this_update = NULL, crl_next_update = NULL")
    return home


def test_a_clock_may_be_five_minutes_behind_the_newest_certificate(
    unsigned: Home, clock: Clock
) -> None:
    clock.advance(days=10)
    issue(unsigned, "android")
    signed = clock.now
    clock.now = signed - BEHIND
    assert guarded_now(unsigned) == clock.now
    clock.now -= SECOND
    with pytest.raises(Unavailable, match="the clock is at"):
        guarded_now(unsigned)


def test_a_clock_may_be_five_minutes_behind_the_newest_crl(unsigned: Home, clock: Clock) -> None:
    later = BEGIN + timedelta(days=10)
    unsigned.db.execute(
        "UPDATE authority SET crl_this_update = ?, crl_next_update = ? WHERE key = 'new-issuing'",
        (int(later.timestamp()), int(later.timestamp()) + 1),
    )
    clock.now = later - BEHIND
    guarded_now(unsigned)
    clock.now -= SECOND
    with pytest.raises(Unavailable):
        guarded_now(unsigned)


def test_a_hierarchy_issues_nothing_older_than_itself(unsigned: Home, clock: Clock) -> None:
    hierarchy = hierarchies.get(unsigned.db, "new")
    clock.now = hierarchy.created_at - BEHIND
    guarded_now(unsigned, hierarchy)
    clock.now -= SECOND
    guarded_now(unsigned)
    with pytest.raises(Unavailable):
        guarded_now(unsigned, hierarchy)


def test_signatures_of_another_program_set_no_clock(unsigned: Home, clock: Clock) -> None:
    """An imported certificate, and the CRL of a CA whose key is elsewhere."""
    issue(unsigned, "android")
    later = int((BEGIN + timedelta(days=10)).timestamp())
    unsigned.db.execute("UPDATE certificate SET profile = ?, issued_at = ?", (IMPORTED, later))
    unsigned.db.execute(
        "UPDATE authority SET key = NULL, crl_this_update = ? WHERE key = 'new-root'", (later,)
    )
    clock.now = BEGIN
    assert guarded_now(unsigned) == BEGIN


def test_a_certificate_that_was_revoked_sets_no_clock(unsigned: Home, clock: Clock) -> None:
    """So an operator whose clock was ahead gets on: revoke what was issued then."""
    clock.advance(days=10)
    number = issue(unsigned, "android").certificate.number
    revocation.revoke(unsigned, [number], RevocationReason.SUPERSEDED)
    clock.now = BEGIN
    assert guarded_now(unsigned) == BEGIN
