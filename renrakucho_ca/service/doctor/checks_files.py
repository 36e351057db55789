"""Checks of permissions, owners, links and free disk space."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from renrakucho_ca.service.doctor.finding import Finding, new_problem
from renrakucho_ca.service.home import Home

LEAST_FREE_BYTES = 200 * 1000 * 1000
"""Space for a CRL of a million entries (53 MB) in DER and PEM, old and new."""

LEAST_FREE_FILES = 1000

_OTHERS_WRITE = stat.S_IWOTH
_OTHERS_DO_ANYTHING = stat.S_IRWXG | stat.S_IRWXO

_OF_THE_CHECKOUT = frozenset({"README.md", ".gitignore"})
"""Public files in `ca-store/` of a checkout, which can be a home."""


def permissions(home: Home) -> Iterator[Finding]:
    """Report state that others can read, and settings or folders that others can write."""
    for path in (home.store, *_inside(home.store)):
        if path.name not in _OF_THE_CHECKOUT and _mode(path) & _OTHERS_DO_ANYTHING:
            yield new_problem(
                "{path} can be read or written by others",
                hint="run `chmod go-rwx {path}`",
                path=path,
            )
    # rca.yaml names the command of publish_hook. `public` decides which clients nginx accepts, and
    # nginx reads its snippet as root. Write access to a folder replaces the files in it.
    folders = (home.profiles, home.public)
    inside = (path for folder in folders for path in sorted(folder.glob("*")))
    deciding = (home.path / "rca.yaml", *folders, *inside)
    for path in (home.path, *(each for each in deciding if each.exists())):
        if _mode(path) & _OTHERS_WRITE:
            yield new_problem(
                "{path} can be written by others", hint="run `chmod o-w {path}`", path=path
            )
    for path in home.path.absolute().parents:
        # In a sticky folder, such as /tmp, only owners can rename.
        if _mode(path) & _OTHERS_WRITE and not _mode(path) & stat.S_ISVTX:
            yield new_problem(
                "any user can replace the home: {path} is writable by others",
                hint="run `chmod o-w {path}`, or move the home",
                path=path,
            )
    yield from _secrets_outside(home)


def _secrets_outside(home: Home) -> Iterator[Finding]:
    """Check the files with secrets that the settings name."""
    for name in (home.settings.mail.password_file, home.settings.mobileconfig.signing_key):
        if name is not None:
            yield from readable_by_others(home.path / name)


def readable_by_others(path: Path) -> Iterator[Finding]:
    """Report a secret file that others can read. Raises OSError if it is missing."""
    status = path.stat()
    if stat.S_ISREG(status.st_mode) and status.st_mode & _OTHERS_DO_ANYTHING:
        yield new_problem(
            "{path} can be read or written by others", hint="run `chmod go-rwx {path}`", path=path
        )


def owners(home: Home) -> Iterator[Finding]:
    """Report files of other owners: a command run as root leaves files that others cannot read."""
    owner = home.store.stat().st_uid
    inside = [(path, (owner,)) for path in _inside(home.store)]
    # The owner of rca.yaml decides what publish_hook runs; root may own it.
    named = (home.path, home.path / "rca.yaml", home.profiles)
    deciding = [(path, (owner, 0)) for path in named if path.exists()]
    for path, trusted in (*inside, *deciding):
        other = path.lstat().st_uid
        if other not in trusted:
            yield new_problem(
                "{path} belongs to {other}, but the store belongs to {owner}",
                hint="run `chown {owner} {path}`, and run all commands as {owner}",
                path=path,
                other=_name(other),
                owner=_name(owner),
            )


def links(home: Home) -> Iterator[Finding]:
    """Report links, which rca never makes: they read or redirect the content elsewhere."""
    for path in (home.store, *_inside(home.store)):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            yield new_problem(
                "{path} is a symbolic link to {target}",
                hint="find out who created the link, and replace it with the file itself",
                path=path,
                target=path.readlink(),
            )
        elif stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            yield new_problem(
                "{path} has {count} hard links",
                hint="run `find / -samefile {path}` to see the other name, and find out who "
                "created it",
                path=path,
                count=status.st_nlink,
            )


def disk(home: Home) -> Iterator[Finding]:
    """Report a full or read-only disk; a check and a slow backup copy the database to it."""
    room = os.statvfs(home.store)
    if room.f_flag & os.ST_RDONLY:
        yield new_problem(
            "the disk of the store is mounted read-only: rca can neither issue nor revoke",
            hint="the kernel does this after a disk error: check dmesg, then run `mount -o "
            "remount,rw`",
        )
    free = room.f_bavail * room.f_frsize
    needed = LEAST_FREE_BYTES + (home.database.stat().st_size if home.database.exists() else 0)
    if free < needed:
        yield new_problem(
            "the disk of the store has {free} MB free; {needed} MB may be needed",
            hint="free some space: a full disk stops issuing and revoking",
            free=free // 10**6,
            needed=needed // 10**6,
        )
    # A file system with dynamic inodes reports 0 of them.
    if room.f_files and room.f_favail < LEAST_FREE_FILES:
        yield new_problem(
            "the disk of the store has {free} free inodes",
            hint="delete unneeded files; run `df -i` to see the free inodes of each disk",
            free=room.f_favail,
        )


def _inside(folder: Path) -> list[Path]:
    """List everything below a folder. Raises OSError if a part cannot be read."""
    found: list[Path] = []

    def refuse(error: OSError) -> None:
        raise error

    for where, folders, names in os.walk(folder, onerror=refuse):
        found += [Path(where, name) for name in (*folders, *names)]
    return sorted(found)


def _mode(path: Path) -> int:
    """Return the mode; 0 for a link, which has none and is reported by `links`."""
    status = path.lstat()
    return 0 if stat.S_ISLNK(status.st_mode) else status.st_mode


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
