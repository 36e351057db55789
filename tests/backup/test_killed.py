"""A backup or restore that dies, or finds the disk full, at a chosen system call."""

from __future__ import annotations

from pathlib import Path

import pytest
from dying import calls, failing_at, killed_at, some
from soundness import check_secrets
from terminal import Terminal


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """A home with a certificate, and a backup of it beside."""
    rca = Terminal(tmp_path_factory.mktemp("made"))
    for command in (("init",), ("hierarchy", "create", "new"), ("publish",)):
        assert rca(*command).code == 0
    rca.issue()
    assert rca("backup", "saved").code == 0
    return rca


def left_over(rca: Terminal) -> list[str]:
    return [
        path.name
        for path in rca.folder.rglob("*")
        if path.name.endswith((".tmp", "-journal")) or path.name.startswith(".backup")
    ]


@pytest.mark.needs("strace")
def test_a_backup_that_is_killed_leaves_nothing_or_is_whole(made: Terminal, tmp_path: Path) -> None:
    for nth, call in enumerate(some(calls(made.copy(tmp_path / "all"), "backup", "b"), 3)):
        rca = made.copy(tmp_path / f"{nth}")
        killed_at(call, rca, "backup", "b")
        there = rca.folder / "b"
        assert not there.exists() or rca("backup", "--verify", "b").code == 0, call
        check_secrets(rca)
        assert rca("backup", "b").code == 0
        assert rca("backup", "--verify", "b").code == 0
        assert left_over(rca) == []


@pytest.mark.needs("strace")
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_a_backup_on_a_disk_that_fails_keeps_the_old_one(
    made: Terminal, tmp_path: Path, error: str
) -> None:
    written = calls(made.copy(tmp_path / "all"), "backup", "b")
    for nth, call in enumerate(some(written, 2)):
        rca = made.copy(tmp_path / f"{nth}")
        (rca.folder / "b").write_bytes(b"old")
        result = failing_at(call, error, rca, "backup", "b")
        if result.code != 0:
            assert (result.code, bool(result.complaint)) == (7, True), (call.text, result)
        assert rca("backup", "b").code == 0
        assert left_over(rca) == []


@pytest.mark.needs("strace")
def test_a_restore_that_is_killed_is_seen_to_be_and_completes(
    made: Terminal, tmp_path: Path
) -> None:
    command = ("restore", str(made.folder / "saved"), "--yes")
    whole = Terminal(folder(tmp_path / "all"))
    for nth, call in enumerate(some(calls(whole, *command), 8)):
        rca = Terminal(folder(tmp_path / f"{nth}"))
        killed_at(call, rca, *command)
        if rca("list").code == 0:
            # All was in place: it is a home, and one is not restored over another.
            assert rca(*command).code == 4, call
        else:
            assert rca(*command).code == 0, call
        assert rca("restore").code == 0
        assert rca("issue", "--device", "mac", "--user", "x").code == 6
        assert rca("restore", "--without-journal", "--yes").code == 0
        rca.issue()
        check_secrets(rca)
        assert list((rca.home / "ca-store").glob(".restore")) == []


def folder(path: Path) -> Path:
    path.mkdir()
    return path
