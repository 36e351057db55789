"""Dates as spreadsheets in Japan write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from renrakucho_ca.errors import Invalid
from renrakucho_ca.tabular.dates import parse_date

TOKYO = ZoneInfo("Asia/Tokyo")
DAY = datetime(2026, 7, 31, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-08-01", "2026/8/1", "2026/08/01", "2026.8.1", "20260801"),
        *("2026年8月1日", "２０２６年８月１日", "2026年8月1日(土)", "2026年8月1日土曜日"),
        *("令和8年8月1日", "R8.8.1", "r8/8/1", " 2026/8/1 ", "2026-07-31T15:00:00Z"),
    ],
)
def test_a_day_is_midnight_in_japan_however_it_is_written(text: str) -> None:
    assert parse_date(text, TOKYO) == DAY


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("令和元年5月1日", datetime(2019, 5, 1, tzinfo=TOKYO)),
        ("平成31年4月30日", datetime(2019, 4, 30, tzinfo=TOKYO)),
        ("H元.1.8", datetime(1989, 1, 8, tzinfo=TOKYO)),
        ("S64.1.7", datetime(1989, 1, 7, tzinfo=TOKYO)),
    ],
)
def test_years_are_counted_by_the_eras_too(text: str, day: datetime) -> None:
    assert parse_date(text, TOKYO) == day


@pytest.mark.parametrize(
    "text",
    ["2026/8/1 9:30", "2026-08-01T09:30:00", "2026年8月1日9時30分", "2026年8月1日（土） 09:30:00"],
)
def test_a_time_of_the_day_may_follow(text: str) -> None:
    assert parse_date(text, TOKYO) == DAY + timedelta(hours=9, minutes=30)


@pytest.mark.parametrize("text", ["26/8/1", "8.8.1", "2026/13/1", "2026/2/30", "8/1", "元.1.1", ""])
def test_an_ambiguous_or_impossible_date_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not a date"):
        parse_date(text, TOKYO)


@pytest.mark.parametrize("text", ["46235", "46235.395833", "４６２３５"])
def test_a_count_of_days_is_refused_with_a_way_out(text: str) -> None:
    """Excel counts from 1900, and for files from old Macs from 1904."""
    with pytest.raises(Invalid, match="day number") as raised:
        parse_date(text, TOKYO)
    assert raised.value.hint is not None
