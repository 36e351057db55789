"""Secrets at rest: the CAs' keys under the passphrase, the bundles under a key of the store.

Two kinds of key lie in `ca-store/keys/`:

* sealed files (`*.key`): a secret under AES-256-GCM, its key stretched from the passphrase by
  scrypt. The library's own PKCS#8 encryption uses 2,048 rounds of PBKDF2, a thousandth of this.
  All files of one store share a salt, so that a command stretches the passphrase once.
* `bundle.key`: 32 random bytes in the clear. It opens bundles, which have a password of their
  own, so that the portal can hand them out without ever knowing the passphrase; a copy of the
  database alone opens none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from renrakucho_ca.background import BackgroundTask
from renrakucho_ca.clock import Randomness
from renrakucho_ca.errors import Conflict, Unavailable
from renrakucho_ca.store import files
from renrakucho_ca.store.keystore import generations
from renrakucho_ca.store.keystore.keyfile import SealedKey
from renrakucho_ca.store.keystore.sealing import (
    KEY_BYTES,
    SALT_BYTES,
    ChunkCipher,
    KeyDerivation,
    Sealer,
)

ORPHANED = ".left-over-"

_REVEAL = "reveal"
_BUNDLE_KEY = "bundle.key"


class Keystore:
    """The folder of keys. The passphrase is asked for at first need, and stretched once.

    Args:
        folder: `ca-store/keys`.
        passphrase: returns the passphrase; its argument is True for a new one, which a
            terminal asks for twice.
    """

    def __init__(
        self, folder: Path, passphrase: Callable[[bool], bytes], random: Randomness
    ) -> None:
        self._folder = folder
        self._ask = passphrase
        self._random = random
        self._passphrase: bytes | None = None
        self._derived: dict[KeyDerivation, bytes] = {}
        self._background: dict[KeyDerivation, BackgroundTask[bytes]] = {}

    # -- the bundles' key, in the clear

    def create_bundle_key(self) -> None:
        """Makes the key for a new store."""
        files.write(self._folder / _BUNDLE_KEY, self._random(KEY_BYTES), new=True)

    def bundle_sealer(self) -> Sealer:
        """Raises Unavailable where the key is missing or cut off: the bundles cannot be opened."""
        path = self._folder / _BUNDLE_KEY
        try:
            with files.opened(path) as file:
                key = file.read(KEY_BYTES + 1)
        except FileNotFoundError as error:
            raise Unavailable("the bundle key is missing: {path}", path=path) from error
        if len(key) != KEY_BYTES:
            raise Unavailable(
                "the bundle key is damaged: {path}", hint="restore a backup", path=path
            )
        return Sealer(key)

    # -- secrets under the passphrase

    def unlock(self) -> None:
        """Asks for the passphrase and proves it, before anything is begun with it.

        The first call in a new store sets the passphrase.
        """
        if not self._has_sealed_keys():
            self._passphrase = self._ask(True)
            sealed = self._seal(
                _REVEAL, self._random(KEY_BYTES), KeyDerivation(self._random(SALT_BYTES))
            )
            files.write(self._path(_REVEAL), sealed, new=True)
        self.password_sealer()

    def password_sealer(self) -> Sealer:
        """Seals retrieval passwords for `show --reveal`, which needs the passphrase."""
        return Sealer(self.read(_REVEAL))

    def _has_sealed_keys(self) -> bool:
        """Whether the passphrase was chosen already. A lost `reveal.key` is no reason to choose
        another: there would be two, each for some of the keys.
        """
        return any(path.name != _BUNDLE_KEY for path in self._folder.glob("*.key"))

    def has(self, name: str) -> bool:
        """Whether the key of that CA is here. Needs no passphrase."""
        return self._path(name).exists()

    def write(self, name: str, secret: bytes) -> None:
        """Seals a CA's key under the name of its CA. The caller holds a lock against `rewrap`.

        Raises:
            Conflict: there is one of that name.
        """
        self.unlock()
        files.write(self._path(name), self._seal(name, secret, self._own_derivation()), new=True)

    def write_outside(self, path: Path, name: str, secret: bytes) -> None:
        """Seals a CA's key into a file outside the store, to be taken off the machine.

        Raises:
            Conflict: `path` exists. It may be the only copy of a key, so it is never replaced.
        """
        if os.path.lexists(path):
            raise Conflict(
                "{path} exists already",
                hint="an interrupted run may have left it: if no hierarchy in `rca hierarchy "
                "list` needs it, move it away",
                path=path,
            )
        self.unlock()
        files.write(path, self._seal(name, secret, self._own_derivation()), new=True, outside=True)

    def read(self, name: str) -> bytes:
        """Opens a sealed key.

        Raises:
            Unavailable: the passphrase is wrong, or the file is missing or another one.
        """
        generations.finish(self._folder)
        return self.read_outside(self._path(name), name)

    def name_in(self, path: Path) -> str:
        """Return the name of the CA that a sealed file names.

        Raises:
            Unavailable: there is none, or something else.
        """
        return SealedKey.read(path).name

    def read_outside(self, path: Path, name: str) -> bytes:
        """Opens a sealed key that lies outside the store, and must be the one of that name."""
        file = SealedKey.read(path)
        if file.name != name:
            raise Unavailable(
                "{path} has the key of {found}, not of {name}",
                path=path,
                found=repr(file.name),
                name=name,
            )
        secret = file.open(self._key(file.derivation))
        if secret is None:
            raise Unavailable(
                "wrong passphrase",
                hint="if the passphrase is right, {path} is damaged",
                path=path,
            )
        return secret

    def stream_cipher(self, derivation: KeyDerivation, header: bytes) -> ChunkCipher:
        """Seals or opens a stream under the passphrase.

        Args:
            stretching: with a salt that no other stream has.
        """
        return ChunkCipher(self._key(derivation), header)

    def new_derivation(self) -> KeyDerivation:
        """Return a derivation with the store's cost and a new salt, for `stream_cipher`.

        A background task derives its key meanwhile.
        """
        derivation = KeyDerivation(self._random(SALT_BYTES), self._own_derivation().n)
        self._derive_in_background(derivation)
        return derivation

    def expect_use(self) -> None:
        """Ask for the passphrase, and derive the key in a background task.

        Raises:
            Unavailable: there are no keys, or there is no passphrase.
        """
        self._derive_in_background(self._own_derivation())

    def close(self) -> None:
        """Wait for unused background tasks: each holds the 64 MiB of scrypt until it is done."""
        while self._background:
            _, task = self._background.popitem()
            task.wait()

    def set_orphaned_key_aside(self, name: str, now: datetime) -> Path | None:
        """Makes room for a key of that name, where a file is left that the database knows nothing
        of: `new-issuing.key.left-over-20260801T000000Z`.

        As a rule a run died before it recorded a hierarchy. But where an older database was put in
        place of a newer one, it is the only copy of a CA's key: so it is never deleted.

        Returns:
            Where it is now; None where there was none.
        """
        generations.finish(self._folder)
        path = self._path(name)
        if not path.exists():
            return None
        return files.set_aside(path, f"{path.name}{ORPHANED}{now:%Y%m%dT%H%M%SZ}")

    def orphaned_keys(self) -> list[Path]:
        """The files that were set aside."""
        return sorted(self._folder.glob(f"*.key{ORPHANED}*"))

    def unlisted_keys(self, names: Collection[str | None]) -> list[Path]:
        """The sealed keys of CAs that are not among those names, set aside or not."""
        known = {f"{name}.key" for name in (*names, _REVEAL)}
        return [path for path in self._sealed_files() if path.name not in known]

    # -- another passphrase

    def successor(self, new: Callable[[], bytes]) -> Keystore:
        """The same folder under another passphrase, for `rewrap`; the present one is asked first.

        Raises:
            Conflict: there is no present one: no key was made yet.
        """
        if not self._has_sealed_keys():
            raise Conflict(
                "no keys yet", hint="run `rca hierarchy create`: it asks for the first passphrase"
            )
        self._known_passphrase()
        passphrase = new()
        return Keystore(self._folder, lambda is_new: passphrase, self._random)

    def rewrap(self, successor: Keystore) -> int:
        """Seals every key anew under the successor's passphrase and a fresh salt: all, or none.

        Args:
            successor: the same folder, with the new passphrase.

        Returns:
            How many; 0 where they are all under the new passphrase already.

        Raises:
            Unavailable: the passphrase is wrong, or a key damaged. Conflict: it is the same.
        """
        if self._is_under(successor, self._path(_REVEAL)):
            return 0
        derivation = KeyDerivation(self._random(SALT_BYTES))
        names = {path.name: self.name_in(path) for path in self._sealed_files()}
        generations.replace_all(
            self._folder,
            {
                file: successor._seal(
                    name, self.read_outside(self._folder / file, name), derivation
                )
                for file, name in names.items()
            },
            check=lambda path: successor.read_outside(path, names[path.name]),
        )
        return len(names)

    def rewrap_outside(self, path: Path, successor: Keystore) -> bool:
        """As `rewrap`, for one sealed key outside the store; whether there was a need."""
        if self._is_under(successor, path):
            return False
        name = self.name_in(path)
        secret = self.read_outside(path, name)
        sealed = successor._seal(name, secret, KeyDerivation(self._random(SALT_BYTES)))
        files.write(path, sealed, check=lambda new: successor.read_outside(new, name))
        return True

    def _sealed_files(self) -> list[Path]:
        """Return all sealed files, with the orphaned keys: one may still be needed."""
        keys = [path for path in self._folder.glob("*.key") if path.name != _BUNDLE_KEY]
        return sorted([*keys, *self.orphaned_keys()])

    def _is_under(self, successor: Keystore, path: Path) -> bool:
        """Whether a key is under the successor's passphrase already: a run before was cut off.

        Raises:
            Unavailable: it opens under neither.
            Conflict: the two passphrases are the same.
        """
        generations.finish(self._folder)
        name = self.name_in(path)
        try:
            self.read_outside(path, name)
        except Unavailable:
            if successor._opens(path, name):
                return True
            raise
        if successor._opens(path, name):
            raise Conflict("the new passphrase equals the present one")
        return False

    def _opens(self, path: Path, name: str) -> bool:
        try:
            self.read_outside(path, name)
        except Unavailable:
            return False
        return True

    # -- inside

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.key"

    def _own_derivation(self) -> KeyDerivation:
        return SealedKey.read(self._path(_REVEAL)).derivation

    def _known_passphrase(self) -> bytes:
        if self._passphrase is None:
            self._passphrase = self._ask(False)
        return self._passphrase

    def _key(self, derivation: KeyDerivation) -> bytes:
        if derivation not in self._derived:
            self._derived[derivation] = self._derive(derivation)
        return self._derived[derivation]

    def _derive(self, derivation: KeyDerivation) -> bytes:
        task = self._background.pop(derivation, None)
        if task is not None:
            # With too little memory it is tried again, and then the error is reported.
            with suppress(MemoryError):
                return task.result()
        return derivation.key(self._known_passphrase())

    def _derive_in_background(self, derivation: KeyDerivation) -> None:
        self._background[derivation] = BackgroundTask(
            partial(derivation.key, self._known_passphrase())
        )

    def _seal(self, name: str, secret: bytes, derivation: KeyDerivation) -> bytes:
        key = self._key(derivation)
        return SealedKey.seal(name, secret, derivation, key, self._random).to_bytes()
