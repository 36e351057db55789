"""The file of a sealed key: JSON with the CA's name and the parameters to open it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from renrakucho_ca.clock import Randomness
from renrakucho_ca.errors import Unavailable
from renrakucho_ca.store import files
from renrakucho_ca.store.keystore.sealing import COSTS, NONCE_BYTES, KeyDerivation

_FORMAT, _KDF, _CIPHER = "rca-sealed-1", "scrypt", "AES-256-GCM"
_LONGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A sealed key. Its `name` is the CA's, authenticated with the secret."""

    name: str
    derivation: KeyDerivation
    nonce: bytes
    sealed: bytes

    @classmethod
    def seal(
        cls, name: str, secret: bytes, derivation: KeyDerivation, key: bytes, random: Randomness
    ) -> SealedKey:
        """Seal a secret under the result of `derivation`."""
        nonce = random(NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, secret, _context(name))
        return cls(name, derivation, nonce, sealed)

    def open(self, key: bytes) -> bytes | None:
        """Return the secret; None if the key is wrong or the bytes were changed."""
        try:
            return AESGCM(key).decrypt(self.nonce, self.sealed, _context(self.name))
        except InvalidTag:
            return None

    def to_bytes(self) -> bytes:
        """Return the file's content."""
        document = {
            "format": _FORMAT,
            "name": self.name,
            "kdf": {
                "name": _KDF,
                "salt": base64.b64encode(self.derivation.salt).decode(),
                "n": self.derivation.n,
                "r": self.derivation.r,
                "p": self.derivation.p,
            },
            "cipher": _CIPHER,
            "nonce": base64.b64encode(self.nonce).decode(),
            "sealed": base64.b64encode(self.sealed).decode(),
        }
        return (json.dumps(document, indent=1) + "\n").encode()

    @classmethod
    def read(cls, path: Path) -> SealedKey:
        """Read a file. Raise Unavailable if it is missing or not a sealed key."""
        try:
            with files.opened(path) as file:
                return cls._parse(json.loads(file.read(_LONGEST)))
        except FileNotFoundError as error:
            raise Unavailable("the key {path} is missing", path=path) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Unavailable("{path} is not a sealed key of rca", path=path) from error

    @classmethod
    def _parse(cls, document: dict[str, Any]) -> SealedKey:
        name, kdf, nonce = document["name"], document["kdf"], _bytes(document["nonce"])
        n, r, p = kdf["n"], kdf["r"], kdf["p"]
        if (
            (document["format"], document["cipher"]) != (_FORMAT, _CIPHER)
            or (kdf["name"], r, p) != (_KDF, 8, 1)
            or type(n) is not int
            or n not in COSTS
            or type(name) is not str
            or len(nonce) != NONCE_BYTES
        ):
            raise ValueError
        return cls(name, KeyDerivation(_bytes(kdf["salt"]), n), nonce, _bytes(document["sealed"]))


def _context(name: str) -> bytes:
    return f"{_FORMAT} {name}".encode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
