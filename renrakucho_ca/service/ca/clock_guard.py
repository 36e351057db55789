"""Refuse to sign while the clock is behind the newest signature.

A CRL from a clock that was set back has expired for servers with the right time, which then refuse
all clients. Certificates would predate their CA.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.model import Hierarchy
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.sqlite import health

TOLERANCE = timedelta(minutes=5)
"""By which a clock may be behind: NTP steps by seconds, a second machine on the same home by
somewhat more; Kerberos has lived with five minutes (RFC 4120 §1.6). A battery loses years."""


def guarded_now(home: Home, issuing: Hierarchy | None = None) -> datetime:
    """Return the present time; raise Unavailable if it is before the newest signature.

    Args:
        issuing: the hierarchy that issues, or whose root signs: nothing in it is older than itself.
    """
    now = home.clock()
    before = health.newest_signature(home.db)
    if issuing is not None:
        before = max(before or issuing.created_at, issuing.created_at)
    if before is not None and now < before - TOLERANCE:
        raise Unavailable(
            "the clock is at {now}, behind the newest signature of {before}",
            hint="set the clock; if it is right and was ahead earlier, revoke the certificates "
            "issued meanwhile, then run `rca publish --trust-clock`",
            now=f"{now:%Y-%m-%d %H:%M}Z",
            before=f"{before:%Y-%m-%d %H:%M}Z",
        )
    return now
