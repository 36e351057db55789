"""The numbers of a CA's CRLs never go back (RFC 5280 §5.2.3)."""

from __future__ import annotations

import pytest

from renrakucho_ca.model import Authority
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import hierarchies

from .stock import NOW, days

MILLISECONDS = int(NOW.timestamp()) * 1000


@pytest.fixture
def issuing(db: Database) -> Authority:
    return hierarchies.get(db, "new").issuing


def next_number(db: Database, authority: Authority, published: int = 0, ago: int = 0) -> int:
    with db.write():
        return hierarchies.next_crl_number(db, authority, NOW - days(ago), published)


def test_a_number_is_above_the_one_before_even_if_the_clock_was_set_back(
    db: Database, issuing: Authority
) -> None:
    first = next_number(db, issuing)
    assert first >= MILLISECONDS
    assert next_number(db, issuing) == first + 1
    assert next_number(db, issuing, ago=1000) == first + 2


def test_a_number_is_above_the_published_one(db: Database, issuing: Authority) -> None:
    published = 2 * MILLISECONDS
    assert next_number(db, issuing, published) == published + 1
    assert next_number(db, issuing) == published + 2


def test_a_crl_that_was_made_elsewhere_lowers_no_number(db: Database, issuing: Authority) -> None:
    high = 3 * MILLISECONDS
    for number in (high, 7):
        with db.write():
            hierarchies.take_crl(db, issuing, number, NOW, NOW + days(30))
    assert next_number(db, issuing) == high + 1


def test_each_ca_counts_for_itself(db: Database, issuing: Authority) -> None:
    root = hierarchies.get(db, "new").root
    next_number(db, issuing, 2 * MILLISECONDS)
    assert next_number(db, root) == MILLISECONDS
