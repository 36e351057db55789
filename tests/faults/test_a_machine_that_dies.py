"""A power cut in the middle: whatever was being done, the next run finishes or undoes it.

Each command is killed at some of the system calls by which it changes the disk, each time on a
fresh copy of the home. With --all-faults it is killed at every one: some hours.
"""

from __future__ import annotations

import plistlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shared.runner import Workspace
from tests.shared.soundness import check_secrets, check_settled, files, opens
from tests.shared.system_calls import calls, killed_at, some

pytestmark = pytest.mark.needs("strace", "openssl")


class Deaths:
    """Kills a command again and again, each time at another of its calls."""

    def __init__(self, before: Workspace, folder: Path) -> None:
        self._before = before
        self._folder = folder
        self._count = 0

    def of(self, *arguments: str, samples: int, last: int = 0) -> Iterator[Workspace]:
        """The home after each death; with `last`, only at one of so many calls at the end."""
        for call in some(calls(self._fresh(), *arguments)[-last:], samples):
            rca = self._fresh()
            killed_at(call, rca, *arguments)
            print(call.text)  # shown with a failure
            check_secrets(rca)
            yield rca
            check_settled(rca)
            check_secrets(rca)

    def _fresh(self) -> Workspace:
        # The same length of path each time, so that strace's counts stay what they were.
        self._count += 1
        self._folder.mkdir(exist_ok=True)
        return self._before.copy(self._folder / f"{self._count:04}")


def test_init_is_finished_by_the_next_init(empty: Workspace, tmp_path: Path) -> None:
    for rca in Deaths(empty, tmp_path).of("init", samples=5):
        # Exit 4: it was all there already.
        assert rca("init").code in (0, 4)
        assert len(list((rca.home / "profiles").iterdir())) == 7
        assert rca("profile", "check").code == 0
        assert rca("list").code == 0


def test_a_first_start_is_finished_by_the_next_command(empty: Workspace, tmp_path: Path) -> None:
    assert empty("init").code == 0
    for path in ("rca.sqlite", "keys/bundle.key"):
        (empty.home / "ca-store" / path).unlink()
    for rca in Deaths(empty, tmp_path).of("list", samples=3):
        assert rca("list").code == 0


def test_a_hierarchy_is_there_or_can_be_made_again(empty: Workspace, tmp_path: Path) -> None:
    assert empty("init").code == 0
    for rca in Deaths(empty, tmp_path).of("hierarchy", "create", "new", samples=2):
        assert rca("hierarchy", "create", "new").code in (0, 4)
        assert rca("publish", "--if-due").code == 0
        rca.issue()
        assert len(list((rca.home / "ca-store" / "keys").glob("*.key"))) == 4


def test_each_signed_certificate_is_recorded_or_revoked(rca: Workspace, tmp_path: Path) -> None:
    command = ("issue", "--device", "mac", "--user", "sato", "--out", "out")
    for dead in Deaths(rca, tmp_path).of(*command, samples=3):
        assert dead(*command).code == 0
        records = dead("list", "--all", "--format", "json").json
        left = [record for record in records if record["status"] != "downloaded"]
        # At most one is left of the run that died; its number is used up, or it can be exported.
        assert len(left) <= 1
        for record in left:
            if record["status"] == "issued":
                assert dead("export", record["number"], "--out", "out").code == 0
            else:
                assert record["status"] == "revoked"


@pytest.mark.parametrize("device", ["mac", "iphone"])
def test_a_file_is_absent_and_can_be_exported_or_complete(
    rca: Workspace, tmp_path: Path, device: str
) -> None:
    issued = rca.issue(device)
    number, password = issued["number"], issued["password"]
    for dead in Deaths(rca, tmp_path).of("export", number, "--out", "out", samples=3):
        delivered = dead.show(number)["status"] == "downloaded"
        assert dead("export", number, "--out", "out").code == (4 if delivered else 0)
        (file,) = (dead.folder / "out").iterdir()
        if device == "mac":
            assert opens(file, password)
        else:
            assert plistlib.loads(file.read_bytes())["PayloadType"] == "Configuration"


def test_a_revocation_is_there_or_can_be_made_again(rca: Workspace, tmp_path: Path) -> None:
    issued = rca.issue()
    for dead in Deaths(rca, tmp_path).of("revoke", issued["number"], samples=3):
        assert dead("revoke", issued["number"]).code in (0, 4)
        assert dead.show(issued["number"])["status"] == "revoked"
        assert issued["password"].encode() not in database(dead)


def test_a_hold_and_its_release_are_there_or_can_be_made_again(
    rca: Workspace, tmp_path: Path
) -> None:
    number = rca.issue()["number"]
    for dead in Deaths(rca, tmp_path).of("hold", number, samples=2):
        assert dead("hold", number).code in (0, 4)
        assert dead.show(number)["status"] == "held"
    rca("hold", number)
    for dead in Deaths(rca, tmp_path / "release").of("release", number, samples=2):
        assert dead("release", number).code in (0, 4)
        assert dead.show(number)["status"] == "issued"


def test_sheets_with_passwords_are_whole_or_not_there(rca: Workspace, tmp_path: Path) -> None:
    password = rca.issue()["password"]
    command = ("handover", "--user", "suzuki", "--out", "sheets.html")
    for dead in Deaths(rca, tmp_path).of(*command, samples=2, last=4):
        for path in files(dead.folder):
            assert path.name == "sheets.html" or password.encode() not in path.read_bytes(), path
        assert dead(*command).code == 0
        sheets = dead.folder / "sheets.html"
        assert password in sheets.read_text()
        assert sheets.read_text().rstrip().endswith("</html>")


def database(rca: Workspace) -> bytes:
    return (rca.home / "ca-store" / "rca.sqlite").read_bytes()


def test_published_files_are_complete_and_crl_numbers_rise(rca: Workspace, tmp_path: Path) -> None:
    assert rca("publish").code == 0
    before = crl_number(rca)
    rca("revoke", rca.issue()["number"])
    for dead in Deaths(rca, tmp_path).of("publish", samples=3):
        between = crl_number(dead)
        assert dead("publish").code == 0
        assert before <= between < crl_number(dead)


def crl_number(rca: Workspace) -> int:
    """Of the published CRL, once OpenSSL has verified its signature."""
    public = rca.home / "public"
    options = ["-inform", "DER", "-noout", "-crlnumber", "-CAfile", str(public / "new-issuing.pem")]
    done = subprocess.run(
        ["openssl", "crl", "-in", public / "new-issuing.crl", *options],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "verify OK" in done.stderr
    return int(done.stdout.strip().partition("=")[2], 16)
