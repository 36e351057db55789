"""Parse dates as people and spreadsheets in Japan write them."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, tzinfo

from renrakucho_ca.errors import Invalid

_ERAS = {"令和": 2018, "R": 2018, "平成": 1988, "H": 1988, "昭和": 1925, "S": 1925}
"""The year before an era begins, by its name and its letter in spreadsheets (R8.8.1)."""

_DATE = re.compile(
    r"(?P<era>令和|平成|昭和|[RHS](?=[0-9元]))?"
    r"(?P<year>[0-9]{1,4}|元)[-/.年](?P<month>[0-9]{1,2})[-/.月](?P<day>[0-9]{1,2})日?"
    r"(?:\([月火水木金土日]\)|[月火水木金土日]曜日)?"
    r"(?:[T ]?(?P<hour>(?<=[T 日])[0-9]{1,2})[:時](?P<minute>[0-9]{1,2})[:分]?"
    r"(?:(?P<second>(?<=[:分])[0-9]{1,2})秒?)?)?",
    re.IGNORECASE,
)
_DAYS = re.compile(r"[0-9]{5}(?:\.[0-9]+)?")


def parse_date(text: str, zone: tzinfo) -> datetime:
    """Parse 2026-01-16, 2026/1/6 9:30, 2026年1月16日, 令和8年1月16日, R8.1.16 or RFC 3339.

    Args:
        zone: the timezone, if the text names none.

    Returns:
        The moment in UTC.

    Raises:
        Invalid: another format, or a year of two digits, which could be of either calendar.
    """
    folded = unicodedata.normalize("NFKC", text).strip()
    if _DAYS.fullmatch(folded):
        raise Invalid(
            "{text} is a spreadsheet's day number, whose first day depends on the program",
            hint="format the column as a date, such as 2026/1/16, and save the file again",
            text=repr(text),
        )
    match = _DATE.fullmatch(folded)
    try:
        found = datetime.fromisoformat(folded) if match is None else _dated(match)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(
            "{text} is not a date",
            hint="write a date such as 2026-01-16 or 2026/1/16",
            text=repr(text[:40]),
        ) from None


def _dated(match: re.Match[str]) -> datetime:
    """Return the matched moment; raise ValueError if that day does not exist."""
    era, year = match["era"], 1 if match["year"] == "元" else int(match["year"])
    if era:
        year += _ERAS[era.upper()]
    elif len(match["year"]) != 4:
        raise ValueError
    month, day, hour, minute, second = (
        int(match[part] or 0) for part in ("month", "day", "hour", "minute", "second")
    )
    return datetime(year, month, day, hour, minute, second)
