"""Runs `rca`: in this process, as a program, or on a terminal."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from renrakucho_ca.cli.edge import run
from tests.shared import fake_clock
from tests.shared.homes import PASSPHRASE
from tests.shared.preloaded import Preloaded
from tests.shared.waiting import PATIENCE

PROGRAM = (sys.executable, str(Path(__file__).parents[2] / "cli.py"))

CANARY = "canary-of-the-passphrase-7f3a"
"""The passphrase of all workspaces: a copy outside its file is a leak."""

_OURS = ("RCA_", "LC_", "LANG", "CREDENTIALS_DIRECTORY", "PYTHONIOENCODING", "COLUMNS", "LINES")


@dataclass(frozen=True)
class Result:
    """The exit code and the output of a command."""

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out, self
        return json.loads(self.out)

    @property
    def csv(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.out)))

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


class Runner:
    """Runs `rca` with the environment that a test gives it, and nothing of the developer's own."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment

    def having(self, **more: str) -> Runner:
        """The same with more variables."""
        return Runner({**self.environment, **more})

    def without(self, *names: str) -> Runner:
        return Runner({k: v for k, v in self.environment.items() if k not in names})

    def variables(self) -> Mapping[str, str]:
        """The variables of the next program."""
        return self.environment

    def __call__(self, *arguments: object) -> Result:
        """Runs a command in this process."""
        words = tuple(map(str, arguments))
        before = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_OURS)}
        os.environ.update(self.environment)
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        try:
            with redirect_stdout(out), redirect_stderr(err):
                run([*words])
        except SystemExit as end:
            code = end.code
        finally:
            for name in self.environment:
                os.environ.pop(name, None)
            os.environ.update(before)
        assert isinstance(code, int)
        return Result(words, code, _written(out), _written(err))

    def start(
        self,
        *arguments: str | bytes,
        before: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        program: Sequence[object] = PROGRAM,
        **more: Any,
    ) -> subprocess.Popen[str]:
        """Starts a command as a program of its own.

        Args:
            before: the words before it, such as `faketime`.
            env: more variables.
            more: for Popen; without it, stdin is empty, stdout and stderr are pipes.
        """
        streams = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        environment = {**clean_environment(), **self.variables(), **(env or {})}
        process = subprocess.Popen(
            [*before, *map(str, program), *arguments],
            env=environment,
            text=True,
            errors="surrogateescape",
            **(streams | more),
        )
        fake_clock.note(process.pid, before, environment)
        return process

    def process(
        self,
        *arguments: object,
        stdin: bytes = b"",
        shell: str | None = None,
        program: Sequence[object] = PROGRAM,
    ) -> Result:
        """Runs a command as a program of its own, to its end.

        Args:
            shell: a line for bash in which `"$@"` is the command.
        """
        before = () if shell is None else ("bash", "-c", shell, "bash")
        words = [each if isinstance(each, bytes) else str(each) for each in arguments]
        with self.start(*words, before=before, program=program, stdin=subprocess.PIPE) as process:
            out, err = process.communicate(stdin.decode(errors="surrogateescape"), 2 * PATIENCE)
        return Result(tuple(map(str, arguments)), process.returncode, out, err)

    def terminal(self, *arguments: object, columns: int = 80, typed: Sequence[str] = ()) -> Result:
        """Runs a command on a terminal of its own, with all that it shows as `out`.

        Args:
            typed: what a person types, a line whenever the program has asked and waits.
        """
        words = tuple(map(str, arguments))
        pid, terminal = pty.fork()
        if pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
            environment = {**clean_environment(), "TERM": "xterm", **self.variables()}
            os.execvpe(PROGRAM[0], [*PROGRAM, *words], environment)
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
        code = os.waitstatus_to_exitcode(status)
        return Result(words, code, shown.decode().replace("\r\n", "\n"), "")


class Workspace(Runner):
    """A folder to work in, with the home `home` and the passphrase in the file `passphrase`.

    A call runs a command as a program in that folder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__({})
        self.folder = folder
        self.home = folder / "home"
        self.passphrase = folder / "passphrase"
        self.passphrase.touch(0o600)
        self.passphrase.write_text(CANARY + "\n")

    def __call__(self, *arguments: object, **more: Any) -> Result:
        words = tuple(map(str, arguments))
        if more.keys() <= {"home", "passphrase", "umask"} and self.is_plain:
            return self._forked(words, **more)
        with self.start(*words, **more) as process:
            # Of 32 at once each has a thirty-second of the machine.
            out, err = process.communicate(timeout=10 * PATIENCE)
        return Result(words, process.returncode, out, err)

    @property
    def is_plain(self) -> bool:
        """Whether a fork of a process that has imported `rca` does as well as a new one."""
        return "LD_PRELOAD" not in self.variables()

    def start(
        self,
        *arguments: str | bytes,
        home: Path | None = None,
        passphrase: Path | None = None,
        **more: Any,
    ) -> subprocess.Popen[str]:
        """Starts a command on the home, with its passphrase."""
        words = self._options(arguments, home, passphrase)
        return super().start(*words, *arguments, **({"cwd": self.folder} | more))

    def _options(
        self, arguments: Sequence[object], home: Path | None, passphrase: Path | None
    ) -> list[str]:
        options = ["--passphrase-file", str(passphrase or self.passphrase)]
        return (
            options if "quickstart" in arguments else ["--home", str(home or self.home), *options]
        )

    def _forked(
        self,
        words: tuple[str, ...],
        home: Path | None = None,
        passphrase: Path | None = None,
        umask: int = 0o022,
    ) -> Result:
        given = (*self._options(words, home, passphrase), *words)
        environment = {**clean_environment(), **self.variables()}
        code, out, err = _preloaded().run(given, self.folder, environment, umask)
        return Result(words, code, out, err)

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


@cache
def _preloaded() -> Preloaded:
    return Preloaded()


def clean_environment() -> dict[str, str]:
    """The environment that each program starts with, whatever started the tests."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        # A machine that writes its bytecode meanwhile would disturb the counting of calls.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def write_secret(path: Path, content: bytes = PASSPHRASE) -> Path:
    path.write_bytes(content + b"\n")
    return path


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
