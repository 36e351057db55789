"""A terminal in which `rca` is typed: the real program, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.shared.waiting import PATIENCE

PROGRAM = (sys.executable, str(Path(__file__).parents[2] / "cli.py"))

CANARY = "canary-of-the-passphrase-7f3a"
"""The passphrase of all homes here: found anywhere but in its file, it has leaked."""


@dataclass(frozen=True)
class Result:
    """What a command left on the screen."""

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """Its error: one line, perhaps with a hint, and nothing else to see."""
        error, *hints = [line for line in self.err.splitlines() if line.startswith("rca: ")]
        assert error.startswith("rca: error: "), self
        assert all(line.startswith("rca: hint: ") for line in hints), self
        assert len(hints) <= 1, self
        assert "Traceback" not in self.err, self
        assert "a bug" not in error, self
        return error


class Terminal:
    """A folder to work in, with the home `home` and the passphrase in the file `passphrase`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.passphrase = folder / "passphrase"
        self.passphrase.touch(0o600)
        self.passphrase.write_text(CANARY + "\n")

    def __call__(self, *arguments: str, **more: Any) -> Result:
        """Runs a command on the home, with its passphrase, to its end."""
        with self.start(*arguments, **more) as process:
            # Of 32 at once each has a thirty-second of the machine.
            out, err = process.communicate(timeout=10 * PATIENCE)
        return Result(arguments, process.returncode, out, err)

    def start(
        self,
        *arguments: str,
        home: Path | None = None,
        passphrase: Path | None = None,
        before: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        **more: Any,
    ) -> subprocess.Popen[str]:
        """Begins a command.

        Args:
            before: the words before it, such as `faketime`.
            env: what its environment has beyond the few things that ours gives it.
        """
        words = ("--home", str(home or self.home)) if "quickstart" not in arguments else ()
        file = ("--passphrase-file", str(passphrase or self.passphrase))
        streams = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        return subprocess.Popen(
            [*before, *PROGRAM, *words, *file, *arguments],
            cwd=self.folder,
            env={**_environment(), **(env or {})},
            text=True,
            errors="surrogateescape",
            **(streams | more),
        )

    def copy(self, folder: Path) -> Self:
        """The same, with a home of its own to spoil."""
        folder.mkdir()
        new = type(self)(folder)
        if self.home.exists():
            shutil.copytree(self.home, new.home, symlinks=True)
        return new

    def set_hook(self, *command: str) -> None:
        """Makes it the `publish_hook` of the home."""
        words = ", ".join("'" + word.replace("'", "''") + "'" for word in command)
        settings = self.home / "rca.yaml"
        before, _, after = settings.read_text().partition("\npublish_hook: ")
        rest = after.partition("\n")[2]
        settings.write_text(f"{before}\npublish_hook: [{words}]\n{rest}")

    def issue(self, device: str = "mac", user: str = "suzuki", **more: Any) -> dict[str, Any]:
        """The record of a new certificate."""
        record = self("issue", "--device", device, "--user", user, "--format", "json", **more).json
        assert isinstance(record, dict)
        return record

    def show(self, number: str) -> dict[str, Any]:
        record = self("show", number, "--format", "json").json
        assert isinstance(record, dict)
        return record


def _environment() -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        # A machine that writes its bytecode meanwhile would disturb the counting of calls.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
