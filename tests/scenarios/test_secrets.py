"""Passphrase, passwords and keys stay where they belong; what is private is so at once."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shared.proc import watch
from tests.shared.runner import CANARY, Workspace
from tests.shared.soundness import check_secrets


def test_no_command_leaves_a_secret_anywhere(rca: Workspace) -> None:
    issued = rca.issue("mac")
    other = rca.issue("iphone")
    rca("export", issued["number"], "--out", "out")
    rca("show", other["number"], "--reveal")
    rca("revoke", other["number"])
    rca("publish")
    check_secrets(rca, issued["password"], other["password"])


def test_no_traceback_has_a_secret(rca: Workspace) -> None:
    """Both fail when the passphrase has been read: one for it, one after it has opened the keys."""
    key = rca.home / "ca-store" / "keys" / "bundle.key"
    key.write_bytes(key.read_bytes()[:20])
    for passphrase in ("another-canary", CANARY):
        rca.passphrase.write_text(passphrase)
        result = rca("issue", "--device", "mac", "--user", "x", env={"RCA_DEBUG": "1"})
        assert "Traceback" in result.err
        assert ("wrong passphrase" in result.err) == (passphrase != CANARY)
        assert passphrase not in result.out + result.err


def test_a_hook_gets_no_secret(rca: Workspace) -> None:
    seen = rca.folder / "seen"
    script = f"env >{seen}; ls -l /proc/self/fd >>{seen}; cat >>{seen}"
    rca.set_hook("sh", "-c", script)
    with rca.passphrase.open() as file:
        number = str(file.fileno())
        result = rca("--passphrase-fd", number, "publish", pass_fds=(file.fileno(),))
    assert result.code == 0, result
    assert "PATH=" in seen.read_text()
    assert CANARY not in seen.read_text()
    assert not re.search(r"-> .*/passphrase$", seen.read_text(), re.MULTILINE)


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_file_modes_are_right_under_every_umask(empty: Workspace, umask: int) -> None:
    (empty.folder / "out").mkdir(0o700)
    for command in (
        ("init",),
        ("hierarchy", "create", "new", "--root-key-out", "out/root.key"),
        ("issue", "--device", "mac", "--user", "x", "--out", "out"),
        ("issue", "--device", "mac", "--user", "y"),
        ("hierarchy", "request", "far", "--out", "out/public/far.csr"),
        ("publish", "--out", "out/public"),
        ("publish", "--root-key", "out/root.key"),
        ("handover", "--user", "y", "--out", "out/sheets.html"),
        ("backup", "out/backup"),
        ("doctor", "--metrics", "out/public/rca.prom"),
        ("revoke", "--user", "y", "--yes"),
        ("expire",),
        ("publish", "--if-due"),
    ):
        if "out/public/far.csr" in command:
            (empty.folder / "out" / "public").mkdir(0o755)
            (empty.folder / "out" / "public").chmod(0o755)
        result = empty(*command, umask=umask)
        assert result.code == 0, result
    public = (empty.home / "public", empty.folder / "out" / "public")
    for path in (*empty.home.rglob("*"), *(empty.folder / "out").rglob("*")):
        if any(path.is_relative_to(each) for each in public):
            wanted = 0o755 if path.is_dir() else 0o644
        else:
            wanted = 0o700 if path.is_dir() else 0o600
        assert path.stat().st_mode & 0o7777 == wanted, path


@pytest.mark.needs("strace")
def test_private_files_are_created_private(empty: Workspace) -> None:
    """Seen at the system calls: a mode that is corrected later was wrong for a moment."""
    log = empty.folder / "log"
    trace = ["strace", "-y", "-s", "300", "-o", str(log), "-e", "trace=openat,mkdir"]
    for command in (
        ("init",),
        ("hierarchy", "create", "new"),
        ("issue", "--device", "mac", "--user", "x", "--out", "out"),
    ):
        assert empty(*command, before=trace, umask=0).code == 0
        made = [
            line
            for line in log.read_text().splitlines()
            if str(empty.folder) in line
            and "= -1" not in line
            and re.search("O_CREAT|^mkdir", line)
        ]
        assert made
        for line in made:
            mode = re.search(r", (0\d+)\)", line)
            assert mode is not None, line
            # SQLite opens with 0644 what we made with 0600 before.
            is_known = 'rca.sqlite"' in line and "O_EXCL" not in line
            assert is_known or int(mode[1], 8) & 0o077 == 0, line


def test_links_that_were_laid_are_not_followed(rca: Workspace) -> None:
    number = rca.issue()["number"]
    victim = rca.folder / "victim"
    victim.write_text("precious")
    out = rca.folder / "out"
    out.mkdir()
    (out / f"{number}.p12").symlink_to(victim)
    (out / f".{number}.p12.tmp").symlink_to(victim)
    public = rca.home / "public"
    public.mkdir()
    (public / "new-crl.pem").symlink_to(victim)
    (public / ".new-root.pem.tmp").symlink_to(victim)
    assert rca("export", number, "--out", "out").code == 0
    assert rca("publish").code == 0
    assert victim.read_text() == "precious"
    assert not any(path.is_symlink() for path in (*out.iterdir(), *public.iterdir()))


Plant = Callable[[Path, Path], object]


@pytest.mark.parametrize(
    "command",
    [
        ("handover", "--user", "suzuki", "--out"),
        ("backup",),
        ("doctor", "--metrics"),
        ("hierarchy", "create", "old", "--root-key-out"),
        ("hierarchy", "request", "far", "--out"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
@pytest.mark.parametrize("plant", [Path.symlink_to, Path.hardlink_to], ids=["symbolic", "hard"])
def test_nothing_is_written_through_a_link_to_the_file_of_another(
    rca: Workspace, command: tuple[str, ...], plant: Plant
) -> None:
    """Whoever lays the link can read what it leads to."""
    rca.issue()
    victim, out = rca.folder / "victim", rca.folder / "out"
    victim.write_text("precious")
    victim.chmod(0o666)
    out.mkdir()
    for name in ("file", ".file.tmp"):
        plant(out / name, victim)
    result = rca(*command, str(out / "file"))
    assert result.code in ((0, 8) if command[0] == "doctor" else (0, 4)), result
    assert victim.read_text() == "precious"
    if result.code != 4:
        written = (out / "file").lstat()
        assert stat.S_ISREG(written.st_mode)
        assert (written.st_nlink, written.st_mode & 0o022) == (1, 0)
        assert (written.st_mode & 0o044 == 0) == (command[0] != "doctor" and "far" not in command)


@pytest.mark.parametrize(
    "command",
    [("handover", "--user", "suzuki", "--out"), ("backup",), ("doctor", "--metrics")],
    ids=lambda command: command[0],
)
def test_no_file_takes_the_place_of_a_device_or_a_pipe(
    rca: Workspace, command: tuple[str, ...]
) -> None:
    rca.issue()
    pipe, link = rca.folder / "pipe", rca.folder / "link"
    os.mkfifo(pipe)
    link.symlink_to("/dev/null")
    for path in (pipe, link):
        result = rca(*command, str(path))
        assert (result.code, bool(result.complaint)) == (4, True)
    assert pipe.is_fifo()
    assert link.is_symlink()


def test_no_command_line_and_no_environment_has_a_secret(rca: Workspace) -> None:
    """The workers' too, that make keys and passwords of a batch."""
    rca.set_hook("sh", "-c", ": the hook")
    table = rca.folder / "table.csv"
    table.write_text("user,device\n" + "".join(f"u{n},mac\n" for n in range(20)))
    batch = ("issue", "--batch", "table.csv", "--jobs", "2", "--format", "json")
    seen, out, _ = watch(rca.start(*batch, start_new_session=True))
    issued = json.loads(out)
    assert b"process_pool.serve" in seen, "no worker was seen"
    for command in (("publish",), ("show", issued[0]["number"], "--reveal"), ("backup", "b")):
        seen += watch(rca.start(*command, start_new_session=True))[0]
    for secret in (CANARY, *(each["password"] for each in issued)):
        assert secret.encode() not in seen
    check_secrets(rca, *(each["password"] for each in issued))


