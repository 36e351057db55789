"""AES-256-GCM for small secrets and for streams, and scrypt for passphrases."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from renrakucho_ca.clock import Randomness
from renrakucho_ca.errors import Unavailable

KEY_BYTES = 32
NONCE_BYTES = 12
SALT_BYTES = 16
# The limit for a file: 2^18 takes 256 MiB. A forged file must not take all memory.
COSTS = frozenset(2**k for k in range(14, 19))


@dataclass(frozen=True, slots=True)
class KeyDerivation:
    """The parameters of scrypt (RFC 7914). 2^16 takes 64 MiB and about 0.22 s on one core."""

    salt: bytes
    n: int = 2**16
    r: int = 8
    p: int = 1

    def key(self, passphrase: bytes) -> bytes:
        """Derive 32 bytes for AES-256."""
        kdf = Scrypt(salt=self.salt, length=KEY_BYTES, n=self.n, r=self.r, p=self.p)
        return kdf.derive(passphrase)


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seal small secrets under one AES-256-GCM key. Other processes can receive it.

    A secret is bound to its `context`, so that it does not open in another row.
    """

    key: bytes

    def seal(self, secret: bytes, context: str, random: Randomness) -> bytes:
        nonce = random(NONCE_BYTES)
        return nonce + AESGCM(self.key).encrypt(nonce, secret, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Open a secret. Raise Unavailable if the key is wrong or the bytes were changed."""
        try:
            nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
            return AESGCM(self.key).decrypt(nonce, rest, context.encode())
        except (InvalidTag, ValueError) as error:
            raise Unavailable(
                "cannot open {context}: it is damaged or sealed under another key", context=context
            ) from error

    def __repr__(self) -> str:
        return "Sealer()"


@dataclass(frozen=True, slots=True)
class ChunkCipher:
    """AES-256-GCM over the chunks of a stream: none can be changed, moved or left out.

    The STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár, 2015) with the nonce of age's
    payload: an 11-byte counter, and a byte that marks the last chunk.

    Args:
        key: 32 bytes, for this stream only.
        header: precedes the stream; bound to every chunk.
    """

    key: bytes
    header: bytes

    def seal(self, index: int, chunk: bytes | memoryview, *, is_last: bool) -> bytes:
        """Return the chunk and its tag of 16 bytes."""
        return AESGCM(self.key).encrypt(_chunk_nonce(index, is_last), chunk, self.header)

    def open(self, index: int, sealed: bytes, *, is_last: bool) -> bytes | None:
        """Return the chunk; None if it was not sealed at this place under this key."""
        try:
            return AESGCM(self.key).decrypt(_chunk_nonce(index, is_last), sealed, self.header)
        except (InvalidTag, ValueError):
            return None

    def __repr__(self) -> str:
        return "ChunkCipher()"


def _chunk_nonce(index: int, is_last: bool) -> bytes:
    return index.to_bytes(NONCE_BYTES - 1, "big") + bytes((is_last,))
