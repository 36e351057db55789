"""The properties of the portal's tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.service.issuance import Issued

Issue = Callable[..., Issued]

PROXY = "192.0.2.254"
"""The one that the home's settings trust."""


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **duration: float) -> None:
        self.now += timedelta(**duration)


def no_passphrase(_: bool) -> bytes:
    raise Unavailable("the portal asked for the passphrase")
