"""What time brings, done daily by cron: cut-offs that have come, bundles that nobody fetched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from renrakucho_ca.model import Act, Hierarchy
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.retrieval import download
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store.tables import expiry, hierarchies


@dataclass(frozen=True, slots=True)
class Expiry:
    """What is due, or what was done.

    Attributes:
        cut_off: live certificates of hierarchies whose cut-off has come: revoked.
        lapsed: certificates that nobody fetched in time: their bundle is destroyed, and with it
            the only copy of their key, so they are revoked.
        ended: bundles of certificates past their end: destroyed.
    """

    cut_off: int
    lapsed: int
    ended: int

    @property
    def anything(self) -> bool:
        return bool(self.cut_off or self.lapsed or self.ended)


def due(home: Home) -> Expiry:
    """What `expire` would do now."""
    now = home.clock()
    closed = _past_cutoff(home, now)
    return Expiry(
        cut_off=sum(expiry.count_cut_off(home.db, each.name, now) for each in closed),
        lapsed=expiry.count_lapsed(home.db, _oldest(home, now), now),
        ended=expiry.count_ended_bundles(home.db, now),
    )


def expire(home: Home) -> Expiry:
    """Does what is due. Run again, it finds nothing more to do."""
    now = home.clock()
    # The portal does it every few seconds; this is for one that stopped or died in between.
    download.destroy_expired(home)
    # Of a process that died: nobody else may write for days.
    home.append_to_journal()
    ended = expiry.count_ended_bundles(home.db, now)
    with home.db.write():
        expiry.destroy_ended_bundles(home.db, now)
    cut_off = sum(
        revocation.revoke_all(home, hierarchy, now) for hierarchy in _past_cutoff(home, now)
    )
    lapsed = revocation.revoke_due(
        home, now, partial(expiry.lapsed, home.db, _oldest(home, now), now), Act.LAPSED, "bundles"
    )
    return Expiry(cut_off, lapsed, ended)


def _past_cutoff(home: Home, now: datetime) -> list[Hierarchy]:
    return [
        hierarchy
        for hierarchy in hierarchies.all_of(home.db)
        if hierarchy.cutoff is not None and hierarchy.cutoff <= now
    ]


def _oldest(home: Home, now: datetime) -> datetime:
    return now - timedelta(days=home.settings.bundle_days)
