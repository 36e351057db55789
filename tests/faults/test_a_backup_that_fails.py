"""A backup or a restore that dies, or whose disk is full or fails, at a chosen system call."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.shared.runner import Workspace
from tests.shared.soundness import check_secrets, check_settled
from tests.shared.system_calls import Call, calls, failing_at, fault, killed_at, some


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A home with a certificate, a backup of it beside, and one that was revoked since."""
    rca = Workspace(tmp_path_factory.mktemp("made"))
    for command in (("init",), ("hierarchy", "create", "new"), ("publish",)):
        assert rca(*command).code == 0
    rca.issue()
    assert rca("backup", "saved").code == 0
    assert rca("revoke", rca.issue()["number"]).code == 0
    return rca


def remaining(rca: Workspace) -> list[str]:
    return [
        path.name
        for path in rca.folder.rglob("*")
        if path.name.endswith((".tmp", "-journal")) or path.name.startswith(".backup")
    ]


@pytest.mark.needs("strace")
def test_a_killed_backup_leaves_no_file_or_a_complete_one(made: Workspace, tmp_path: Path) -> None:
    for nth, call in enumerate(some(calls(made.copy(tmp_path / "0"), "backup", "b"), 2), 1):
        rca = made.copy(tmp_path / f"{nth}")
        killed_at(call, rca, "backup", "b")
        there = rca.folder / "b"
        assert not there.exists() or rca("backup", "--verify", "b").code == 0, call
        check_secrets(rca)
        assert rca("backup", "b").code == 0
        assert rca("backup", "--verify", "b").code == 0
        assert remaining(rca) == []


@pytest.mark.needs("strace")
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_a_backup_on_a_disk_that_fails_keeps_the_old_one(
    made: Workspace, tmp_path: Path, error: str
) -> None:
    written = calls(made.copy(tmp_path / "0"), "backup", "b")
    for nth, call in enumerate(some(written, 2), 1):
        rca = made.copy(tmp_path / f"{nth}")
        (rca.folder / "b").write_bytes(b"old")
        result = failing_at(call, error, rca, "backup", "b")
        if result.code != 0:
            assert (result.code, bool(result.complaint)) == (7, True), (call.text, result)
        is_old = (rca.folder / "b").read_bytes() == b"old"
        assert is_old or rca("backup", "--verify", "b").code == 0, call.text
        assert rca("backup", "b").code == 0
        assert rca("backup", "--verify", "b").code == 0
        assert remaining(rca) == []


@pytest.mark.needs("strace")
@pytest.mark.parametrize("ends", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_verifying_a_backup_without_a_home_removes_the_unpacked_files(
    made: Workspace, tmp_path: Path, ends: signal.Signals
) -> None:
    rca = made.copy(tmp_path / "made")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(made.folder / "saved", elsewhere)
    unpacking = Call("fsync", 3, "")
    command = ("backup", "--verify", str(elsewhere / "saved"))
    result = rca(*command, home=elsewhere / "none", before=fault(unpacking, f"signal={ends.name}"))
    assert result.code in (-ends, 128 + ends)
    assert [path.name for path in elsewhere.iterdir()] == ["saved"]


def restoring(made: Workspace) -> tuple[str, ...]:
    return ("restore", str(made.folder / "saved"), "--yes")


@pytest.mark.needs("strace")
def test_a_restore_that_is_killed_is_seen_to_be_and_completes(
    made: Workspace, tmp_path: Path
) -> None:
    command = restoring(made)
    for nth, call in enumerate(some(calls(lost(made, tmp_path / "0"), *command), 3), 1):
        rca = lost(made, tmp_path / f"{nth}")
        killed_at(call, rca, *command)
        check_secrets(rca)
        check_restored(rca, command)


@pytest.mark.needs("strace")
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_a_restore_on_a_failing_disk_reports_it_and_completes(
    made: Workspace, tmp_path: Path, error: str
) -> None:
    command = restoring(made)
    for nth, call in enumerate(some(calls(lost(made, tmp_path / "0"), *command), 1), 1):
        rca = lost(made, tmp_path / f"{nth}")
        result = failing_at(call, error, rca, *command)
        if result.code != 0:
            assert (result.code, bool(result.complaint)) == (7, True), (call.text, result)
        check_restored(rca, command)


def check_restored(rca: Workspace, command: Sequence[str]) -> None:
    """It is a home or none, and then the same command makes it; nothing is forgotten."""
    # Exit 4: all was in place, and one is not restored over another.
    assert rca(*command).code in (0, 4)
    assert rca("restore").code == 0
    records = rca("list", "--all", "--format", "json").json
    assert [record["status"] for record in records] == ["issued", "revoked"]
    rca.issue()
    assert rca("audit", "verify").code == 0
    check_settled(rca)
    check_secrets(rca)
    assert list((rca.home / "ca-store").glob(".restore*")) == []


def lost(made: Workspace, folder: Path) -> Workspace:
    """A terminal where a home has lost its database and its keys."""
    rca = made.copy(folder)
    for path in ("rca.yaml", "profiles", "ca-store/rca.sqlite", "ca-store/keys"):
        gone = rca.home / path
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    return rca
