"""Runs programs the way a script does: without a terminal, with secrets on standard input alone."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

BOUNCY_CASTLE = "/usr/share/java/bcprov.jar"


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
        timeout=60,
    )


def must(*command: str | Path, stdin: str = "") -> str:
    """What a program prints that has to succeed."""
    done = run(*command, stdin=stdin)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def java(name: str, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Runs one of the Java programs here, with Bouncy Castle at hand."""
    # The quick compiler alone: none of them runs long enough for the thorough one to pay.
    options = ("-XX:TieredStopAtLevel=1", "-cp", f"{_java_classes().name}:{BOUNCY_CASTLE}")
    return run("java", *options, name, *arguments, stdin=stdin)


@cache
def _java_classes() -> TemporaryDirectory[str]:
    """The Java programs compiled, once; the folder goes when the tests end."""
    folder = TemporaryDirectory()
    sources = (Path(__file__).parent / "java").glob("*.java")
    must("javac", "-cp", BOUNCY_CASTLE, "-d", folder.name, *sources)
    return folder
