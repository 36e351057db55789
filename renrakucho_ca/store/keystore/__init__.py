"""Secrets at rest: the CAs' keys under the passphrase, the bundles under a key of the store.

`ca-store/keys/` has two kinds of key:

* sealed files (`*.key`): a secret under AES-256-GCM, with a key that scrypt derives from the
  passphrase. The library's own PKCS#8 encryption uses 2,048 rounds of PBKDF2, a thousandth of this.
  All files of a store share a salt, so a command derives the key once.
* `bundle.key`: 32 random bytes in the clear. It opens bundles, which have a password of their own,
  so the portal needs no passphrase; a copy of the database alone opens no bundle.
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
    """The folder of keys. It asks for the passphrase at first need, and derives the key once.

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
        """Make the key for a new store."""
        files.write(self._folder / _BUNDLE_KEY, self._random(KEY_BYTES), new=True)

    def bundle_sealer(self) -> Sealer:
        """Return the bundles' sealer. Raise Unavailable if its key is missing or cut off."""
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
        """Ask for the passphrase and prove it; set it in a new store."""
        if not self._has_sealed_keys():
            self._passphrase = self._ask(True)
            sealed = self._seal(
                _REVEAL, self._random(KEY_BYTES), KeyDerivation(self._random(SALT_BYTES))
            )
            files.write(self._path(_REVEAL), sealed, new=True)
        self.password_sealer()

    def password_sealer(self) -> Sealer:
        """Return the sealer of retrieval passwords for `show --reveal`; it needs the passphrase."""
        return Sealer(self.read(_REVEAL))

    def _has_sealed_keys(self) -> bool:
        """Return whether a passphrase was set, even if `reveal.key` is lost.

        A second passphrase would seal only some of the keys.
        """
        return any(path.name != _BUNDLE_KEY for path in self._folder.glob("*.key"))

    def has(self, name: str) -> bool:
        """Return whether the CA's key is here, without the passphrase."""
        return self._path(name).exists()

    def write(self, name: str, secret: bytes) -> None:
        """Seal a CA's key under its name. The caller holds a lock against `rewrap`.

        Raise Conflict if the name is taken.
        """
        self.unlock()
        files.write(self._path(name), self._seal(name, secret, self._own_derivation()), new=True)

    def write_outside(self, path: Path, name: str, secret: bytes) -> None:
        """Seal a CA's key into a file outside the store, to be taken off the machine.

        Raise Conflict if `path` exists: it may be the only copy of a key.
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
        """Open a sealed key.

        Raise Unavailable if the passphrase is wrong, or the file is missing or another CA's.
        """
        generations.finish(self._folder)
        return self.read_outside(self._path(name), name)

    def name_in(self, path: Path) -> str:
        """Return the CA's name in a sealed file. Raise Unavailable if the file is bad."""
        return SealedKey.read(path).name

    def read_outside(self, path: Path, name: str) -> bytes:
        """Open a CA's sealed key outside the store; the file must name that CA."""
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
        """Return a stream's cipher under the passphrase; `derivation` needs a fresh salt."""
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

        Raise Unavailable without keys or passphrase.
        """
        self._derive_in_background(self._own_derivation())

    def close(self) -> None:
        """Wait for unused background tasks: each holds the 64 MiB of scrypt until it is done."""
        while self._background:
            _, task = self._background.popitem()
            task.wait()

    def set_orphaned_key_aside(self, name: str, now: datetime) -> Path | None:
        """Rename a key of that name that the database does not know, and return its new path.

        The new name is `new-issuing.key.left-over-20260801T000000Z`. Usually a run died before it
        recorded a hierarchy. After the restore of an older database it is the only copy of a CA's
        key, so it is never deleted.
        """
        generations.finish(self._folder)
        path = self._path(name)
        if not path.exists():
            return None
        return files.set_aside(path, f"{path.name}{ORPHANED}{now:%Y%m%dT%H%M%SZ}")

    def orphaned_keys(self) -> list[Path]:
        """Return the files that were set aside."""
        return sorted(self._folder.glob(f"*.key{ORPHANED}*"))

    def unlisted_keys(self, names: Collection[str | None]) -> list[Path]:
        """Return the sealed keys of CAs that are not in `names`, set aside or not."""
        known = {f"{name}.key" for name in (*names, _REVEAL)}
        return [path for path in self._sealed_files() if path.name not in known]

    # -- another passphrase

    def successor(self, new: Callable[[], bytes]) -> Keystore:
        """Ask for the present passphrase; return the folder under a new one, for `rewrap`.

        Raise Conflict if no key exists yet.
        """
        if not self._has_sealed_keys():
            raise Conflict(
                "no keys yet", hint="run `rca hierarchy create`: it asks for the first passphrase"
            )
        self._known_passphrase()
        passphrase = new()
        return Keystore(self._folder, lambda is_new: passphrase, self._random)

    def rewrap(self, successor: Keystore) -> int:
        """Seal all keys, or none, again under the successor's passphrase and a new salt.

        Args:
            successor: the same folder, with the new passphrase.

        Returns:
            Their number; 0 if all are under the new passphrase already.

        Raises:
            Unavailable: the passphrase is wrong, or a key damaged.
            Conflict: both passphrases are equal.
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
        """Do `rewrap` for one sealed key outside the store; return whether it was needed."""
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
        """Return whether an interrupted run has put a key under the successor's passphrase.

        Raises:
            Unavailable: neither passphrase opens it.
            Conflict: the two passphrases are equal.
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
