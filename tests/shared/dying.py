"""A machine that dies, or a disk that fails, at one chosen system call of a command.

strace counts the calls that change something on disk, and kills the process at one of them or
answers it with an error (strace(1), "Tampering").
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from terminal import Result, Terminal

every_call = False
"""Whether all is tried: `pytest tests/faults --all-faults`."""

_CHANGES = (
    "openat",
    "write",
    "pwrite64",
    "ftruncate",
    "fsync",
    "fdatasync",
    "fchmod",
    "chmod",
    "mkdir",
    "link",
    "rename",
    "unlink",
)
"""By what the program changes a disk; of openat, the calls that create."""


@dataclass(frozen=True)
class Call:
    """One call of a run.

    Attributes:
        nth: its place among those of its name, from 1.
        text: as strace wrote it.
    """

    name: str
    nth: int
    text: str

    @property
    def kind(self) -> tuple[str, ...]:
        """What it does to which file; of those alike, one tells as much as all."""
        return (self.name, *re.findall(r"[^/<\">]+(?=[\">])", self.text)[-1:])

    def __str__(self) -> str:
        return f"{self.name} {self.nth}"


def calls(rca: Terminal, *arguments: str) -> list[Call]:
    """Runs a command to its end; what it changed on the disk, in order."""
    log = rca.folder / "strace.log"
    done = rca(*arguments, before=_strace("-o", str(log), "-e", f"trace={','.join(_CHANGES)}"))
    assert done.code == 0, done
    found: list[Call] = []
    counts: Counter[str] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        name = line.partition("(")[0]
        counts[name] += 1
        if str(rca.folder) in line and (name != "openat" or "O_CREAT" in line):
            found.append(Call(name, counts[name], line))
    log.unlink()
    return found


def some(all_calls: Sequence[Call], count: int) -> list[Call]:
    """A few of them, spread over a run and its kinds of calls; all with --all-faults."""
    if every_call:
        return list(all_calls)
    last_of_kind = list({call.kind: call for call in all_calls}.values())
    step = max(1, len(last_of_kind) // count)
    return last_of_kind[step // 2 :: step]


def killed_at(call: Call, rca: Terminal, *arguments: str) -> None:
    """Runs a command that dies when it makes the call; the call itself is not made."""
    result = rca(*arguments, before=_inject(call, "signal=KILL"))
    assert result.code in (-9, 137), (call, result)


def failing_at(call: Call, error: str, rca: Terminal, *arguments: str) -> Result:
    """Runs a command in which that call fails, such as with ENOSPC."""
    return rca(*arguments, before=_inject(call, f"error={error}"))


def _inject(call: Call, what: str) -> list[str]:
    tampering = f"inject={call.name}:{what}:when={call.nth}"
    return _strace("-o", "/dev/null", "-e", f"trace={call.name}", "-e", tampering)


def _strace(*options: str) -> list[str]:
    # -y: with the path behind each descriptor. Only the main thread writes: no -f.
    return ["strace", "-y", "-s", "250", "-e", "signal=none", *options]
