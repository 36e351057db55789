"""A home out of a backup: unpacked and proven out of sight, then put into place, the database last.

Killed before that, it leaves a folder that the next run removes. Killed while files are put into
place, it leaves a home without a database, which every command refuses and the next run clears.
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
    """What the backup was, and what is wrong with its keys or CRLs."""

    manifest: Manifest
    findings: list[BackupFinding]


def restore(home: Home, file: Path) -> Restored:
    """Makes a home of a backup. It issues nothing before it has caught up (`catching_up`).

    Args:
        home: where there is none yet. What a lost database leaves may be there: `public`, and in
            `ca-store` the journal and the CRLs.

    Raises:
        Conflict: there is a home already.
        Invalid: the backup is damaged; nothing was put into place.
        Unavailable: wrong passphrase.
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
    """Keys and CRLs may be lost, and the rest worth having; a database may not."""
    findings = list(verify_backup.findings(staged))
    for each in findings:
        if each.file == archive.DATABASE:
            raise Invalid("the database in the backup is damaged", hint="use another backup")
    reconcile.begin(home, staged)
    staged.db.close()
    return findings


def _clear(home: Home) -> None:
    """Removes what a run that died has left.

    Raises:
        Conflict: there is a home.
    """
    rmtree(home.store / _UNPACKED, ignore_errors=True)
    ready = home.store / _READY
    if (ready / archive.DATABASE).exists():
        # It died while it put files into place; all there is of a home is that run's.
        for path in _taken(home):
            if path.is_dir():
                rmtree(path)
            else:
                path.unlink()
    rmtree(ready, ignore_errors=True)
    for path in _taken(home):
        if home.behind.exists():
            # It may have been cut off after the last file was put into place.
            raise Conflict(
                "a backup was restored here, and the store has not caught up yet",
                hint="`rca restore` without FILE goes on",
            )
        raise Conflict(
            "{path} is there already: a backup is restored where no home is",
            hint="move the old home aside, but keep its ca-store/journal and public/",
            path=path,
        )


def _taken(home: Home) -> list[Path]:
    """What of a home is there already; the database first."""
    names = (home.database, home.store / "keys", home.path / "rca.yaml", home.profiles)
    found = [path for path in names if path.exists()]
    return [path for path in found if not path.is_dir() or any(path.iterdir())]


def _put_into_place(home: Home, ready: Path) -> None:
    """The keys first: with them it is a home, so that nobody makes another there."""
    store = ready / "ca-store"
    _keep_crls(home, store / "crl")
    pending = (store / "publish-hook.pending", home.store / "publish-hook.pending")
    for source, target in (
        (store / "keys", home.store / "keys"),
        (store / home.behind.name, home.behind),
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
    """CRLs that survived are newer than those of the backup."""
    files.make_folder(home.store / "crl")
    for path in source.glob("*"):
        target = home.store / "crl" / path.name
        if not target.exists():
            path.rename(target)
    files.sync_folder(home.store / "crl")
