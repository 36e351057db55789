"""What is read of a snapshot is the database of one moment, whoever writes meanwhile."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any

import pytest

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.store.sqlite import snapshot as snapshot_module
from renrakucho_ca.store.sqlite.snapshot import Snapshot
from tests.shared.waiting import PATIENCE

_PIECE = 100_000

Fault = Callable[[Path], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of some 2 MB, whose rows all say 'before'."""
    path = tmp_path / "db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE note (text, filling)")
        rows = [("before", os.urandom(1000)) for _ in range(2000)]
        connection.executemany("INSERT INTO note VALUES (?, ?)", rows)
    return path


@pytest.fixture
def file(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def overwrite(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
        connection.execute("UPDATE note SET text = 'after', filling = 'x'")


def rest(snapshot: Snapshot) -> bytes:
    return b"".join(iter(lambda: snapshot.read(_PIECE), b""))


def texts(content: bytes, folder: Path) -> list[tuple[str, int]]:
    found = folder / "found"
    found.write_bytes(content)
    with closing(sqlite3.connect(found)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute("SELECT text, count(*) FROM note GROUP BY text").fetchall()


def test_a_writer_waits_until_the_last_byte_is_read_and_no_longer(
    path: Path, file: int, tmp_path: Path
) -> None:
    before = path.read_bytes()
    with Snapshot(path, file, tmp_path / "spare", held=60) as snapshot:
        first = snapshot.read(_PIECE)
        writer = Thread(target=overwrite, args=(path,))
        writer.start()
        writer.join(0.3)
        assert writer.is_alive()
        assert first + rest(snapshot) == before
        writer.join(PATIENCE)
        assert not writer.is_alive()
    assert path.read_bytes() != before


def test_a_reader_that_is_held_up_keeps_writers_waiting_for_so_long_and_still_reads_the_old(
    path: Path, file: int, tmp_path: Path
) -> None:
    before = path.read_bytes()
    start = monotonic()
    with Snapshot(path, file, tmp_path / "spare", held=0.2) as snapshot:
        first = snapshot.read(_PIECE)
        overwrite(path)
        assert monotonic() - start > 0.1
        content = first + rest(snapshot)
    assert content == before
    assert texts(content, tmp_path) == [("before", 2000)]


def test_a_snapshot_in_wal_mode_reads_the_log_without_blocking(
    path: Path, file: int, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("PRAGMA journal_mode = WAL")
        holder.execute("INSERT INTO note VALUES ('in the log', '')")
        with Snapshot(path, file, tmp_path / "spare", held=60) as snapshot:
            overwrite(path)
            content = rest(snapshot)
        assert texts(content, tmp_path) == [("before", 2000), ("in the log", 1)]


def no_room(spare: Path) -> None:
    spare.mkdir()  # in its place no file can be made


def no_descriptor(spare: Path) -> None:
    raise sqlite3.OperationalError("unable to open database file")


def no_memory(spare: Path) -> None:
    raise MemoryError


@pytest.mark.parametrize("fault", [no_room, no_descriptor, no_memory])
def test_where_the_rest_cannot_be_copied_nothing_that_was_written_since_is_read(
    path: Path, file: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    real = snapshot_module.nameless

    def nameless(spare: Path) -> tuple[int, sqlite3.Connection]:
        fault(spare)
        return real(spare)

    monkeypatch.setattr(snapshot_module, "nameless", nameless)
    before = path.read_bytes()
    with Snapshot(path, file, tmp_path / "spare", held=0.2) as snapshot:
        first = snapshot.read(_PIECE)
        overwrite(path)
        with pytest.raises((OSError, Unavailable, MemoryError)):
            rest(snapshot)
    assert before.startswith(first)


@pytest.mark.parametrize("takes", [False, True], ids=["gone", "taken"])
def test_a_name_that_another_run_wants_too_is_no_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, takes: bool
) -> None:
    """Such as two doctors': one would find nothing wrong in a file that is empty."""
    spare = tmp_path / "spare"

    def connect(path: Path, **options: Any) -> sqlite3.Connection:
        spare.unlink()
        if takes:
            spare.touch()
        opened: sqlite3.Connection = real(path, **options)
        return opened

    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", connect)
    with pytest.raises(FileExistsError):
        snapshot_module.nameless(spare)
    assert not spare.exists()


def test_an_abandoned_snapshot_releases_its_lock_and_leaves_no_file(
    path: Path, file: int, tmp_path: Path
) -> None:
    (tmp_path / "spare").write_bytes(b"left by a run that died")
    with Snapshot(path, file, tmp_path / "spare", held=60) as snapshot:
        snapshot.read(_PIECE)
    overwrite(path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["db"]


def test_a_file_that_is_no_database_is_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"nothing of the kind" * 100)
    descriptor = os.open(tmp_path / "db", os.O_RDONLY)
    with pytest.raises(Unavailable, match="damaged"):
        Snapshot(tmp_path / "db", descriptor, tmp_path / "spare").__enter__()
    os.close(descriptor)
