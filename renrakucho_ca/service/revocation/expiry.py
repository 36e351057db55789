"""Revoke certificates past their cut-off or never downloaded; run daily by cron."""

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
    """Counts of due or handled certificates.

    Attributes:
        cut_off: live certificates of hierarchies past their cut-off: revoked.
        lapsed: certificates not downloaded in time: revoked, and their bundles destroyed.
        ended: bundles of expired certificates: destroyed.
    """

    cut_off: int
    lapsed: int
    ended: int

    @property
    def anything(self) -> bool:
        return bool(self.cut_off or self.lapsed or self.ended)


def due(home: Home) -> Expiry:
    """Return the counts of an `expire` run now."""
    now = home.clock()
    closed = _past_cutoff(home, now)
    return Expiry(
        cut_off=sum(expiry.count_cut_off(home.db, each.name, now) for each in closed),
        lapsed=expiry.count_lapsed(home.db, _oldest(home, now), now),
        ended=expiry.count_ended_bundles(home.db, now),
    )


def expire(home: Home) -> Expiry:
    """Revoke and destroy everything that is due. A second run finds nothing."""
    now = home.clock()
    # The portal does this every few seconds, unless it has stopped.
    download.destroy_expired(home)
    # Rows of a process that died: the next writer may come days later.
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
    return [each for each in hierarchies.all_of(home.db) if each.is_cut_off(now)]


def _oldest(home: Home, now: datetime) -> datetime:
    return now - timedelta(days=home.settings.bundle_days)
