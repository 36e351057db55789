"""Replace all sealed keys of a folder at once: write a new set, then rename its folder.

Before the rename the old keys are valid, and the next attempt removes the unfinished set. After it
the new keys are valid, and the next access to a key first moves the rest of the set into place. So
all keys always have the same passphrase.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from renrakucho_ca.store import files

_NEXT = "next"


def replace_all(
    folder: Path, contents: Mapping[str, bytes], check: Callable[[Path], object]
) -> None:
    """Replace the files of the same names with all these. The caller holds a lock.

    Args:
        check: called with each new file before any replacement; its exceptions keep the old.
    """
    finish(folder)
    begun = files.temporary_for(folder / _NEXT)
    if begun.exists():
        shutil.rmtree(begun)
    files.make_folder(begun)
    try:
        for name, content in contents.items():
            files.write(begun / name, content, new=True)
            check(begun / name)
    except BaseException:
        shutil.rmtree(begun, ignore_errors=True)
        raise
    begun.rename(folder / _NEXT)
    files.sync_folder(folder)
    finish(folder)


def finish(folder: Path) -> None:
    """Move the rest of a finished set into place.

    It needs no lock: a second process moves the same files to the same names.
    """
    finished = folder / _NEXT
    if not finished.is_dir():
        return
    with suppress(FileNotFoundError):
        for path in finished.iterdir():
            with suppress(FileNotFoundError):
                path.rename(folder / path.name)
        files.sync_folder(folder)
        finished.rmdir()
        files.sync_folder(folder)
