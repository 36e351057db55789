"""Opening, transactions, and SQLite's errors as ours."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import NoReturn

import pytest

from renrakucho_ca.errors import Conflict, NotFound, RcaError, Unavailable
from renrakucho_ca.store.sqlite import snapshot
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.sqlite.opening import SCHEMA_VERSION
from renrakucho_ca.store.tables import certificates, listing, users

from .stock import CERTIFICATE, add, numbered, revoked

PROCESSES = 20
OPEN = """
import sys
from pathlib import Path
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import hierarchies
sys.stdin.read()
db = Database.open(Path(sys.argv[1]))
print(len(hierarchies.all_of(db)), db.row("PRAGMA integrity_check")[0])
"""


def count(db: Database, table: str) -> int:
    row = db.row(f"SELECT count(*) FROM {table}")
    assert row is not None
    found: int = row[0]
    return found


def test_twenty_processes_that_open_a_brand_new_store_at_once_all_succeed(path: Path) -> None:
    path.touch(mode=0o600)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    said = [process.communicate() for process in started]
    assert said == [("0 ok\n", "")] * PROCESSES


def test_only_the_owner_can_read_the_database_and_its_journal(db: Database, path: Path) -> None:
    with db.write():
        add(db, CERTIFICATE)
        journal = path.with_name("rca.sqlite-journal")
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (path, journal)}
    assert modes == {"rca.sqlite": 0o600, "rca.sqlite-journal": 0o600}
    assert not journal.exists()


def test_the_rules_of_a_connection_are_switched_on(db: Database) -> None:
    def pragma(name: str) -> object:
        row = db.row(f"PRAGMA {name}")
        assert row is not None
        return row[0]

    assert pragma("journal_mode") == "delete"
    assert pragma("synchronous") == 3  # EXTRA
    assert pragma("foreign_keys") == 1
    assert pragma("secure_delete") == 1
    assert pragma("trusted_schema") == 0


# -- transactions


def test_a_transaction_is_all_or_nothing(db: Database) -> None:
    def fail_halfway() -> None:
        with db.write():
            add(db, CERTIFICATE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert count(db, "certificate") == 0


def test_a_reading_transaction_sees_one_moment(db: Database, path: Path) -> None:
    """A CRL's entries and the count of changes that it carries must belong together."""
    with db.write():
        add(db, CERTIFICATE)
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    with db.read():
        before = count(db, "crl_entry")
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO crl_entry VALUES (4, 1, x'00')")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("COMMIT")
        assert count(db, "crl_entry") == before == 0
    other.execute("COMMIT")
    assert count(db, "crl_entry") == 1


def test_where_no_copy_can_be_opened_the_database_itself_is_read(
    db: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> NoReturn:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(snapshot, "nameless", refuse)
    with db.apart(path.with_name("spare")) as read:
        assert count(read, "user") == 0


def test_read_then_write_never_fails_for_another_writer(path: Path, db: Database) -> None:
    """Each reads, then writes: under a deferred BEGIN all but one would fail with "locked"."""
    failures: list[BaseException] = []

    def work(name: int) -> None:
        mine = Database.open(path)
        try:
            for i in range(10):
                with mine.write():
                    total = count(mine, "user")
                    mine.insert("user", {"id": f"{name}-{i}", "name": str(total)})
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    # Nobody read what another was about to change.
    assert sorted(int(user.name or -1) for user in users.stream(db)) == list(range(40))


def test_a_full_disk_rolls_back_the_transaction_even_if_its_error_is_caught(
    db: Database,
) -> None:
    """As a batch does: one item fails, the others go on. Half a revocation must not stay."""
    numbers = range(30_000_000, 30_000_200)
    with db.write():
        for number in numbers:
            add(db, numbered(number))
    page_count = db.row("PRAGMA page_count")
    assert page_count is not None
    db.execute(f"PRAGMA max_page_count = {page_count[0] + 2}")
    caught = []

    def revoke_all() -> None:
        with db.write():
            for number in numbers:
                try:
                    certificates.revoke(
                        db, [numbered(number).number], revoked(), lambda _: bytes(500)
                    )
                except RcaError as error:
                    caught.append(error)

    with pytest.raises(Unavailable, match="the disk is full"):
        revoke_all()
    assert 0 < len(caught) < 200
    assert count(db, "crl_entry") == 0
    assert count(db, "certificate WHERE revoked_at IS NOT NULL") == 0
    assert count(db, "bundle") == 200


def test_after_a_failed_transaction_the_next_one_works(db: Database) -> None:
    page_count = db.row("PRAGMA page_count")
    assert page_count is not None
    db.execute(f"PRAGMA max_page_count = {page_count[0]}")
    with pytest.raises(Unavailable), db.write():
        db.insert("user", {"id": "long", "name": "n" * 100_000})
    db.execute("PRAGMA max_page_count = 100000")
    with db.write():
        db.insert("user", {"id": "long", "name": "n" * 100_000})
    assert count(db, "user") == 1


# -- errors


def test_a_store_that_is_not_there_is_not_made(path: Path) -> None:
    with pytest.raises(NotFound, match="no store"):
        Database.open(path)
    assert not path.exists()


def test_a_store_is_made_once(db: Database, path: Path) -> None:
    with pytest.raises(Conflict, match="exists"):
        Database.create(path)


@pytest.mark.usefixtures("db")
def test_a_writer_that_times_out_gets_store_busy(path: Path) -> None:
    db = Database.open(path, wait=0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="busy"), db.write():
        pass
    other.execute("ROLLBACK")
    with db.write():
        pass


def test_a_read_only_store_can_be_read_and_not_written(db: Database) -> None:
    db.execute("PRAGMA query_only = ON")
    with pytest.raises(Unavailable, match="read-only"), db.write():
        db.insert("user", {"id": "hanako"})
    assert count(db, "user") == 0


def test_a_folder_in_the_place_of_the_store_is_unavailable(path: Path) -> None:
    path.mkdir()
    with pytest.raises(Unavailable, match="cannot be opened"):
        Database.open(path)


def test_a_file_that_is_no_database_is_unavailable(path: Path) -> None:
    path.write_bytes(b"x" * 10_000)
    with pytest.raises(Unavailable, match="damaged"):
        Database.open(path)


def test_a_table_that_is_gone_is_damage_and_no_bug(db: Database) -> None:
    with db.write():
        db.execute("DROP TABLE guess")
    with pytest.raises(Unavailable, match="damaged"):
        db.row("SELECT * FROM guess")


def test_a_damaged_database_is_unavailable(db: Database, path: Path) -> None:
    with db.write():
        for number in range(30_000_000, 30_001_000):
            add(db, numbered(number))
    db.close()
    content = bytearray(path.read_bytes())
    content[20_000:-20_000] = os.urandom(len(content) - 40_000)
    path.write_bytes(content)
    with pytest.raises(Unavailable, match="damaged"):
        list(listing.stream(Database.open(path), listing.ListQuery(now=CERTIFICATE.issued_at)))


def test_a_store_of_a_newer_version_is_not_changed(db: Database, path: Path) -> None:
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(Unavailable, match="newer version"):
        Database.open(path)
    assert path.read_bytes() == before
