"""How often somebody may be wrong: growing delays for each number and address, then a lock.

The password has 59 random bits, so guessing is hopeless even at ten tries an hour. What the rules
protect is the machine and the operator's nerves; and they must not become a weapon. Therefore no
lock lasts longer than an hour, a guess while locked neither counts nor prolongs anything, the link
of a mail (256 random bits) is never locked, and under attack from everywhere an address that has
done nothing wrong still gets its tries.

A guess is counted before it is verified, and the right one taken back: of a thousand at the same
moment no more get through than one after another.
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
"""A count begins with the first wrong guess, and is forgotten so long after."""

ATTACK = 600
"""Wrong guesses over all in a window from which on addresses get less patience. A network of
5,000 people that all start on one Monday makes a few hundred."""


class Locked(Refused):
    """No guess is taken now.

    Attributes:
        kind: whether the number or the address is locked.
        until: when it ends.
    """

    def __init__(self, kind: CounterKind, until: datetime) -> None:
        super().__init__("too many wrong guesses: locked until {until}", until=until)
        self.kind = kind
        self.until = until


@dataclass(frozen=True, slots=True)
class Patience:
    """How wrong guesses are borne: `free` of them, then 2, 4, 8 … seconds each, then the lock."""

    free: int
    lock_at: int
    lock: timedelta

    def wait(self, failures: int) -> timedelta:
        """How long nothing is taken after so many."""
        if failures >= self.lock_at:
            return self.lock
        if failures <= self.free:
            return timedelta(0)
        return min(timedelta(seconds=2 ** (failures - self.free)), self.lock)


NUMBER = Patience(free=4, lock_at=10, lock=timedelta(hours=1))

# A facility's people come from one address, and each may be wrong a few times.
ADDRESS = Patience(free=20, lock_at=30, lock=timedelta(minutes=10))
ADDRESS_UNDER_ATTACK = Patience(free=2, lock_at=8, lock=timedelta(minutes=10))


def admit(db: Database, number: RetrievalNumber, address: Address, now: datetime) -> bool:
    """Counts one guess as wrong, or refuses to take it.

    The caller has opened a writing transaction.

    Returns:
        Whether the number is locked if the guess is wrong.

    Raises:
        Locked: it is not the time.
    """
    everyone = _current(db, CounterKind.ALL, "", now)
    patience = ADDRESS if everyone.failures < ATTACK else ADDRESS_UNDER_ATTACK
    counts = (
        (CounterKind.ADDRESS, group(address), patience),
        (CounterKind.NUMBER, str(number), NUMBER),
    )
    found = [_current(db, kind, name, now) for kind, name, _ in counts]
    for (kind, _, _), count in zip(counts, found, strict=True):
        if now < count.blocked_until:
            raise Locked(kind, count.blocked_until)
    for (kind, name, patience), count in zip(counts, found, strict=True):
        failures = count.failures + 1
        attempts.put(db, kind, name, Count(failures, count.since, now + patience.wait(failures)))
    attempts.put(db, CounterKind.ALL, "", Count(everyone.failures + 1, everyone.since, _NEVER))
    return found[1].failures + 1 == NUMBER.lock_at


def forgive(db: Database, number: RetrievalNumber, address: Address) -> None:
    """The guess just admitted was right. The caller has opened a writing transaction."""
    attempts.delete(db, CounterKind.NUMBER, str(number))
    attempts.take_back(db, CounterKind.ADDRESS, group(address))
    attempts.take_back(db, CounterKind.ALL, "")


def unlock(db: Database, number: RetrievalNumber) -> bool:
    """Forgets all wrong guesses at a number. Returns whether there were any."""
    return attempts.delete(db, CounterKind.NUMBER, str(number))


def forget_old(db: Database, now: datetime) -> None:
    """Forgets the counts that hold nothing back any more."""
    attempts.delete_old(db, now - WINDOW, now)


def group(address: Address) -> str:
    """What counts as one address: of IPv6 a /64, which is what one household or phone is given."""
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