@pytest.mark.parametrize("lock", ["issuing", "hierarchies", "publishing"])
def test_a_lock_that_leads_elsewhere_is_not_taken(rca: Workspace, lock: str) -> None:
    command = {
        "issuing": ("issue", "--device", "mac", "--user", "x"),
        "hierarchies": ("hierarchy", "create", "old"),
        "publishing": ("publish",),
    }[lock]
    victim = rca.folder / "victim"
    path = rca.home / "ca-store" / f"{lock}.lock"
    path.unlink(missing_ok=True)
    path.symlink_to(victim)
    result = rca(*command)
    assert (result.code, bool(result.complaint)) == (7, True)
    assert not victim.exists()


def test_no_core_dump_holds_unlocked_keys() -> None:
    """Whoever types Ctrl-\\ at the wrong moment leaves no passphrase in the folder."""
    asks = (
        "import resource\n"
        "from renrakucho_ca.cli.edge import run\n"
        "_, most = resource.getrlimit(resource.RLIMIT_CORE)\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (most, most))\n"
        "try:\n"
        "    run(['--version'])\n"
        "except SystemExit:\n"
        "    print(resource.getrlimit(resource.RLIMIT_CORE)[0])\n"
    )
    child = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    assert child.stdout.splitlines()[-1] == "0"
