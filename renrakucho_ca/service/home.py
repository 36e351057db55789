"""A home: the folder with settings, profiles and state, and lazy access to each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from renrakucho_ca.clock import Clock, Randomness, system_clock, system_randomness
from renrakucho_ca.errors import Conflict, Unavailable
from renrakucho_ca.store import files
from renrakucho_ca.store.files.lock import FileLock
from renrakucho_ca.store.sqlite.connection import Database

if TYPE_CHECKING:
    from renrakucho_ca.model import Actor
    from renrakucho_ca.settings import Settings
    from renrakucho_ca.store.files.journal import Journal
    from renrakucho_ca.store.keystore import Keystore


def _no_pin(token: str) -> str:
    raise Unavailable("no PIN for the token {token}", token=token)


class Home:
    """A home on disk. Everything is opened on first use: a look-up reads no settings.

    Args:
        path: the folder.
        passphrase: returns the passphrase of the CA keys; called with whether it is a new one.
        clock, random: replaced in tests.
        pin: returns the PIN of a named token that has no PIN file.
        actor: the actor in the audit log (default: the operating system's user).
    """

    def __init__(
        self,
        path: Path,
        passphrase: Callable[[bool], bytes],
        clock: Clock = system_clock,
        random: Randomness = system_randomness,
        actor: Actor | None = None,
        pin: Callable[[str], str] = _no_pin,
    ) -> None:
        self.path = path
        self.profiles = path / "profiles"
        self.store = path / "ca-store"
        self.public = path / "public"
        self.clock = clock
        self.random = random
        self._passphrase = cache(passphrase)
        self.pin = cache(pin)
        self._actor = actor
        self._only_looks = False

    @cached_property
    def journal(self) -> Journal:
        from renrakucho_ca.store.files.journal import Journal

        return Journal(self.store / "journal")

    @cached_property
    def actor(self) -> Actor:
        from renrakucho_ca.service import actor

        return self._actor or actor.of_process()

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
        """The database. A home with settings but no state gets its state now."""
        if self._only_looks:
            return Database.look_at(self.database)
        if not self._is_set_up() and (self.path / "rca.yaml").exists():
            with self.setting_up():
                if not self._is_set_up():
                    self._make_state()
        if self._is_set_up() and not self._has_database():
            raise Unavailable(
                "the database {path} is missing", hint="restore a backup", path=self.database
            )
        db = Database.open(self.database)
        db.before_writing = self.append_to_journal
        return db

    def append_to_journal(self) -> None:
        """Append to the journal the committed rows of the audit log that it lacks, of any process.

        If the journal cannot be written, the next writer appends, and `store_state.require` insists
        on it. An unfinished restore appends nothing: a journal given later must follow the backup's
        log.
        """
        if not self.recovery_file.exists():
            with suppress(Unavailable):
                self.journal.append_missing(self.db)

    def lock(self, name: str) -> FileLock:
        """Return the lock `issuing`, `publishing` or `hierarchies`; raise NotFound without home."""
        if not self.store.exists():
            _ = self.db  # creates the state, or raises
        return FileLock(self.store / f"{name}.lock")

    def elsewhere(self, path: Path) -> Home:
        """Return a home in another folder with the same passphrase, asked for once."""
        return Home(path, self._passphrase, self.clock, self.random, pin=self.pin)

    def only_looking(self) -> Home:
        """Return the same home with a read-only database: it is neither created nor upgraded."""
        same = Home(self.path, self._passphrase, self.clock, self.random, self._actor)
        same._only_looks = True
        return same

    @cached_property
    def recovery_file(self) -> Path:
        """The file that exists during an unfinished restore (`service.store_state`)."""
        return self.store / "restored.json"

    def create(self, network: str | None, organization: str | None) -> None:
        """Create a home; keep existing settings and profiles. Raises Conflict if it has a store."""
        from renrakucho_ca import profiles, settings

        text = settings.render_example(
            network or settings.DEFAULT_NETWORK, organization or settings.DEFAULT_ORGANIZATION
        )
        with self.setting_up():
            if self._is_set_up():
                raise Conflict("{path} is already a home", path=self.path)
            if not (self.path / settings.FILE).exists():
                files.write(self.path / settings.FILE, text.encode(), new=True)
            if not self.profiles.exists():
                self._copy_profiles(profiles.shipped())
            self._make_state()

    @property
    def database(self) -> Path:
        return self.store / "rca.sqlite"

    @property
    def _bundle_key(self) -> Path:
        return self.store / "keys" / "bundle.key"

    def _is_set_up(self) -> bool:
        """Return whether the state was created once: the bundle key is created last.

        If it is lost, the CA keys prove the state; a new one would not open existing bundles.
        """
        return self._bundle_key.exists() or any(self._bundle_key.parent.glob("*.key"))

    def _has_database(self) -> bool:
        """Return whether the database exists; an empty file would be opened as a new one."""
        return self.database.exists() and self.database.stat().st_size > 0

    @contextmanager
    def setting_up(self) -> Iterator[None]:
        """Hold the lock under which a home is created, once."""
        files.make_folder(self.store)
        # In a checkout the folder has the mode that git gave it.
        self.store.chmod(files.PRIVATE_FOLDER)
        with self.lock("setup").exclusive():
            yield

    def _copy_profiles(self, shipped: Path) -> None:
        """Copy all profiles or none: a partial set would pass for the operator's own."""
        import shutil

        new = files.temporary_for(self.profiles)
        if new.exists():
            shutil.rmtree(new)
        files.make_folder(new)
        for source in shipped.glob("*.yaml"):
            files.write(new / source.name, source.read_bytes(), new=True)
        new.rename(self.profiles)
        files.sync_folder(self.path)

    def _make_state(self) -> None:
        """Create the state, or complete an interrupted creation."""
        for folder in (self.store / "keys", self.store / "crl"):
            files.make_folder(folder)
        make = Database.open if self.database.exists() else Database.create
        make(self.database).close()
        self.keystore.create_bundle_key()
