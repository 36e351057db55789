"""`rca` in a process whose memory is bounded and whose every command is timed.

The process is kept from one command to the next, because starting one takes longer than most
commands: a thousand malformed files take seconds so.
"""

from __future__ import annotations

import json
import os
import re
import resource
import select
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

LARGEST_MEMORY = 1024 * 1024 * 1024
"""Bytes of address space (RLIMIT_AS): the program with its libraries has a third of it."""

MOST_SECONDS = 120
"""Of wall time: then the process is killed, and the test fails. No load of the machine explains so
long; what a command costs is told by its processor time."""

KEY_DERIVATION = 64 * 1024 * 1024
"""Bytes that a passphrase takes to be stretched, which some commands begin before they refuse."""


# Whatever moves the cursor, hides or reorders letters, or cannot be encoded.
UNPRINTABLE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


@dataclass(frozen=True)
class ConfinedResult:
    """What a command gave, and what it took.

    Attributes:
        seconds: of the processor's time, which other load does not change.
        memory: bytes by which it raised what the process holds, at its highest.
    """

    code: int
    out: str
    err: str
    seconds: float
    memory: int

    @property
    def json(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.out)


def check_clear(answer: ConfinedResult, about: object) -> None:
    """No bug, nothing that a terminal would obey, and one error with its hint.

    Exit 8 has an error besides for each of its findings.
    """
    assert answer.code != 1, (about, answer)
    assert not UNPRINTABLE.search(answer.err + answer.out), (about, answer)
    if answer.code:
        lines = answer.err.splitlines()
        assert all(re.match("rca: (error|hint|warning): .|…", line) for line in lines), (
            about,
            answer,
        )
        errors = sum(line.startswith("rca: error: ") for line in lines)
        assert errors == 1 or (answer.code == 8 and errors), (about, answer)


Refused = Callable[..., ConfinedResult]
"""Runs a command that must be refused: what the fixture of that name does."""


class Confined:
    """Runs commands in that process, one at a time, with `environment` and nothing else of ours."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._process = self._started()

    def __call__(self, *arguments: object) -> ConfinedResult:
        question = [
            argument if isinstance(argument, str) else str(argument) for argument in arguments
        ]
        stdin, stdout = self._pipes()
        stdin.write(json.dumps(question).encode() + b"\n")
        stdin.flush()
        if not select.select([stdout], [], [], MOST_SECONDS)[0]:
            self.close()
            self._process = self._started()
            raise AssertionError(f"not done within {MOST_SECONDS} s: {arguments}")
        line = stdout.readline()
        if not line:
            code = self._process.wait()
            self._process = self._started()
            raise AssertionError(f"the process died with {code}: {arguments}")
        return ConfinedResult(**json.loads(line))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in self._pipes():
            pipe.close()

    def _pipes(self) -> tuple[BinaryIO, BinaryIO]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        return stdin, stdout  # type: ignore[return-value]

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, __file__, json.dumps(self._environment)],
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )


def _serve(environment: dict[str, str]) -> None:
    """The other side: a command a line from stdin, its answer a line to stdout."""
    sys.path.append(str(Path(__file__).parents[2]))
    from tests.shared.runner import Runner

    resource.setrlimit(resource.RLIMIT_AS, (LARGEST_MEMORY, LARGEST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # What a command writes past Python's streams must not get among the answers.
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    rca = Runner(environment)
    for line in questions:
        arguments = json.loads(line)
        before = _forget_peak()
        begun = time.process_time()
        answer = rca(*arguments)
        answers.write(
            json.dumps(
                {
                    "code": answer.code,
                    "out": answer.out,
                    "err": answer.err,
                    "seconds": time.process_time() - begun,
                    "memory": _status("VmHWM") - before,
                }
            ).encode()
            + b"\n"
        )
        answers.flush()


def _forget_peak() -> int:
    """Lets the kernel's high-water mark begin anew (proc(5), clear_refs); what is held now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name: str) -> int:
    text = Path("/proc/self/status").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))
