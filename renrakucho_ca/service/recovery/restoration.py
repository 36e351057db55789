"""Restore a backup: unpack and check it in a staging folder, then move it into place.

A run killed while unpacking leaves a folder, which the next run removes. The database is moved
last: without it every command refuses the home, and the next run clears it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from renrakucho_ca.errors import Conflict, Invalid
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.recovery import reconcile, verify_backup
from renrakucho_ca.service.recovery.verify_backup import BackupFinding
from renrakucho_ca.store import files
from renrakucho_ca.store.files import archive, sealed_file
from renrakucho_ca.store.files.archive import Manifest

_UNPACKED, _READY = ".restore", ".restore-ready"


@dataclass(frozen=True, slots=True)
class Restored:
    """The backup, and the problems of its keys or CRLs."""

    manifest: Manifest
    findings: list[BackupFinding]


def restore(home: Home, file: Path) -> Restored:
    """Create a home from a backup. It stays closed until `reconcile` runs.

    Args:
        home: empty, except for `public` and, in `ca-store`, the journal and CRLs.

    Raises:
        Conflict: a home exists. Unavailable: wrong passphrase.
        Invalid: the backup is damaged; nothing was moved into place.
    """
    with file.open("rb") as stream:
        opened = sealed_file.SealedReader(stream, home.keystore)
        return _restore(home, opened)


def _restore(home: Home, opened: sealed_file.SealedReader) -> Restored:
    with home.setting_up():
        _clear(home)
        staging = home.store / _UNPACKED
        files.make_folder(staging)
        try:
            manifest = archive.unpack(opened, staging)
            findings = _findings(home, home.elsewhere(staging))
        except BaseException:
            rmtree(staging)
            raise
        ready = home.store / _READY
        staging.rename(ready)
        _put_into_place(home, ready)
    return Restored(manifest, findings)


def _findings(home: Home, staged: Home) -> list[BackupFinding]:
    """Return the problems of keys and CRLs, without which the rest is usable; refuse a damaged
    database.
    """
    findings = list(verify_backup.findings(staged))
    for each in findings:
        if each.file == archive.DATABASE:
            raise Invalid("the database in the backup is damaged", hint="use another backup")
    reconcile.begin(home, staged)
    staged.db.close()
    return findings


def _clear(home: Home) -> None:
    """Remove the files of a killed run; raise Conflict if a home exists."""
    rmtree(home.store / _UNPACKED, ignore_errors=True)
    ready = home.store / _READY
    if (ready / archive.DATABASE).exists():
        # Killed while it moved files into place: all existing files come from that run.
        for path in _taken(home):
            if path.is_dir():
                rmtree(path)
            else:
                path.unlink()
    rmtree(ready, ignore_errors=True)
    for path in _taken(home):
        if home.recovery_file.exists():
            # It may have been killed after the last move.
            raise Conflict(
                "a backup was restored here, and the restore is not finished",
                hint="run `rca restore` without FILE to continue",
            )
        raise Conflict(
            "{path} exists already: a backup is restored into an empty home",
            hint="move the old home away, except its ca-store/journal and public/",
            path=path,
        )


def _taken(home: Home) -> list[Path]:
    """Return the existing parts of a home; the database first."""
    names = (home.database, home.store / "keys", home.path / "rca.yaml", home.profiles)
    found = [path for path in names if path.exists()]
    return [path for path in found if not path.is_dir() or any(path.iterdir())]


def _put_into_place(home: Home, ready: Path) -> None:
    """Put the keys first: with them it counts as a home, so `init` makes no other there."""
    store = ready / "ca-store"
    _keep_crls(home, store / "crl")
    pending = (store / "publish-hook.pending", home.store / "publish-hook.pending")
    for source, target in (
        (store / "keys", home.store / "keys"),
        (store / home.recovery_file.name, home.recovery_file),
        pending,
        (ready / "profiles", home.profiles),
        (ready / "rca.yaml", home.path / "rca.yaml"),
        (ready / archive.DATABASE, home.database),
    ):
        if source.exists():
            source.rename(target)
            files.sync_folder(target.parent)
    rmtree(ready)


def _keep_crls(home: Home, source: Path) -> None:
    """Keep CRLs that survived: they are newer than those of the backup."""
    files.make_folder(home.store / "crl")
    for path in source.glob("*"):
        target = home.store / "crl" / path.name
        if not target.exists():
            path.rename(target)
    files.sync_folder(home.store / "crl")
