"""What is recorded of a user: the fields that are given, and whether that was new."""

from __future__ import annotations

import pytest

from renrakucho_ca.model import User
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import users

FIELDS = ("name", "email", "facility", "network")
KNOWN = User("hanako", "佐藤 花子", "hanako@example.jp", "見本訪問看護", "見本市")


def put(db: Database, user: User) -> bool:
    with db.write():
        return users.put(db, user)


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_alone_is_a_change_and_leaves_the_others(db: Database, field: str) -> None:
    assert put(db, KNOWN)
    other = User("hanako", **{field: "other@example.jp"})
    merged = users.merged(db, other)
    assert put(db, other)
    found = users.get(db, "hanako")
    assert found == merged
    assert {each: getattr(found, each) for each in FIELDS} == {
        each: "other@example.jp" if each == field else getattr(KNOWN, each) for each in FIELDS
    }
    assert not put(db, other)


def test_known_or_absent_fields_are_no_change(db: Database) -> None:
    assert put(db, KNOWN)
    assert not put(db, KNOWN)
    assert not put(db, User("hanako"))
    assert users.get(db, "hanako") == KNOWN


def test_users_are_listed_by_facility_and_network(db: Database) -> None:
    for name in ("a", "b", "c"):
        put(db, User(name, facility=f"facility {name}", network="x" if name == "c" else "y"))
    assert [each.id for each in users.stream(db)] == ["a", "b", "c"]
    assert [each.id for each in users.stream(db, facility="facility b")] == ["b"]
    assert [each.id for each in users.stream(db, network="y")] == ["a", "b"]
    assert [each.id for each in users.stream(db, facility="facility c", network="y")] == []
