"""Verify a backup: the database is sound, and each key and CRL is that of its CA."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from renrakucho_ca.errors import Attention, Invalid, RcaError
from renrakucho_ca.pki import authority_certificate
from renrakucho_ca.service.ca import ca_keys, crls
from renrakucho_ca.service.home import Home
from renrakucho_ca.store import files
from renrakucho_ca.store.files import archive, sealed_file
from renrakucho_ca.store.files.archive import Manifest
from renrakucho_ca.store.sqlite import health
from renrakucho_ca.store.tables import hierarchies

_STAGING = ".backup-proof"


@dataclass(frozen=True, slots=True)
class BackupFinding:
    """A problem with a file of a backup, by its name within the home."""

    file: str
    problem: RcaError


@dataclass(frozen=True, slots=True)
class Inspected:
    """A verified backup.

    Attributes:
        in_tokens: the CAs whose keys are not in it, because they never leave their token.
    """

    manifest: Manifest
    findings: list[BackupFinding]
    in_tokens: list[str]


def verify(home: Home, file: Path) -> Inspected:
    """Unpack a backup into a temporary folder, and check each file.

    Args:
        home: the place to unpack; without a home, the backup's own folder.

    Raises:
        Invalid: it is damaged as a whole. Unavailable: wrong passphrase.
    """
    with file.open("rb") as stream:
        opened = sealed_file.SealedReader(stream, home.keystore)
        with _staging(home, file.parent) as staging:
            manifest = archive.unpack(opened, staging)
            unpacked = home.elsewhere(staging)
            found = list(findings(unpacked))
            is_sound = all(each.file != archive.DATABASE for each in found)
            return Inspected(manifest, found, in_tokens(unpacked) if is_sound else [])


def in_tokens(home: Home) -> list[str]:
    """Return the CAs whose keys are in a token."""
    return [
        authority.name
        for hierarchy in hierarchies.all_of(home.db)
        for authority in hierarchy.authorities
        if ca_keys.is_in_token(authority)
    ]


def findings(home: Home) -> Iterator[BackupFinding]:
    """Yield the problems of an unpacked backup. Upgrades its database to the present schema."""
    try:
        damage = health.damage(home.db)
    except RcaError as error:
        yield BackupFinding(archive.DATABASE, error)
        return
    if damage:
        yield BackupFinding(
            archive.DATABASE, Invalid("the database is damaged: {problem}", problem=damage[0])
        )
        return
    try:
        home.keystore.bundle_sealer()
    except RcaError as error:
        yield BackupFinding("ca-store/keys/bundle.key", error)
    for hierarchy in hierarchies.all_of(home.db):
        for authority in hierarchy.authorities:
            try:
                if not ca_keys.is_in_token(authority):
                    ca_keys.ca_key(home, authority)
            except RcaError as error:
                yield BackupFinding(f"ca-store/keys/{authority.key}.key", error)
            path = crls.path_of(home, authority)
            name = path.relative_to(home.path).as_posix()
            try:
                crls.verify(authority_certificate.of(authority), path)
            except FileNotFoundError:
                if hierarchies.crl_state(home.db, authority).this_update is not None:
                    yield BackupFinding(name, Attention("it is missing", hint="run `rca publish`"))
            except RcaError as error:
                yield BackupFinding(name, error)


@contextmanager
def _staging(home: Home, folder: Path) -> Iterator[Path]:
    """Yield a private folder and remove it at the end; a killed run's folder is removed first."""
    with ExitStack() as stack:
        if home.store.is_dir():
            stack.enter_context(home.lock("backup").exclusive())
            path = home.store / _STAGING
            rmtree(path, ignore_errors=True)
            files.make_folder(path)
        else:
            path = Path(mkdtemp(prefix=_STAGING, dir=folder))
        stack.callback(rmtree, path)
        yield path
