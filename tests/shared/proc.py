"""What /proc shows of a command while it runs."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path


def of_group(group: int) -> bytes:
    """What anybody (cmdline), or root (environ), can read of a process group at this moment."""
    seen = b""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                if os.getpgid(int(folder.name)) == group:
                    seen += b"\n".join(
                        (folder / name).read_bytes() for name in ("cmdline", "environ")
                    )
    return seen


def watch(process: subprocess.Popen[str], code: int = 0) -> tuple[bytes, str, str]:
    """Looks until a command ends that was started with `start_new_session`.

    Returns:
        What was seen of it and its children, its output, and its errors.
    """
    seen: set[bytes] = set()
    while process.poll() is None:
        seen.add(of_group(process.pid))
    out, err = process.communicate()
    assert process.returncode == code, err
    return b"\n".join(seen), out, err
