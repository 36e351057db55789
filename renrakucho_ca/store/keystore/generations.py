"""Replace all sealed keys of a folder at once: write a new set, then rename its folder.

Before the rename the old keys hold, and the next attempt removes the unfinished set. After it the
new keys hold, and the next access to a key first moves the rest of the set into place. So no two
keys are ever under two passphrases.
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
    """Puts all files in the place of those of the same names. The caller holds a lock.

    Args:
        check: looks at each new file before anything is replaced; what it raises keeps the old.
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
    """Puts what a finished set still holds in its place.

    Needs no lock: a second process moves the same files to the same names.
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
