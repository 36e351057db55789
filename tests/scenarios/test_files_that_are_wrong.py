"""Keys, databases, settings and paths that are lost, cut off, exchanged, endless or no files."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shared.runner import Workspace

ISSUE = ("issue", "--device", "mac", "--user", "x")

Spoil = Callable[[Path], object]


def cut_off(path: Path) -> None:
    os.truncate(path, 20)


def empty_it(path: Path) -> None:
    os.truncate(path, 0)


def lose(path: Path) -> None:
    path.unlink()


def make_endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def fill_with_noise(path: Path) -> None:
    path.write_bytes(b"\xff\x00noise" * 5000)


def exchange(path: Path) -> None:
    """With the key of the other hierarchy, under the same passphrase."""
    shutil.copy(path.with_name("old-issuing.key"), path)


@pytest.fixture(scope="module")
def two(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    rca = workspace.copy(tmp_path_factory.mktemp("two") / "work")
    assert rca("hierarchy", "create", "old").code == 0
    return rca


@pytest.mark.parametrize(
    ("key", "spoil"),
    [
        ("new-issuing.key", lose),
        ("new-issuing.key", cut_off),
        ("new-issuing.key", exchange),
        ("reveal.key", lose),
        ("reveal.key", empty_it),
        ("reveal.key", make_endless),
        ("bundle.key", cut_off),
        ("bundle.key", make_endless),
        ("bundle.key", exchange),
    ],
)
def test_a_key_that_is_wrong_is_exit_7_and_nothing_is_issued(
    two: Workspace, tmp_path: Path, key: str, spoil: Spoil
) -> None:
    rca = two.copy(tmp_path / "work")
    keys = rca.home / "ca-store" / "keys"
    spoil(keys / key)
    result = rca(*ISSUE)
    assert (result.code, bool(result.complaint)) == (7, True)
    assert rca("list", "--all", "--format", "json").json == []
    (keys / key).unlink(missing_ok=True)
    shutil.copy(two.home / "ca-store" / "keys" / key, keys / key)
    assert rca(*ISSUE).code == 0


@pytest.mark.parametrize(
    "file",
    [
        "journal",
        "keys/new-issuing.key",
        "keys/reveal.key",
        "keys/bundle.key",
        "crl/new-issuing.crl",
        "ocsp/new-issuing.ocsp",
    ],
)
def test_no_command_waits_for_a_pipe_in_the_store(
    two: Workspace, tmp_path: Path, file: str
) -> None:
    rca = two.copy(tmp_path / "work")
    assert rca("publish").code == 0
    make_pipe(rca.home / "ca-store" / file)
    for command in (ISSUE, ("publish",), ("doctor",), ("backup", "backup")):
        result = rca(*command)
        # Not every command reads every file.
        assert result.code == 0 or (result.code in (7, 8) and result.complaint)


def test_a_lost_bundle_key_is_not_replaced_by_another(rca: Workspace) -> None:
    """With another one, what waits for its download could never be opened."""
    number = rca.issue()["number"]
    key = rca.home / "ca-store" / "keys" / "bundle.key"
    kept = key.read_bytes()
    key.unlink()
    assert rca("export", number, "--out", "out").code == 7
    assert not key.exists()
    key.write_bytes(kept)
    assert rca("export", number, "--out", "out").code == 0


@pytest.mark.parametrize(
    ("passphrase", "command"),
    [
        ("wrong", ISSUE),
        ("wrong", ("hierarchy", "create", "old")),
        ("wrong", ("publish",)),
        ("", ISSUE),
        ("x" * 1025, ISSUE),
    ],
)
def test_another_passphrase_is_exit_7_and_changes_nothing(
    rca: Workspace, passphrase: str, command: tuple[str, ...]
) -> None:
    before = {path: path.read_bytes() for path in rca.home.rglob("*") if path.is_file()}
    rca.passphrase.write_text(passphrase)
    result = rca(*command)
    assert (result.code, bool(result.complaint)) == (7, True)
    after = {path: path.read_bytes() for path in rca.home.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before
    assert all(path.suffix == ".lock" for path in after.keys() - before.keys())


@pytest.mark.parametrize(
    "spoil", [lose, cut_off, empty_it, make_endless, make_pipe, make_folder, fill_with_noise]
)
def test_an_invalid_database_is_exit_7_and_unchanged(rca: Workspace, spoil: Spoil) -> None:
    path = rca.home / "ca-store" / "rca.sqlite"
    spoil(path)
    before = path.read_bytes() if path.is_file() else path.exists()
    for command in (("list",), ISSUE, ("hierarchy", "create", "old")):
        result = rca(*command)
        assert (result.code, bool(result.complaint)) == (7, True), result
    assert (path.read_bytes() if path.is_file() else path.exists()) == before


def test_a_database_with_flipped_bits_is_damaged_and_no_bug(rca: Workspace) -> None:
    rca.issue(user="suzuki")
    path = rca.home / "ca-store" / "rca.sqlite"
    path.write_bytes(path.read_bytes().replace(b"suzuki", b"suz\xfeki"))
    result = rca("list", "--format", "json")
    assert result.code == 7
    assert "damaged" in result.complaint


def test_a_database_of_a_newer_version_is_not_changed(rca: Workspace) -> None:
    path = rca.home / "ca-store" / "rca.sqlite"
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    before = path.read_bytes()
    for command in (("list",), ISSUE):
        result = rca(*command)
        assert result.code == 7
        assert "newer" in result.complaint
    assert path.read_bytes() == before


@pytest.mark.parametrize("spoil", [make_endless, make_pipe, make_folder, fill_with_noise])
@pytest.mark.parametrize("file", ["rca.yaml", "profiles/mac.yaml"])
def test_settings_that_are_wrong_stop_issuing_and_not_looking(
    rca: Workspace, file: str, spoil: Spoil
) -> None:
    number = rca.issue("iphone")["number"]
    spoil(rca.home / file)
    result = rca(*ISSUE)
    assert result.code == 5
    assert file in result.complaint
    assert rca("list", "--format", "json").json[0]["number"] == number


@pytest.mark.parametrize(
    ("option", "code"), [("--csr=/dev/zero", 5), ("--csr=missing", 3), ("--csr=passphrase", 5)]
)
def test_a_request_that_is_none_is_refused(rca: Workspace, option: str, code: int) -> None:
    result = rca(*ISSUE, option)
    assert (result.code, bool(result.complaint)) == (code, True)


@pytest.mark.parametrize("out", ["passphrase", "passphrase/deeper", "/proc/nowhere"])
def test_nothing_is_issued_for_a_folder_that_cannot_be(rca: Workspace, out: str) -> None:
    result = rca(*ISSUE, "--out", out)
    assert result.code in (2, 3, 4, 7)
    assert result.complaint
    assert rca("list", "--all", "--format", "json").json == []


def test_a_home_that_is_a_file_is_one_line(empty: Workspace) -> None:
    for command, code in ((("list",), 3), (("init",), 4)):
        result = empty(*command, home=empty.passphrase)
        assert (result.code, bool(result.complaint)) == (code, True)
    assert empty("quickstart", str(empty.passphrase)).code == 4


def test_an_incomplete_home_is_not_accepted(empty: Workspace) -> None:
    """Profiles that somebody wrote before `init` are theirs, and stay all there are."""
    (empty.home / "profiles").mkdir(parents=True)
    (empty.home / "profiles" / "mac.yaml").write_text("mine")
    assert empty("init").code == 0
    assert [path.name for path in (empty.home / "profiles").iterdir()] == ["mac.yaml"]
    assert empty("init").code == 4
