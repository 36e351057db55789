"""Limit wrong guesses: growing delays for each number and address, then a lockout.

The password has 59 random bits, so ten guesses an hour are hopeless. The limits protect the
machine, and must not become a weapon against users. Therefore no lockout exceeds an hour, a guess
during a lockout neither counts nor prolongs it, a mail's link (256 random bits) is never locked,
and in a distributed attack an address without wrong guesses keeps its attempts.

A guess counts as wrong before its verification, and a right one is taken back: concurrent guesses
gain nothing.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from renrakucho_ca.errors import Refused
from renrakucho_ca.model import RetrievalNumber
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import attempts
from renrakucho_ca.store.tables.attempts import Count, CounterKind

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

WINDOW = timedelta(hours=1)
"""A counter starts at the first wrong guess and is forgotten after this time."""

ATTACK = 600
"""Total wrong guesses in a window above which addresses get the stricter policy. A network of 5,000
users that all start on one Monday makes a few hundred."""


class Locked(Refused):
    """A lockout of a number or an address (`kind`), and its end (`until`)."""

    def __init__(self, kind: CounterKind, until: datetime) -> None:
        super().__init__("too many wrong guesses: locked until {until}", until=until)
        self.kind = kind
        self.until = until


@dataclass(frozen=True, slots=True)
class Policy:
    """`free` wrong guesses without delay, then delays of 2, 4, 8 … seconds, then the lockout."""

    free: int
    lock_at: int
    lock: timedelta

    def wait(self, failures: int) -> timedelta:
        """Return the delay after that number of wrong guesses."""
        if failures >= self.lock_at:
            return self.lock
        if failures <= self.free:
            return timedelta(0)
        return min(timedelta(seconds=2 ** (failures - self.free)), self.lock)


NUMBER = Policy(free=4, lock_at=10, lock=timedelta(hours=1))

# All users of a facility share one address, and each may mistype a few times.
ADDRESS = Policy(free=20, lock_at=30, lock=timedelta(minutes=10))
ADDRESS_UNDER_ATTACK = Policy(free=2, lock_at=8, lock=timedelta(minutes=10))


def admit(db: Database, number: RetrievalNumber, address: Address, now: datetime) -> bool:
    """Count one guess as wrong, within the caller's write transaction.

    Returns whether a wrong guess locks the number. Raises Locked if number or address is locked.
    """
    everyone = _current(db, CounterKind.ALL, "", now)
    address_policy = ADDRESS if everyone.failures < ATTACK else ADDRESS_UNDER_ATTACK
    counts = (
        (CounterKind.ADDRESS, group(address), address_policy),
        (CounterKind.NUMBER, str(number), NUMBER),
    )
    found = [_current(db, kind, name, now) for kind, name, _ in counts]
    for (kind, _, _), count in zip(counts, found, strict=True):
        if now < count.blocked_until:
            raise Locked(kind, count.blocked_until)
    for (kind, name, policy), count in zip(counts, found, strict=True):
        failures = count.failures + 1
        attempts.put(db, kind, name, Count(failures, count.since, now + policy.wait(failures)))
    attempts.put(db, CounterKind.ALL, "", Count(everyone.failures + 1, everyone.since, _NEVER))
    return found[1].failures + 1 == NUMBER.lock_at


def forgive(db: Database, number: RetrievalNumber, address: Address) -> None:
    """Take back a guess that was right, within the caller's write transaction."""
    attempts.delete(db, CounterKind.NUMBER, str(number))
    attempts.take_back(db, CounterKind.ADDRESS, group(address))
    attempts.take_back(db, CounterKind.ALL, "")


def unlock(db: Database, number: RetrievalNumber) -> bool:
    """Forget the wrong guesses at a number; return whether it had any."""
    return attempts.delete(db, CounterKind.NUMBER, str(number))


def forget_old(db: Database, now: datetime) -> None:
    """Forget counters without effect."""
    attempts.delete_old(db, now - WINDOW, now)


def group(address: Address) -> str:
    """Return the unit that counts as one address: for IPv6 a /64, one household or phone."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)


_NEVER = datetime.fromtimestamp(0, UTC)


def _current(db: Database, kind: CounterKind, name: str, now: datetime) -> Count:
    count = attempts.get(db, kind, name)
    if count is None or (now >= count.since + WINDOW and now >= count.blocked_until):
        return Count(0, now, _NEVER)
    return count
