"""Time and randomness: the two inputs that tests replace."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present moment: aware, UTC, whole seconds (X.509 times have no fractions)."""

Randomness = Callable[[int], bytes]
"""Returns the given number of unpredictable bytes."""


def system_clock() -> datetime:
    """Return the present moment in UTC, truncated to the second."""
    return datetime.now(UTC).replace(microsecond=0)


system_randomness: Randomness = os.urandom
"""The operating system's generator. `secrets` calls the same but takes 4 ms to import."""


def years_after(moment: datetime, years: int) -> datetime:
    """Return the same day and time `years` calendar years later; 29 February becomes the 28th.

    The calendar is that of `moment`'s timezone, whose date may differ from the date in UTC.
    """
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, day=28)


def half_life(begin: datetime, end: datetime) -> datetime:
    """Return the moment at which a CRL, OCSP response or responder certificate is renewed."""
    return begin + (end - begin) / 2


def is_renewal_due(now: datetime, begin: datetime, end: datetime) -> bool:
    """Return whether half of a validity period has passed.

    A period in the future is due too: servers with the right time reject it, since our clock was
    set back.
    """
    return not begin <= now < half_life(begin, end)
