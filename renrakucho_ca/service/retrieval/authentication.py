"""Authenticate by number and password; a correct attempt gets a short-lived link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from renrakucho_ca.bundle import password
from renrakucho_ca.errors import NotFound, RcaError, Refused
from renrakucho_ca.model import RetrievalNumber, Status
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.retrieval import download, rate_limit
from renrakucho_ca.service.retrieval.rate_limit import Locked
from renrakucho_ca.store.tables import certificates

VISIT_LIFETIME = timedelta(minutes=30)
"""Lifetime of the link for number and password: enough for an interruption."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: the number, the password as typed, and the client's address."""

    number: RetrievalNumber
    typed: str
    address: rate_limit.Address


class Wrong(Refused):
    """Number or password is wrong, or the certificate can no longer be downloaded.

    Attributes:
        locks: whether this attempt locked its number. `lockout_alert` runs after the answer, since
            its duration would reveal whether the number exists.
    """

    def __init__(self, *, locks: bool) -> None:
        super().__init__("number or password is wrong, or the certificate cannot be had any more")
        self.locks = locks


def verify(home: Home, attempts: Sequence[Attempt]) -> list[str | RcaError]:
    """Verify a group of attempts; return a link's token, Wrong or Locked for each.

    One transaction counts all attempts, a second makes the links. Unknown, wrong, downloaded, held,
    revoked and expired give the same answer in the same time: each computes a password hash.
    """
    now = home.clock()
    with home.db.write():
        counted = [_count(home, attempt, now) for attempt in attempts]
    answers: list[str | RcaError] = [
        each if isinstance(each, Locked) else Wrong(locks=each) for each in counted
    ]
    right = [
        n
        for n, (attempt, each) in enumerate(zip(attempts, counted, strict=True))
        if not isinstance(each, Locked) and _is_right(home, attempt, now)
    ]
    if right:
        with home.db.write():
            for n in right:
                rate_limit.forgive(home.db, attempts[n].number, attempts[n].address)
                answers[n] = download.make_link(home, attempts[n].number, VISIT_LIFETIME)
    return answers


def _count(home: Home, attempt: Attempt, now: datetime) -> bool | Locked:
    try:
        return rate_limit.admit(home.db, attempt.number, attempt.address, now)
    except Locked as locked:
        return locked


def _is_right(home: Home, attempt: Attempt, now: datetime) -> bool:
    try:
        can_be_had = certificates.get(home.db, attempt.number).status(now) is Status.ISSUED
    except NotFound:
        can_be_had = False
    bundle = certificates.bundle(home.db, attempt.number)
    password_hash = _UNKNOWN if bundle is None else bundle.password_hash
    is_right = password.verify(password_hash, password.fold(attempt.typed))
    return is_right and can_be_had and bundle is not None


_UNKNOWN = password.hash("", bytes)
"""The hash for attempts at unknown numbers, so that they take equal time."""
