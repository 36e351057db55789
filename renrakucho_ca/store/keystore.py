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

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from renrakucho_ca.clock import Randomness
from renrakucho_ca.errors import Conflict, Invalid, Unavailable
from renrakucho_ca.store import files

_NONCE_BYTES = 12
_FORMAT = "rca-sealed-1"

_REVEAL = "reveal"
_BUNDLE_KEY = "bundle.key"


@dataclass(frozen=True, slots=True)
class Stretching:
    """The parameters of scrypt (RFC 7914). 2^16 takes 64 MiB and about 0.22 s on one core."""

    salt: bytes
    n: int = 2**16
    r: int = 8
    p: int = 1

    def key(self, passphrase: bytes) -> bytes:
        """32 bytes for AES-256."""
        return Scrypt(salt=self.salt, length=32, n=self.n, r=self.r, p=self.p).derive(passphrase)


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals small secrets under one AES-256-GCM key. Can be sent to another process.

    What is sealed is bound to its `context`, so that a sealed value that was moved to another row
    does not open there.
    """

    key: bytes

    def seal(self, secret: bytes, context: str, random: Randomness) -> bytes:
        nonce = random(_NONCE_BYTES)
        return nonce + AESGCM(self.key).encrypt(nonce, secret, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Raises Unavailable where the key is another one or the bytes were changed."""
        try:
            nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            return AESGCM(self.key).decrypt(nonce, rest, context.encode())
        except (InvalidTag, ValueError) as error:
            raise Unavailable(
                "cannot open {context}: another key, or damaged", context=context
            ) from error

    def __repr__(self) -> str:
        return "Sealer()"


class Keystore:
    """The folder of keys. The passphrase is asked for at first need, and stretched once.

    Args:
        folder: `ca-store/keys`.
        passphrase: gives the passphrase; its argument tells whether it is a new one, which a
            terminal asks for twice.
    """

    def __init__(
        self, folder: Path, passphrase: Callable[[bool], bytes], random: Randomness
    ) -> None:
        self._folder = folder
        self._ask = passphrase
        self._random = random
        self._passphrase: bytes | None = None
        self._stretched: dict[Stretching, bytes] = {}

    # -- the bundles' key, in the clear

    def create_bundle_key(self) -> None:
        """Makes the key for a new store."""
        files.create(self._folder / _BUNDLE_KEY, self._random(32))

    def bundle_sealer(self) -> Sealer:
        """Raises Unavailable where the key is missing: the bundles cannot be opened then."""
        path = self._folder / _BUNDLE_KEY
        try:
            return Sealer(path.read_bytes())
        except FileNotFoundError as error:
            raise Unavailable("the key of the bundles is missing: {path}", path=path) from error

    # -- secrets under the passphrase

    def unlock(self) -> None:
        """Asks for the passphrase and proves it, before anything is begun with it.

        The first call in a new store sets the passphrase.
        """
        self.password_sealer()

    def password_sealer(self) -> Sealer:
        """Seals retrieval passwords for `show --reveal`, which needs the passphrase."""
        if not self.is_set_up():
            self._create_reveal_key()
        return Sealer(self.read(_REVEAL))

    def is_set_up(self) -> bool:
        """Whether the passphrase of this store was chosen already."""
        return self._path(_REVEAL).exists()

    def _create_reveal_key(self) -> None:
        self._passphrase = self._passphrase or self._ask(True)
        sealed = self._seal(_REVEAL, self._random(32), Stretching(self._random(16)))
        # Where another process was first its passphrase decides, and read() checks ours by it.
        with suppress(Conflict):
            files.create(self._path(_REVEAL), sealed)

    def write(self, name: str, secret: bytes) -> None:
        """Seals a CA's key under the name of its CA.

        Raises:
            Conflict: there is one of that name.
        """
        self.unlock()
        files.create(self._path(name), self._seal(name, secret, self._own_stretching()))

    def write_outside(self, path: Path, name: str, secret: bytes) -> None:
        """Seals a CA's key into a file outside the store, to be taken off the machine."""
        self.unlock()
        files.create(path, self._seal(name, secret, self._own_stretching()))

    def read(self, name: str) -> bytes:
        """Opens a sealed key.

        Raises:
            Unavailable: the passphrase is wrong, or the file is missing.
        """
        return self.read_outside(self._path(name), name)

    def read_outside(self, path: Path, name: str) -> bytes:
        """Opens a sealed key that lies outside the store, and must be the one of that name."""
        document = _parse(path)
        if document["name"] != name:
            raise Invalid(
                "{path} is the key of {found}, not of {name}",
                path=path,
                found=repr(document["name"]),
                name=name,
            )
        stretching = _stretching(document, path)
        try:
            nonce = base64.b64decode(document["nonce"])
            sealed = base64.b64decode(document["sealed"])
            return AESGCM(self._key(stretching)).decrypt(nonce, sealed, _context(name))
        except (InvalidTag, ValueError) as error:
            raise Unavailable(
                "wrong passphrase",
                hint="if the passphrase is right, {path} is damaged",
                path=path,
            ) from error

    def delete(self, name: str) -> None:
        """Removes a key that was made for something that then failed."""
        self._path(name).unlink(missing_ok=True)

    # -- inside

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.key"

    def _own_stretching(self) -> Stretching:
        path = self._path(_REVEAL)
        return _stretching(_parse(path), path)

    def _key(self, stretching: Stretching) -> bytes:
        if self._passphrase is None:
            self._passphrase = self._ask(False)
        if stretching not in self._stretched:
            self._stretched[stretching] = stretching.key(self._passphrase)
        return self._stretched[stretching]

    def _seal(self, name: str, secret: bytes, stretching: Stretching) -> bytes:
        nonce = self._random(_NONCE_BYTES)
        sealed = AESGCM(self._key(stretching)).encrypt(nonce, secret, _context(name))
        document = {
            "format": _FORMAT,
            "name": name,
            "kdf": {
                "name": "scrypt",
                "salt": base64.b64encode(stretching.salt).decode(),
                "n": stretching.n,
                "r": stretching.r,
                "p": stretching.p,
            },
            "cipher": "AES-256-GCM",
            "nonce": base64.b64encode(nonce).decode(),
            "sealed": base64.b64encode(sealed).decode(),
        }
        return (json.dumps(document, indent=1) + "\n").encode()


def _context(name: str) -> bytes:
    return f"{_FORMAT} {name}".encode()


def _parse(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(64 * 1024))
        if document["format"] != _FORMAT:
            raise ValueError
        return {key: document[key] for key in ("name", "kdf", "nonce", "sealed")}
    except FileNotFoundError as error:
        raise Unavailable("the key {path} is not there", path=path) from error
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid("{path} is not a sealed key of rca", path=path) from error


def _stretching(document: dict[str, Any], path: Path) -> Stretching:
    """Reads scrypt's parameters, within bounds: a hostile file must not take all memory."""
    try:
        kdf = document["kdf"]
        salt = base64.b64decode(kdf["salt"])
        n, r, p = int(kdf["n"]), int(kdf["r"]), int(kdf["p"])
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid("{path} is not a sealed key of rca", path=path) from error
    # OpenSSL's scrypt wants n as a power of two; 2^20 with r = 8 is 1 GiB.
    if kdf.get("name") != "scrypt" or n not in {2**k for k in range(14, 21)} or (r, p) != (8, 1):
        raise Invalid("{path} is not a sealed key of rca", path=path)
    return Stretching(salt, n, r, p)


def private_mode(path: Path) -> bool:
    """Whether nobody but the owner can read or write it."""
    return path.stat().st_mode & 0o077 == 0
