"""A pending issuance takes a number, a serial and a place as successor that nothing else has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from renrakucho_ca.errors import Conflict
from renrakucho_ca.model import RetrievalNumber
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import hierarchies, pending_issuance, users

from .stock import CERTIFICATE, add, numbered, pending

SERIAL = CERTIFICATE.serial


@pytest.fixture
def stocked(db: Database) -> Database:
    """One certificate of `new`, and one more that has a successor."""
    with db.write():
        add(db, CERTIFICATE)
        before = numbered(20_000_000)
        add(db, before)
        add(db, numbered(20_000_001, supersedes=before.number))
    return db


def put(
    db: Database,
    number: int,
    serial: int,
    supersedes: RetrievalNumber | None = None,
    hierarchy: str = "new",
) -> bool:
    issuing = hierarchies.get(db, hierarchy).issuing
    with db.write():
        users.put(db, CERTIFICATE.user)
        one = replace(pending(number, serial, supersedes), authority=issuing.id)
        return pending_issuance.put_pending(db, one)


def test_neither_number_nor_serial_of_a_certificate_is_used_again(stocked: Database) -> None:
    assert not put(stocked, int(CERTIFICATE.number), 0xABCDEF)
    assert not put(stocked, 30_000_000, SERIAL)
    assert put(stocked, 30_000_000, 0xABCDEF)


def test_neither_number_nor_serial_of_a_pending_issuance_is_used_again(stocked: Database) -> None:
    assert put(stocked, 30_000_000, 0xABCDEF)
    assert not put(stocked, 30_000_000, 0xABCDF0)
    assert not put(stocked, 30_000_001, 0xABCDEF)
    assert put(stocked, 30_000_001, 0xABCDF0)


def test_a_serial_is_of_one_ca_alone(stocked: Database) -> None:
    assert put(stocked, 30_000_000, SERIAL, hierarchy="old")


def test_a_certificate_gets_one_successor(stocked: Database) -> None:
    with pytest.raises(Conflict, match="20000001"):
        put(stocked, 30_000_000, 0xABCDEF, supersedes=numbered(20_000_000).number)
    assert put(stocked, 30_000_001, 0xABCDF0, supersedes=CERTIFICATE.number)
    with pytest.raises(Conflict, match="30000001"):
        put(stocked, 30_000_002, 0xABCDF1, supersedes=CERTIFICATE.number)
