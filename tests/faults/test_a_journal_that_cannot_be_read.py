"""What lies in the journal's place and cannot be read: it is told, and there is a way on."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.shared.runner import Result, Workspace
from tests.shared.system_calls import read_fault


def folder(path: Path) -> None:
    path.mkdir()
    (path / "within").touch()


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        # The path of a socket has 107 octets at most.
        descriptor = os.open(path.parent, os.O_PATH)
        made.bind(f"/proc/self/fd/{descriptor}/{path.name}")
        os.close(descriptor)


@pytest.mark.parametrize("kind", [folder, os.mkfifo, listening])
def test_a_special_file_in_place_of_the_journal_is_reported_and_set_aside(
    rca: Workspace, kind: object
) -> None:
    journal = rca.home / "ca-store" / "journal"
    kept = journal.read_bytes()
    journal.unlink()
    assert callable(kind)
    kind(journal)
    check_refused(rca)
    check_way_on(rca)
    assert journal.read_bytes().startswith(kept)


@pytest.mark.needs("strace")
def test_a_journal_with_read_errors_is_reported_and_set_aside(rca: Workspace) -> None:
    journal = rca.home / "ca-store" / "journal"
    before = read_fault(journal)
    check_refused(rca, *before)
    check_way_on(rca, *before)


def check_refused(rca: Workspace, *before: str) -> None:
    """What needs no journal goes on."""
    journal = rca.home / "ca-store" / "journal"
    result = rca("issue", "--device", "mac", "--user", "sato", before=before)
    assert result.code == 7
    assert result.complaint.endswith("cannot be read")
    assert "rca: hint: run `rca restore` to see the reason" in result.err
    verified = rca("audit", "verify", before=before)
    assert (verified.code, str(journal) in verified.err) == (8, True), verified
    assert rca("user", "add", "suzuki", before=before).code == 0
    assert rca("publish", before=before).code == 0
    assert rca("list", before=before).code == 0
    restored = rca("restore", before=before)
    assert (restored.code, str(journal) in restored.complaint) == (5, True), restored
    assert "--without-journal" in restored.err


def check_way_on(rca: Workspace, *before: str) -> None:
    done = rca("restore", "--without-journal", "--yes", "--format", "json", before=before)
    assert Path(done.json["set_aside"]).name.startswith("journal.")
    assert sound(rca("audit", "verify"))
    rca.issue()
    assert sound(rca("audit", "verify"))


def sound(result: Result) -> bool:
    return result.code == 0
