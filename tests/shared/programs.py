"""Runs programs the way a script does: without a terminal, with secrets on standard input alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.shared.waiting import PATIENCE


def run(*command: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, whatever that is.

    It gets a session of its own: without a terminal, one that asks for a password reads stdin.
    """
    return subprocess.run(
        [str(word) for word in command],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        start_new_session=True,
        timeout=2 * PATIENCE,
    )


def must(*command: str | Path, stdin: str = "") -> str:
    """What a program prints that has to succeed."""
    done = run(*command, stdin=stdin)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout
