"""A machine that dies, or a disk that fails, at one chosen system call of a command.

strace counts the calls that change something on disk, and kills the process at one of them or
answers it with an error (strace(1), "Tampering").
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from tests.shared.runner import Result, Workspace

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
    "linkat",
    "rename",
    "unlink",
    "unlinkat",
    "rmdir",
    "sendfile",
)
"""By what the program changes a disk; of openat, the calls that create."""

_OF_DESCRIPTORS = {"write", "pwrite64", "ftruncate", "fsync", "fdatasync", "fchmod", "sendfile"}


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
    def path(self) -> PurePath:
        """The file that it changes; of two names the last, to which something is renamed."""
        name = r"\(\d+<(/[^>]*)>" if self.name in _OF_DESCRIPTORS else r'"([^"]*)"'
        found = re.findall(name, self.text)
        return PurePath(found[-1] if found else "/a pipe")

    @property
    def kind(self) -> tuple[str, str]:
        """What it does to which file; of those alike, one tells as much as all."""
        return self.name, self.path.name

    def concerns(self, folder: Path) -> bool:
        """Whether it changes something in the folder in which the program works."""
        creates = self.name != "openat" or re.search("O_CREAT|O_TMPFILE", self.text)
        return bool(creates) and (folder / self.path).is_relative_to(folder)

    def __str__(self) -> str:
        return f"{self.name} {self.nth}"


def calls(rca: Workspace, *arguments: str) -> list[Call]:
    """Runs a command to its end; what it changed on the disk, in order."""
    log = rca.folder / "strace.log"
    done = rca(*arguments, before=watching(log))
    assert done.code == 0, done
    return changes(log, rca.folder)


def watching(log: Path, *files: Path) -> list[str]:
    """The words before a program whose calls go into a log.

    Args:
        files: for a program of many threads, the only files that are looked at. strace counts in
            each thread for itself, so no more than one of them may change these.
    """
    return _strace(files, "-o", str(log), "-e", f"trace={','.join(_CHANGES)}")


def changes(log: Path, folder: Path) -> list[Call]:
    """What was changed within a folder, out of a log, which is removed."""
    found: list[Call] = []
    counts: Counter[tuple[str, str]] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        match = re.match(r"(\d*) *(\w+)\(", line)
        if match is None:  # the end of a call that another thread's interrupted
            continue
        thread, name = match.groups()
        counts[thread, name] += 1
        found.append(Call(name, counts[thread, name], line))
    log.unlink()
    return [call for call in found if call.concerns(folder)]


def some(all_calls: Sequence[Call], count: int) -> list[Call]:
    """A few of them, spread over a run and its kinds of calls; all with --all-faults.

    Of each kind the one in the middle: how many pages SQLite writes differs a little between runs,
    since serial numbers are random, and the last one of a run may have no match in another.
    """
    if every_call:
        return list(all_calls)
    kinds: dict[tuple[str, str], list[Call]] = {}
    for call in all_calls:
        kinds.setdefault(call.kind, []).append(call)
    of_each_kind = [alike[len(alike) // 2] for alike in kinds.values()]
    step = max(1, len(of_each_kind) // count)
    return of_each_kind[step // 2 :: step]


def killed_at(call: Call, rca: Workspace, *arguments: str) -> None:
    """Runs a command that dies when it makes the call; the call itself is not made."""
    result = rca(*arguments, before=fault(call, "signal=KILL"))
    assert result.code in (-9, 137), (call, result)


def failing_at(call: Call, error: str, rca: Workspace, *arguments: str) -> Result:
    """Runs a command in which that call fails, such as with ENOSPC."""
    return rca(*arguments, before=fault(call, f"error={error}"))


def fault(call: Call, what: str, *files: Path) -> list[str]:
    """The words before a program that something happens to at a call, in strace's words."""
    tampering = f"inject={call.name}:{what}:when={call.nth}"
    return _strace(files, "-o", "/dev/null", "-e", f"trace={call.name}", "-e", tampering)


def _strace(files: Sequence[Path], *options: str) -> list[str]:
    # -y: with the path behind each descriptor. Of a command only the main thread writes: no -f.
    threads = ["-f", *(word for file in files for word in ("-P", str(file)))] if files else []
    return ["strace", "-y", "-s", "250", "-e", "signal=none", *threads, *options]


def read_fault(file: Path) -> list[str]:
    """The words before a program to which the disk does not give a file back."""
    calls = "read,pread64"
    tampering = f"inject={calls}:error=EIO"
    return _strace((file,), "-o", "/dev/null", "-e", f"trace={calls}", "-e", tampering)
