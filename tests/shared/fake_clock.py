"""Programs that see another time (libfaketime), and the removal of the files that it leaves."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

_started: set[int] = set()


def at(moment: str | Path) -> dict[str, str]:
    """The environment of a program for which it is that moment, in UTC.

    Args:
        moment: as libfaketime reads it: the clock stands still there or, after an `@`, goes on; or
            a file with that, which may be changed meanwhile.
    """
    values = (
        {"FAKETIME_TIMESTAMP_FILE": str(moment), "FAKETIME_NO_CACHE": "1"}
        if isinstance(moment, Path)
        else {"FAKETIME": moment}
    )
    return values | {
        "LD_PRELOAD": _library(),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # What waits, waits as long as ever.
        "TZ": "UTC",
    }


def note(pid: int, before: Sequence[str], environment: Mapping[str, str]) -> None:
    """Notes a process that was started, where its clock is fake."""
    if "faketime" in before or "LD_PRELOAD" in environment:
        _started.add(pid)


def remove_shared_memory() -> None:
    """Removes what libfaketime left of the processes that this one started, all of them ended.

    A process that is killed or ends by _exit leaves its files in /dev/shm. A later one of the same
    number would fail with "sem_open: File exists".
    """
    while _started:
        pid = _started.pop()
        for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
            (Path("/dev/shm") / name).unlink(missing_ok=True)


@cache
def _library() -> str:
    # The program of that name forks: a signal for what it runs would not arrive.
    command = ["faketime", "2026-01-01", "printenv", "LD_PRELOAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def remove_stale_files() -> None:
    """Remove what libfaketime left of processes that earlier runs killed.

    A new process that gets the same number would end with "sem_open: File exists".
    """
    for path in Path("/dev/shm").glob("*faketime_s*_*"):
        number = path.name.rpartition("_")[2]
        if number.isdecimal() and not Path("/proc", number).exists():
            path.unlink(missing_ok=True)
