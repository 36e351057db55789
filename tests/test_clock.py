"""Calendar years as people count them, and a clock that X.509 can write down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from renrakucho_ca.clock import (
    half_life,
    is_renewal_due,
    system_clock,
    system_randomness,
    years_after,
)

JAPAN = ZoneInfo("Asia/Tokyo")


def test_the_clock_is_aware_in_utc_and_has_whole_seconds() -> None:
    before = datetime.now(UTC)
    now = system_clock()
    assert now.utcoffset() == timedelta(0)
    assert now.microsecond == 0
    assert before - timedelta(seconds=1) < now <= datetime.now(UTC)


def test_randomness_is_as_long_as_asked_for_and_never_the_same() -> None:
    assert len(system_randomness(16)) == 16
    assert system_randomness(16) != system_randomness(16)


@pytest.mark.parametrize(
    ("begin", "years", "end"),
    [
        (datetime(2026, 1, 16, 9, 30), 10, datetime(2036, 1, 16, 9, 30)),
        # 2028 and 2036 are leap years, 2038 is not.
        (datetime(2028, 2, 29, 12), 8, datetime(2036, 2, 29, 12)),
        (datetime(2028, 2, 29, 12), 10, datetime(2038, 2, 28, 12)),
        (datetime(2026, 2, 28, 12), 10, datetime(2036, 2, 28, 12)),
        # 2100 is none either, though 4 divides it.
        (datetime(2096, 2, 29), 4, datetime(2100, 2, 28)),
        (datetime(2026, 12, 31, 23, 59, 59), 10, datetime(2036, 12, 31, 23, 59, 59)),
    ],
)
def test_so_many_years_later_it_is_the_same_day(begin: datetime, years: int, end: datetime) -> None:
    assert years_after(begin.replace(tzinfo=JAPAN), years) == end.replace(tzinfo=JAPAN)


def test_the_date_is_that_of_the_place() -> None:
    """29 February 00:30 in Japan is 28 February in UTC: it is the Japanese day that counts."""
    begin = datetime(2028, 2, 28, 15, 30, tzinfo=UTC)
    assert years_after(begin, 10) == datetime(2038, 2, 28, 15, 30, tzinfo=UTC)
    there = years_after(begin.astimezone(JAPAN), 10)
    assert there == datetime(2038, 2, 28, 0, 30, tzinfo=JAPAN)
    assert there.astimezone(UTC) == datetime(2038, 2, 27, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "due"),
    [(-1, True), (0, False), (4, False), (5, True), (10, True), (11, True)],
)
def test_a_validity_period_is_renewed_at_half_of_it_and_while_it_is_in_the_future(
    now: int, due: bool
) -> None:
    begin = datetime(2026, 8, 1, tzinfo=UTC)
    end, moment = begin + timedelta(days=10), begin + timedelta(days=now)
    assert half_life(begin, end) == begin + timedelta(days=5)
    assert is_renewal_due(moment, begin, end) is due
