"""What is claimed or revoked leaves no byte in the database's file or beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from renrakucho_ca.model import RetrievalNumber
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import certificates
from renrakucho_ca.store.tables.certificates import SealedBundle

from .stock import BUNDLE, HOLD, NOW, add, make_store, numbered, revoked

COUNT = 48
PIECE = 24
"""Bytes: a key is longer, and by chance none is found twice."""


def secrets_of(number: int) -> SealedBundle:
    """Sizes as of real bundles, some longer than a page of the database, none alike anywhere."""
    random = Random(number)
    return replace(
        BUNDLE,
        sealed=random.randbytes(random.choice([900, 2_500, 4_000, 9_000])),
        sealed_password=random.randbytes(44),
        password_hash=hashlib.sha512(random.randbytes(8)).hexdigest(),
    )


def traces(folder: Path, numbers: Iterable[int]) -> set[int]:
    """Of which certificates a piece of a secret is to be found in any file."""
    contents = [path.read_bytes() for path in folder.iterdir()]

    def has_left_any(number: int) -> bool:
        bundle = secrets_of(number)
        secrets = (bundle.sealed, bundle.sealed_password, bundle.password_hash.encode())
        pieces = (
            secret[start : start + PIECE]
            for secret in secrets
            for start in range(0, len(secret) - PIECE + 1, PIECE)
        )
        return any(piece in content for piece in pieces for content in contents)

    return {number for number in numbers if has_left_any(number)}


def revoke(db: Database, number: RetrievalNumber) -> bool:
    return bool(certificates.revoke(db, [number], revoked(), lambda _: b"entry"))


def claim(db: Database, number: RetrievalNumber) -> bool:
    return certificates.claim(db, number, NOW)


def hold_then_revoke(db: Database, number: RetrievalNumber) -> bool:
    held = certificates.revoke(db, [number], revoked(reason=HOLD), lambda _: b"held")
    return bool(held) and revoke(db, number)


@pytest.mark.parametrize("destroy", [claim, revoke, hold_then_revoke])
def test_no_byte_of_a_bundle_or_its_password_remains(
    path: Path, destroy: Callable[[Database, RetrievalNumber], bool]
) -> None:
    db = make_store(path)
    numbers = list(range(20_000_000, 20_000_000 + COUNT))
    for number in numbers:
        with db.write():
            add(db, numbered(number), secrets_of(number))
    assert traces(path.parent, numbers) == set(numbers)

    # In an order of their own, with others coming in between, so that pages are split, joined and
    # used again.
    Random(1).shuffle(numbers)
    spared, destroyed = numbers[: COUNT // 4], numbers[COUNT // 4 :]
    for step, number in enumerate(destroyed):
        with db.write():
            assert destroy(db, RetrievalNumber(str(number)))
            if step % 3 == 0:
                newcomer = 30_000_000 + step
                add(db, numbered(newcomer), secrets_of(newcomer))
                spared.append(newcomer)
        if step % 9 == 0:
            assert traces(path.parent, destroyed[: step + 1]) == set()
    assert traces(path.parent, destroyed) == set()
    for number in spared:
        assert certificates.bundle(db, RetrievalNumber(str(number))) == secrets_of(number)


def test_a_held_certificate_keeps_its_bundle(db: Database) -> None:
    number = RetrievalNumber("20000000")
    with db.write():
        add(db, numbered(20_000_000), secrets_of(20_000_000))
        certificates.revoke(db, [number], revoked(reason=HOLD), lambda _: b"held")
    assert certificates.bundle(db, number) == secrets_of(20_000_000)
    with db.write():
        assert not certificates.claim(db, number, NOW)
        assert certificates.release(db, number)
        assert certificates.claim(db, number, NOW)
