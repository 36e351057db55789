"""Run `publish_hook` of rca.yaml after a publication; it stays pending until it succeeds."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from renrakucho_ca import settings
from renrakucho_ca.errors import Refused, Unavailable
from renrakucho_ca.service.home import Home
from renrakucho_ca.store import files

SECONDS = 60
"""Seconds; a reload of nginx takes well under one."""

_LONGEST_COMPLAINT = 300
"""Bytes displayed of a failed hook's stderr."""


def owe(home: Home) -> None:
    """Record that `publish_hook` is due, before anything new is published.

    If a later step fails, the next `publish --if-due` runs it. Servers that keep the old CRL past
    its end refuse all clients.
    """
    if home.settings.publish_hook is not None and not _pending(home).exists():
        files.write(_pending(home), b"")


def owed_since(home: Home) -> datetime | None:
    """Return the time since which the hook is due; None if it is not."""
    try:
        return datetime.fromtimestamp(_pending(home).stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def run_owed(home: Home) -> None:
    """Run `publish_hook` if it is due, without a shell; it usually tests and reloads nginx.

    Raises:
        Refused: another user can write rca.yaml. Unavailable: the hook failed or timed out.
    """
    command = home.settings.publish_hook
    if command is None or not _pending(home).exists():
        return
    _refuse_open(home, home.path, home.path / settings.FILE)
    try:
        code, said = _run(command, home.path)
    except OSError as error:
        raise Unavailable(
            "the files are written, but publish_hook could not be run: {reason}",
            reason=error.strerror,
        ) from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(
            "the files are written, but publish_hook did not end within {seconds} seconds",
            seconds=SECONDS,
        ) from error
    if code != 0:
        raise Unavailable(
            "the files are written, but publish_hook exited with {code}: {said}",
            code=code,
            said=said,
        )
    _pending(home).unlink()


def _refuse_open(home: Home, *paths: Path) -> None:
    """Refuse files that others can write or replace, as sudo and sshd do."""
    trusted = (0, os.geteuid(), home.store.stat().st_uid)
    for path in paths:
        status = path.stat()
        mode = status.st_mode
        if status.st_uid not in trusted:
            raise Refused(
                "the files are written, but publish_hook was not run: {path} belongs to another "
                "user",
                hint="check its content, then chown it to the owner of ca-store",
                path=path,
            )
        # In a sticky folder such as /tmp, only the owner moves a file.
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise Refused(
                "the files are written, but publish_hook was not run: other users can write {path}",
                hint="run `chmod o-w {path}`",
                path=path,
            )


def _run(command: Sequence[str], folder: Path) -> tuple[int, str]:
    """Run a program; return its exit code and the beginning of its stderr.

    stderr is a file: a daemon that the program leaves running would hold a pipe open for ever.
    After SECONDS the whole process group is killed.
    """
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            start_new_session=True,
        )
        try:
            code = process.wait(SECONDS)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        complaints.seek(0)
        # nginx and systemctl print the cause first, and a summary last.
        said = complaints.read(_LONGEST_COMPLAINT).decode(errors="replace").strip()
        return code, "; ".join(said.splitlines())


def _pending(home: Home) -> Path:
    return home.store / "publish-hook.pending"
