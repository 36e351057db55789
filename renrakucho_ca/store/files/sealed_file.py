"""A file of any length, encrypted under the passphrase, as `rca backup` writes it.

    "rca-backup 1\\n"  log2(n), 1 byte  salt, 16 bytes     the header, bound to every chunk
    key check, 16 bytes                                    for a wrong passphrase
    SHA-256 of all this, 32 bytes                          for damage, before scrypt is run
    chunks of 64 KiB, each with a tag of 16 bytes          STREAM; the last one is marked

scrypt (RFC 7914; r = 8, p = 1) derives the key from passphrase and salt. The file is unreadable
without the passphrase, and any change, exchange or cut of the chunks is detected.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import BinaryIO

from renrakucho_ca.errors import Invalid, Unavailable
from renrakucho_ca.store.keystore import Keystore
from renrakucho_ca.store.keystore.sealing import COSTS, ChunkCipher, KeyDerivation

CHUNK = 64 * 1024
"""Bytes of a chunk, as in age: small enough for memory, large enough for speed."""

_MAGIC = b"rca-backup 1\n"
_PARAMETERS = struct.Struct(">B16s")
_TAG = _CHECK = 16
_DIGEST = 32
_HEADER = len(_MAGIC) + _PARAMETERS.size
_KEY_CHECK = 2**88 - 1
"""The key check's nonce: no stream has so many chunks."""


def seal(
    content: Iterable[bytes], keystore: Keystore, derivation: KeyDerivation
) -> Iterator[bytes]:
    """Yield the sealed file in pieces, in constant memory.

    The passphrase must be proven; `derivation` is from `Keystore.new_derivation`.
    """
    header = _MAGIC + _PARAMETERS.pack(derivation.n.bit_length() - 1, derivation.salt)
    cipher = keystore.stream_cipher(derivation, header)
    begin = header + cipher.seal(_KEY_CHECK, b"", is_last=True)
    yield begin + sha256(begin).digest()
    index, rest = 0, b""
    for piece in content:
        data, place, sealed = memoryview(piece), 0, []
        # Keep at least one byte back: only the end of the content marks the last chunk.
        while len(rest) + len(data) - place > CHUNK:
            end = place + CHUNK - len(rest)
            chunk = rest + data[place:end] if rest else data[place:end]
            sealed.append(cipher.seal(index, chunk, is_last=False))
            index, rest, place = index + 1, b"", end
        rest += data[place:]
        yield b"".join(sealed)
    yield cipher.seal(index, rest, is_last=True)


class SealedReader:
    """A sealed file, read from its beginning; it returns only authenticated content.

    Raises:
        Invalid: it is no sealed file, or its beginning is damaged.
        Unavailable: wrong passphrase.
    """

    def __init__(self, file: BinaryIO, keystore: Keystore) -> None:
        self._file = file
        self._cipher = _cipher(file, keystore)
        self._index = 0
        self._sealed = file.read(CHUNK + _TAG)
        self._is_at_end = False

    def read(self, _size: int = -1) -> bytes:
        """Return the next chunk, whole; empty at the end. Raise Invalid if damaged or cut."""
        if self._is_at_end:
            return b""
        following = self._file.read(CHUNK + _TAG)
        chunk = self._cipher.open(self._index, self._sealed, is_last=not following)
        if chunk is None:
            raise Invalid(
                "the backup is damaged or incomplete: part {index} was changed",
                hint="use another backup",
                index=self._index + 1,
            )
        self._index, self._sealed, self._is_at_end = self._index + 1, following, not following
        return chunk


def _cipher(file: BinaryIO, keystore: Keystore) -> ChunkCipher:
    begin = file.read(_HEADER + _CHECK)
    header, check = begin[:_HEADER], begin[_HEADER:]
    if not header.startswith(_MAGIC):
        raise Invalid("not a backup of rca")
    if file.read(_DIGEST) != sha256(begin).digest() or len(check) != _CHECK:
        raise Invalid(
            "the backup is damaged or incomplete: its header was changed",
            hint="use another backup",
        )
    exponent, salt = _PARAMETERS.unpack(header[len(_MAGIC) :])
    if 2**exponent not in COSTS:
        raise Invalid("not a backup of rca")
    cipher = keystore.stream_cipher(KeyDerivation(salt, 2**exponent), header)
    if cipher.open(_KEY_CHECK, check, is_last=True) is None:
        raise Unavailable(
            "wrong passphrase",
            hint="enter the passphrase that the store had when the backup was made",
        )
    return cipher
