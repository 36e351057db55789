"""A disk so small that it fills up."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of that size, as mount(8) takes it, at a folder that is made; gone afterwards."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(disk: Path, leave: int = 0) -> None:
    """Writes to the file `fill` until no more than so many bytes are left."""
    with suppress(OSError), (disk / "fill").open("ab", 0) as file:
        while leave == 0 or shutil.disk_usage(disk).free > leave:
            file.write(b"x" * 1024)
