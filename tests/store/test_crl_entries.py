"""A CA's entries leave the store as they were put in, byte for byte, however many there are."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest

from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import hierarchies


@pytest.mark.parametrize("count", [0, 1, 10_000, 10_001, 20_000, 30_017])
def test_crl_entries_are_in_certificate_order_for_any_bytes(
    path: Path, db: Database, count: int
) -> None:
    random = Random(count)
    entries = {
        random.randrange(-(2**62), 2**62): b"\0" + random.randbytes(random.randrange(1, 60))
        for _ in range(count)
    }
    (hierarchy, *_) = hierarchies.all_of(db)
    root, issuing = hierarchy.authorities
    with closing(sqlite3.connect(path)) as other, other:
        rows = [(issuing.id, number, der) for number, der in entries.items()]
        rows += [(root.id, number, b"of another CA") for number in list(entries)[:3]]
        other.executemany("INSERT INTO crl_entry VALUES (?, ?, ?)", rows)
    with db.read():
        found = hierarchies.crl_entries(db, issuing)
    assert b"".join(found) == b"".join(entries[each] for each in sorted(entries))


def test_the_entries_of_ca_certificates_come_last(path: Path, db: Database) -> None:
    (hierarchy, *_) = hierarchies.all_of(db)
    issuing = hierarchy.issuing
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("INSERT INTO crl_entry VALUES (?, 7, x'3001')", (issuing.id,))
        other.execute(
            "INSERT INTO ca_certificate (authority, serial, subject, at, not_after, revoked_at,"
            " revocation_reason, crl_entry)"
            " VALUES (?, '1a', 'CN=x', 1, 2, 1, 'superseded', x'3002')",
            (issuing.id,),
        )
    with db.read():
        found = hierarchies.crl_entries(db, issuing)
    assert b"".join(found) == b"\x30\x01\x30\x02"


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_entries_are_of_one_moment_however_many_connections_read_them(
    path: Path, db: Database, mode: str
) -> None:
    (hierarchy, *_) = hierarchies.all_of(db)
    issuing = hierarchy.issuing
    insert = "INSERT INTO crl_entry VALUES (?, ?, ?)"
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
        other.execute(f"PRAGMA journal_mode = {mode}")
        other.executemany(insert, [(issuing.id, 1, b"first"), (issuing.id, 10**6, b"last")])
        with db.read():
            state = hierarchies.crl_state(db, issuing)
            with suppress(sqlite3.OperationalError):  # in WAL mode nobody has to wait
                other.execute(insert, (issuing.id, 999_999, b"later"))
            found = hierarchies.crl_entries(db, issuing)
            assert hierarchies.crl_state(db, issuing) == state
        assert b"".join(found) == b"firstlast"
        other.execute(insert, (issuing.id, 999_998, b"nobody reads any more"))


@pytest.mark.parametrize("count", [100_001, 100_002, 100_003])
def test_every_entry_is_there_where_two_connections_read_a_half_each(
    path: Path, db: Database, count: int
) -> None:
    """Without a gap in the ids, so that the entry in the middle is missed if nobody reads it."""
    (hierarchy, *_) = hierarchies.all_of(db)
    issuing = hierarchy.issuing
    with closing(sqlite3.connect(path)) as other, other:
        rows = ((issuing.id, number, number.to_bytes(4)) for number in range(1, count + 1))
        other.executemany("INSERT INTO crl_entry VALUES (?, ?, ?)", rows)
    with db.read():
        found = b"".join(hierarchies.crl_entries(db, issuing))
    assert found == b"".join(number.to_bytes(4) for number in range(1, count + 1))
