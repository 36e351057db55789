"""The proof by number and password: what is right opens a short link to the download."""

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
"""Of the link that number and password open: long enough to be called away from the page."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody says.

    Attributes:
        typed: the password as a person typed it.
        address: where it comes from.
    """

    number: RetrievalNumber
    typed: str
    address: rate_limit.Address


class Wrong(Refused):
    """Number or password is wrong, or the certificate cannot be had any more: told alike.

    Attributes:
        locks: whether this one has locked its number. The operator is told by `alarm`, but not
            before the guesser has his answer: it takes a while, and only if the number exists.
    """

    def __init__(self, *, locks: bool) -> None:
        super().__init__("number or password is wrong, or the certificate cannot be had any more")
        self.locks = locks


def verify(home: Home, attempts: Sequence[Attempt]) -> list[str | RcaError]:
    """Proves number and password for as many as ask at a moment: one durable transaction counts
    them all, and one more lets the right ones in.

    Unknown, wrong, downloaded, held, revoked and expired are told alike and take alike: a password
    hash is computed in any case.

    Returns:
        For each the token of a short link, or Wrong; or Locked: no guess is taken now.
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
"""What a guess at an unknown number is verified against: the same work. It has no secret, and need
not: whatever comes out, there is nothing to hand out."""
