"""Passphrase, passwords and keys stay where they belong; what is private is so at once."""

from __future__ import annotations

import re

import pytest
from soundness import check_secrets
from terminal import CANARY, Terminal


def test_no_command_leaves_a_secret_anywhere(rca: Terminal) -> None:
    issued = rca.issue("mac")
    other = rca.issue("iphone")
    rca("export", issued["number"], "--out", "out")
    rca("show", other["number"], "--reveal")
    rca("revoke", other["number"])
    rca("publish")
    check_secrets(rca, issued["password"], other["password"])


def test_no_traceback_has_a_secret(rca: Terminal) -> None:
    """Both fail when the passphrase has been read: one for it, one after it has opened the keys."""
    key = rca.home / "ca-store" / "keys" / "bundle.key"
    key.write_bytes(key.read_bytes()[:20])
    for passphrase in ("another-canary", CANARY):
        rca.passphrase.write_text(passphrase)
        result = rca("issue", "--device", "mac", "--user", "x", env={"RCA_DEBUG": "1"})
        assert "Traceback" in result.err
        assert ("wrong passphrase" in result.err) == (passphrase != CANARY)
        assert passphrase not in result.out + result.err


def test_a_hook_gets_no_secret(rca: Terminal) -> None:
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


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_modes_are_what_they_should_be_under_every_umask(empty: Terminal, umask: int) -> None:
    for command in (
        ("init",),
        ("hierarchy", "create", "new"),
        ("issue", "--device", "mac", "--user", "x", "--out", "out"),
        ("publish",),
    ):
        assert empty(*command, umask=umask).code == 0
    public = empty.home / "public"
    for path in (*empty.home.rglob("*"), *(empty.folder / "out").rglob("*")):
        if path.is_relative_to(public):
            wanted = 0o755 if path.is_dir() else 0o644
        else:
            wanted = 0o700 if path.is_dir() else 0o600
        assert path.stat().st_mode & 0o7777 == wanted, path


@pytest.mark.needs("strace")
def test_what_is_private_is_made_so_and_not_changed_to_it(empty: Terminal) -> None:
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


def test_links_that_were_laid_are_not_followed(rca: Terminal) -> None:
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


@pytest.mark.parametrize("lock", ["issuing", "hierarchies", "publishing"])
def test_a_lock_that_leads_elsewhere_is_not_taken(rca: Terminal, lock: str) -> None:
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
