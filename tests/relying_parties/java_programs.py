"""Programs in Java, with Bouncy Castle: what `keytool` cannot be asked."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.shared.programs import must, run

BOUNCY_CASTLE = "/usr/share/java/bcprov.jar"


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
