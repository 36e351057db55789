"""Counters of wrong attempts go down to nothing, and not below."""

from __future__ import annotations

from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import attempts
from renrakucho_ca.store.tables.attempts import Count, CounterKind

from .stock import NOW, days


def test_taking_back_more_than_was_counted_leaves_nothing(db: Database) -> None:
    address = CounterKind.ADDRESS, "198.51.100.1"
    attempts.put(db, *address, Count(1, NOW, NOW + days(1)))
    for _ in range(3):
        attempts.take_back(db, *address)
    found = attempts.get(db, *address)
    assert found is not None
    assert (found.failures, found.since) == (0, NOW)
    assert found.blocked_until < NOW


def test_only_counters_that_hold_nothing_back_are_forgotten(db: Database) -> None:
    counts = {
        "old": Count(1, NOW - days(1), NOW),
        "young": Count(1, NOW + days(1), NOW),
        "blocking": Count(1, NOW - days(1), NOW + days(1)),
    }
    for name, count in counts.items():
        attempts.put(db, CounterKind.ADDRESS, name, count)
    attempts.delete_old(db, NOW, NOW)
    kept = [name for name in counts if attempts.get(db, CounterKind.ADDRESS, name) is not None]
    assert kept == ["young", "blocking"]
