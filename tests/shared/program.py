"""Runs `rca`: in this process where only the answer counts, as a program where the process does."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renrakucho_ca.cli.edge import run
from renrakucho_ca.service.issuance.issuer import Issued
from tests.shared.waiting import PATIENCE

Issue = Callable[..., Issued]
"""Issues a certificate without the command line: what the fixture of that name does."""

PASSPHRASE = b"correct horse battery staple"

PROGRAM = (sys.executable, "-c", "from renrakucho_ca.cli import main; main()")

_OURS = ("RCA_", "LC_", "LANG", "CREDENTIALS_DIRECTORY", "PYTHONIOENCODING", "COLUMNS", "LINES")


@dataclass(frozen=True)
class ProgramResult:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def csv(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.out)))


@dataclass(frozen=True)
class Program:
    """`rca` with a home and an environment of its own."""

    environment: Mapping[str, str]

    def having(self, **more: str) -> Program:
        """The same with more variables."""
        return Program({**self.environment, **more})

    def without(self, *names: str) -> Program:
        return Program({k: v for k, v in self.environment.items() if k not in names})

    def __call__(self, *arguments: object) -> ProgramResult:
        """In this process."""
        before = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_OURS)}
        os.environ.update(self.environment)
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        try:
            with redirect_stdout(out), redirect_stderr(err):
                run([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        finally:
            for name in self.environment:
                os.environ.pop(name, None)
            os.environ.update(before)
        assert isinstance(code, int)
        return ProgramResult(code, _written(out), _written(err))

    def process(
        self,
        *arguments: object,
        stdin: bytes = b"",
        shell: str | None = None,
        program: Sequence[object] = PROGRAM,
    ) -> ProgramResult:
        """As a program of its own.

        Args:
            shell: a line for bash in which `"$@"` is the command.
        """
        command: list[str | bytes] = [*map(_argument, (*program, *arguments))]
        if shell is not None:
            command = ["bash", "-c", shell, "bash", *command]
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            env=self._whole_environment(),
            timeout=2 * PATIENCE,
            check=False,
        )
        return ProgramResult(
            done.returncode,
            done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace"),
        )

    def terminal(
        self, *arguments: object, columns: int = 80, typed: Sequence[str] = ()
    ) -> ProgramResult:
        """On a terminal of its own, with all that it shows as `out`.

        Args:
            typed: what a person types, a line whenever the program has asked and waits.
        """
        pid, terminal = pty.fork()
        if pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
            command = [*PROGRAM, *map(str, arguments)]
            os.execvpe(command[0], command, self._whole_environment())
        shown, waiting = b"", list(typed)
        while True:
            ready, _, _ = select.select([terminal], [], [], PATIENCE)
            assert ready, shown
            try:
                shown += (piece := os.read(terminal, 65536))
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            if waiting and shown.endswith(b": "):
                os.write(terminal, waiting.pop(0).encode() + b"\n")
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        return ProgramResult(
            os.waitstatus_to_exitcode(status), shown.decode().replace("\r\n", "\n"), ""
        )

    def _whole_environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        return {**kept, "LC_ALL": "C.UTF-8", "TERM": "xterm", **self.environment}


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


def _argument(argument: object) -> str | bytes:
    return argument if isinstance(argument, bytes) else str(argument)


def width(text: str) -> int:
    """Columns that a terminal needs (Unicode Standard Annex 11)."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def column_starts(line: str) -> list[int]:
    """Where in a line of a table the cells begin: after two blanks or more."""
    starts, blanks = [], 2
    for position, letter in enumerate(line):
        if letter == " ":
            blanks += 1
            continue
        if blanks >= 2:
            starts.append(width(line[:position]))
        blanks = 0
    return starts


def write_secret(path: Path, content: bytes = PASSPHRASE) -> Path:
    path.write_bytes(content + b"\n")
    return path
