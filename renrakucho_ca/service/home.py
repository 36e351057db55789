"""A home: where settings, profiles and state lie, and what every use case needs of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from renrakucho_ca.clock import Clock, Randomness, system_clock, system_randomness
from renrakucho_ca.errors import Conflict, Unavailable
from renrakucho_ca.store import files
from renrakucho_ca.store.database import Database

if TYPE_CHECKING:
    from renrakucho_ca.settings import Settings
    from renrakucho_ca.store.keystore import Keystore


class Home:
    """A home on disk. Nothing is opened before it is needed: a look-up reads no settings.

    Args:
        path: the folder.
        passphrase: gives the passphrase of the CA keys; its argument tells whether it is a new one.
        clock, random: what tests hand in.
    """

    def __init__(
        self,
        path: Path,
        passphrase: Callable[[bool], bytes],
        clock: Clock = system_clock,
        random: Randomness = system_randomness,
    ) -> None:
        self.path = path
        self.profiles = path / "profiles"
        self.store = path / "ca-store"
        self.public = path / "public"
        self.clock = clock
        self.random = random
        self._passphrase = passphrase

    @cached_property
    def settings(self) -> Settings:
        from renrakucho_ca import settings

        return settings.load(self.path)

    @cached_property
    def keystore(self) -> Keystore:
        from renrakucho_ca.store.keystore import Keystore

        return Keystore(self.store / "keys", self._passphrase, self.random)

    @cached_property
    def db(self) -> Database:
        """The database. A home that has settings and no state yet gets its state now."""
        if not self._is_set_up() and (self.path / "rca.yaml").exists():
            self._set_up()
        if self._is_set_up() and not self._database.exists():
            raise Unavailable(
                "the database {path} is missing", hint="restore a backup", path=self._database
            )
        return Database.open(self._database)

    def lock(self, name: str) -> files.FileLock:
        """A lock of this home: `issuing`, `publishing`, `hierarchies`."""
        return files.FileLock(self.store / f"{name}.lock")

    def create(self, network: str | None, organization: str | None) -> None:
        """Makes a new home. Settings and profiles that are there already are kept.

        Raises:
            Conflict: there is a store already.
        """
        import shutil

        from renrakucho_ca import profiles, settings

        if self._is_set_up():
            raise Conflict("{path} is a home already", path=self.path)
        text = settings.render_example(
            network or settings.DEFAULT_NETWORK, organization or settings.DEFAULT_ORGANIZATION
        )
        files.make_folder(self.path)
        if not (self.path / "rca.yaml").exists():
            files.create(self.path / "rca.yaml", text.encode())
        if not self.profiles.exists():
            files.make_folder(self.profiles)
            for source in sorted(profiles.shipped().glob("*.yaml")):
                shutil.copyfile(source, self.profiles / source.name)
        self._set_up()

    @property
    def _database(self) -> Path:
        return self.store / "rca.sqlite"

    @property
    def _bundle_key(self) -> Path:
        return self.store / "keys" / "bundle.key"

    def _is_set_up(self) -> bool:
        """The bundles' key is made last, so where it is, everything was made once."""
        return self._bundle_key.exists()

    def _set_up(self) -> None:
        """Makes the state, or goes on where a first start was cut off."""
        for folder in (self.store, self.store / "keys", self.store / "crl"):
            files.make_folder(folder)
        # A checkout brings the folder with the mode that git gave it.
        self.store.chmod(files.PRIVATE_FOLDER)
        with self.lock("setup").exclusive():
            if self._is_set_up():
                return
            if not self._database.exists():
                Database.create(self._database).close()
            self.keystore.create_bundle_key()
