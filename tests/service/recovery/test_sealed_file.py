"""A backup gives away nothing without the passphrase, and no change of it goes unseen."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from renrakucho_ca.errors import Invalid, Unavailable
from renrakucho_ca.store import files
from renrakucho_ca.store.files import sealed_file
from renrakucho_ca.store.files.sealed_file import CHUNK
from renrakucho_ca.store.keystore import Keystore
from renrakucho_ca.store.keystore.sealing import KeyDerivation
from tests.shared.homes import PASSPHRASE

HEADER = 13 + 1 + 16 + 16 + 32
SEALED = CHUNK + 16


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Keystore:
    folder = tmp_path_factory.mktemp("keys")
    keystore = Keystore(folder, lambda is_new: PASSPHRASE, os.urandom)
    cheap = KeyDerivation(b"sixteen octets  ", n=2**14)
    files.write(folder / "reveal.key", keystore._seal("reveal", bytes(32), cheap), new=True)
    return keystore


def sealed(keystore: Keystore, *pieces: bytes) -> bytes:
    return b"".join(sealed_file.seal(pieces, keystore, keystore.new_derivation()))


def opened(keystore: Keystore, content: bytes) -> bytes:
    reader = sealed_file.SealedReader(BytesIO(content), keystore)
    return b"".join(iter(reader.read, b""))


@pytest.fixture(scope="module")
def content() -> bytes:
    return os.urandom(3 * CHUNK + 100)


@pytest.fixture(scope="module")
def whole(keystore: Keystore, content: bytes) -> bytes:
    return sealed(keystore, content)


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 7])
def test_a_sealed_file_opens_in_any_chunking(keystore: Keystore, length: int) -> None:
    content = os.urandom(length)
    for size in (max(1, length), 1000, CHUNK):
        pieces = [content[start : start + size] for start in range(0, length, size)]
        made = sealed(keystore, *pieces)
        assert opened(keystore, made) == content
        # Every chunk is full but the last, and each has a tag of 16 bytes.
        assert len(made) == HEADER + length + 16 * max(1, -(-length // CHUNK))


def test_the_format_matches_its_description(
    keystore: Keystore, content: bytes, whole: bytes
) -> None:
    """Opened again by the description alone: scrypt, AES-256-GCM, the counter as nonce."""
    assert whole.startswith(b"rca-backup 1\n")
    header, rest = whole[:30], whole[HEADER:]
    exponent, salt = header[13], header[14:30]
    assert whole[46:78] == hashlib.sha256(whole[:46]).digest()
    key = hashlib.scrypt(PASSPHRASE, salt=salt, n=2**exponent, r=8, p=1, maxmem=2**30, dklen=32)
    chunks = [rest[start : start + SEALED] for start in range(0, len(rest), SEALED)]
    found = [
        AESGCM(key).decrypt(
            index.to_bytes(11, "big") + (b"\1" if index == len(chunks) - 1 else b"\0"),
            chunk,
            header,
        )
        for index, chunk in enumerate(chunks)
    ]
    assert b"".join(found) == content


def test_no_two_files_share_salt_or_bytes(keystore: Keystore, content: bytes, whole: bytes) -> None:
    other = sealed(keystore, content)
    assert other[14:30] != whole[14:30]
    assert other[HEADER : HEADER + 64] != whole[HEADER : HEADER + 64]


def test_a_wrong_passphrase_is_called_so(tmp_path: Path, whole: bytes) -> None:
    other_keystore = Keystore(tmp_path, lambda is_new: b"another", os.urandom)
    with pytest.raises(Unavailable, match="wrong passphrase"):
        opened(other_keystore, whole)


def damages(whole: bytes) -> Iterator[tuple[str, bytes]]:
    def flipped(place: int) -> bytes:
        return whole[:place] + bytes((whole[place] ^ 1,)) + whole[place + 1 :]

    borders = [*range(HEADER, len(whole), SEALED), len(whole)]
    parts = [whole[start:end] for start, end in pairwise(borders)]
    begin = whole[:HEADER]
    for place in (*range(HEADER), *(each for b in borders for each in (b, b - 1, b - 16, b + 99))):
        if place < len(whole):
            yield f"a bit of octet {place}", flipped(place)
    for border in borders[:-1]:
        for length in (border - 1, border, border + 1):
            yield f"cut to {length}", whole[:length]
    yield "cut within the header", whole[:20]
    yield "empty", b""
    yield "chunks exchanged", begin + b"".join([parts[1], parts[0], *parts[2:]])
    yield "a chunk left out", begin + b"".join([parts[0], *parts[2:]])
    yield "a chunk twice", begin + b"".join([parts[0], *parts])
    yield "the last one twice", whole + parts[-1]
    yield "the last one alone", begin + parts[-1]
    yield "one octet more", whole + b"\0"


def test_no_damage_goes_unseen(keystore: Keystore, whole: bytes) -> None:
    for what, damaged in damages(whole):
        try:
            opened(keystore, damaged)
        except Invalid:
            continue
        pytest.fail(f"not seen: {what}")


def test_chunks_of_two_files_cannot_be_mixed(
    keystore: Keystore, content: bytes, whole: bytes
) -> None:
    other = sealed(keystore, content)
    with pytest.raises(Invalid, match="damaged"):
        opened(keystore, whole[: HEADER + SEALED] + other[HEADER + SEALED :])


def with_digest(begin: bytes) -> bytes:
    return begin + hashlib.sha256(begin).digest()


@pytest.mark.parametrize("exponent", [0, 13, 19, 30, 255])
def test_a_forged_file_cannot_exhaust_memory(
    keystore: Keystore, whole: bytes, exponent: int
) -> None:
    begin = with_digest(whole[:13] + bytes((exponent,)) + whole[14:46])
    with pytest.raises(Invalid, match="not a backup"):
        opened(keystore, begin + whole[HEADER:])


def test_sealing_is_done_as_it_is_read(keystore: Keystore) -> None:
    """Memory stays flat: no more is taken in than a piece before something comes out."""
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield bytes(CHUNK)

    stream = sealed_file.seal(pieces(), keystore, keystore.new_derivation())
    for _ in range(10):
        next(stream)
    assert taken <= 11
