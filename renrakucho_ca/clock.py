"""Time and randomness, the two things that a test must be able to hand in."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present moment: aware, in UTC, whole seconds (X.509 times have no fractions)."""

Randomness = Callable[[int], bytes]
"""Gives that many unpredictable bytes."""


def system_clock() -> datetime:
    """The present moment in UTC, cut to the second."""
    return datetime.now(UTC).replace(microsecond=0)


system_randomness: Randomness = os.urandom
"""The operating system's generator. `secrets` calls the same, and takes 4 ms to import."""


def years_after(moment: datetime, years: int) -> datetime:
    """The same day and time `years` calendar years later; 29 February becomes the 28th.

    The calendar is that of `moment`'s own timezone: ten years after a Japanese date is the same
    Japanese date, whatever the date in UTC is.
    """
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, day=28)
