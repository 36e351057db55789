"""`rca quickstart` wherever somebody may try it."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.shared.runner import PROGRAM, Workspace


def test_it_needs_no_variable_no_path_and_no_terminal(empty: Workspace) -> None:
    done = subprocess.run(
        [*PROGRAM, "quickstart", "demo", "--format", "json"],
        env={},
        cwd=empty.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    exported = sorted(path.suffix for path in (empty.folder / "demo" / "handout").iterdir())
    assert exported == [".mobileconfig", ".mobileconfig", ".p12", ".p12", ".p12"]
    assert (empty.folder / "demo" / "passphrase").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("locale", ["C", "xx_YY"])
def test_it_speaks_in_every_locale(empty: Workspace, locale: str) -> None:
    assert empty("quickstart", env={"LC_ALL": locale}).code == 0
    listed = empty("list", home=empty.folder / "demo", env={"LC_ALL": locale})
    assert listed.code == 0
    assert len(listed.out.splitlines()) == 6


def test_a_second_time_changes_nothing(empty: Workspace) -> None:
    assert empty("quickstart").code == 0
    before = {path: path.stat().st_mtime_ns for path in empty.folder.rglob("*")}
    result = empty("quickstart")
    assert (result.code, bool(result.complaint)) == (4, True)
    assert {path: path.stat().st_mtime_ns for path in empty.folder.rglob("*")} == before


def test_a_non_empty_folder_is_not_changed(empty: Workspace) -> None:
    result = empty("quickstart", ".")
    assert (result.code, bool(result.complaint)) == (4, True)
    assert list(empty.folder.iterdir()) == [empty.passphrase]


@pytest.mark.needs("setpriv")
def test_a_folder_that_cannot_be_written_is_exit_7(empty: Workspace) -> None:
    empty.folder.chmod(0o500)
    words = ["--bounding-set=-dac_override,-fowner", "--inh-caps=-all"]
    result = empty("quickstart", before=["setpriv", *words] if os.geteuid() == 0 else [])
    empty.folder.chmod(0o700)
    assert result.code == 7
    assert "Permission denied" in result.complaint
