"""A full disk, a failing disk, a disk that cannot be written: one line, exit 7, nothing lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shared.runner import Workspace
from tests.shared.small_disk import fill, small_disk
from tests.shared.soundness import check_secrets, check_settled
from tests.shared.system_calls import calls, failing_at, some


@pytest.mark.needs("strace")
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("command", ["issue", "export", "revoke", "publish"])
def test_a_call_that_fails_loses_nothing(
    rca: Workspace, tmp_path: Path, command: str, error: str
) -> None:
    number = rca.issue()["number"]
    arguments = {
        "issue": ("issue", "--device", "mac", "--user", "sato"),
        "export": ("export", number, "--out", "out"),
        "revoke": ("revoke", number),
        "publish": ("publish",),
    }[command]
    for nth, call in enumerate(some(calls(rca.copy(tmp_path / "all"), *arguments), 2)):
        spoiled = rca.copy(tmp_path / f"{nth:03}")
        result = failing_at(call, error, spoiled, *arguments)
        if result.code != 0:
            assert (result.code, bool(result.complaint)) == (7, True), (call.text, result)
            # Exit 4: the disk failed when all was done, and only its being durable was in doubt.
            assert spoiled(*arguments).code in (0, 4), call.text
        if command == "export":
            assert [path.name for path in (spoiled.folder / "out").iterdir()] == [f"{number}.p12"]
        if command == "revoke":
            assert spoiled.show(number)["status"] == "revoked"
        check_settled(spoiled)
        check_secrets(spoiled)


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "512k") as disk:
        yield disk


def test_a_file_that_does_not_fit_can_be_exported_later(rca: Workspace, small_disk: Path) -> None:
    number = rca.issue()["number"]
    fill(small_disk)
    result = rca("export", number, "--out", str(small_disk / "out"))
    assert result.code == 7
    assert "No space left" in result.complaint
    assert f"{number} can still be exported" in result.err
    (small_disk / "fill").unlink()
    assert rca("export", number, "--out", str(small_disk / "out")).code == 0
    assert [path.name for path in (small_disk / "out").iterdir()] == [f"{number}.p12"]


def test_a_home_on_a_full_disk_goes_on_when_there_is_room(
    empty: Workspace, small_disk: Path
) -> None:
    home = small_disk / "home"
    assert empty("init", home=home).code == 0
    assert empty("hierarchy", "create", "new", home=home).code == 0
    fill(small_disk)
    for command in (
        ("issue", "--device", "mac", "--user", "x"),
        ("publish",),
        ("user", "add", "y"),
    ):
        result = empty(*command, home=home)
        assert (result.code, bool(result.complaint)) == (7, True), result
    assert empty("list", home=home).code == 0
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    assert empty("issue", "--device", "mac", "--user", "x", home=home).code == 0
    assert empty("publish", home=home).code == 0


def test_init_on_a_full_disk_is_finished_when_there_is_room(
    empty: Workspace, small_disk: Path
) -> None:
    fill(small_disk)
    result = empty("init", home=small_disk / "home")
    assert (result.code, bool(result.complaint)) == (7, True)
    (small_disk / "fill").unlink()
    assert empty("init", home=small_disk / "home").code == 0
    assert empty("hierarchy", "create", "new", home=small_disk / "home").code == 0


# Not even root gets past the mode of a file without these capabilities.
COMMON_USER = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]
COMMON_USER = [*COMMON_USER, "--inh-caps=-all"] if os.geteuid() == 0 else []


@pytest.mark.needs("setpriv")
def test_a_store_that_cannot_be_written_can_be_read(rca: Workspace) -> None:
    number = rca.issue()["number"]
    store = rca.home / "ca-store"
    for path in (store, *store.rglob("*")):
        path.chmod(0o500 if path.is_dir() else 0o400)
    for reading in (("list",), ("show", number), ("user", "list"), ("audit", "log")):
        assert rca(*reading, before=COMMON_USER).code == 0
    for writing in (
        # Who looked at a password is recorded, or nobody looks at it.
        ("show", number, "--reveal"),
        ("issue", "--device", "mac", "--user", "x"),
        ("export", number, "--out", "out"),
        ("revoke", number),
        ("hold", number),
        ("publish",),
        ("user", "add", "y"),
        ("hierarchy", "create", "old"),
        ("hierarchy", "retire", "new", "--yes"),
    ):
        result = rca(*writing, before=COMMON_USER)
        assert (result.code, bool(result.complaint)) == (7, True), result
    assert rca.show(number)["status"] == "issued"


@pytest.mark.needs("setpriv")
@pytest.mark.parametrize("closed", ["home", "home/ca-store", "passphrase"])
def test_an_unreadable_file_is_unavailable(rca: Workspace, closed: str) -> None:
    (rca.folder / closed).chmod(0)
    result = rca("issue", "--device", "mac", "--user", "x", before=COMMON_USER)
    (rca.folder / closed).chmod(0o700)
    assert result.code == 7
    assert "Permission denied" in result.complaint
