"""Measuring two things in turn, and saying what one is of the other."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

RCA = str(Path(sys.executable).with_name("rca"))


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: how long, and for a process its processor time and largest memory."""

    seconds: float
    processor: float = 0.0
    mebibytes: float = 0.0


Run = Callable[[], Sample]


def process(*command: str) -> Run:
    """A whole process, from its start to its end; what it prints is thrown away."""
    launcher = str(Path(__file__).with_name("launcher.py"))

    def run() -> Sample:
        result = subprocess.run(
            [sys.executable, "-I", "-S", launcher, *command],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        seconds, processor, kibibytes = result.stdout.split()
        return Sample(float(seconds), float(processor), int(kibibytes) / 1024)

    return run


@contextmanager
def memory_of_all() -> Iterator[Callable[[], float]]:
    """Watches what all descendants of this process hold at once; gives a look at the most, in MiB.

    Proportional set size: what processes share counts once. Looked at ten times a second.
    """
    most = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.1):
            most = max(most, sum(map(_proportional, _descendants(os.getpid()))) / 1024)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield lambda: most
    finally:
        done.set()
        watcher.join()


def _descendants(process: int) -> Iterator[int]:
    with suppress(OSError):
        for children in Path(f"/proc/{process}/task").glob("*/children"):
            for child in map(int, children.read_text().split()):
                yield child
                yield from _descendants(child)


def _proportional(process: int) -> int:
    """In KiB."""
    with suppress(OSError):
        for row in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if row.startswith("Pss:"):
                return int(row.split()[1])
    return 0


def imports(*modules: str) -> Run:
    """A Python process that only imports: the floor under every command."""
    return process(sys.executable, "-c", f"import {', '.join(modules)}")


def in_turn(runs: Sequence[Run], rounds: int) -> list[Sample]:
    """The median of each. They take turns, so that a busy moment of the machine meets them all."""
    for run in runs:
        run()  # fills the caches of files and bytecode
    samples = [[run() for run in runs] for _ in range(rounds)]
    return [
        Sample(
            median(s.seconds for s in column),
            median(s.processor for s in column),
            median(s.mebibytes for s in column),
        )
        for column in zip(*samples, strict=True)
    ]


def heading(title: str, floor: str, unit: str = "ms") -> None:
    print(f"\n{title}\n{'':<44}{floor + ', ' + unit:>18}{'rca, ' + unit:>12}{'ratio':>9}   aim")


def line(name: str, floor: float, ours: float, aim: str = "", note: str = "") -> None:
    """One comparison; the ratio is rca's figure to the floor's or peer's."""
    print(f"{name:<44}{floor:>18,.1f}{ours:>12,.1f}{ours / floor:>9.3f}   {aim:<8}{note}".rstrip())
    sys.stdout.flush()
