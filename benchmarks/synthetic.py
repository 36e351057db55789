"""A home whose store holds many certificates, as a large network would have after eleven years.

The rows are made up: names are numbers, and there is no certificate behind a record. They go
through the store's own schema, so every rule and index of it holds.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import islice
from pathlib import Path

from renrakucho_ca.model import RetrievalNumber, RevocationReason
from renrakucho_ca.pki import crl
from renrakucho_ca.service.hierarchy import creation
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.tables import hierarchies

PASSPHRASE = b"synthetic"

NETWORKS, FACILITIES, USERS = 70, 500, 100_000
DEVICES = ("windows", "mac", "iphone", "ipad", "android")
YEARS_OF_ISSUING, VALID = 11, timedelta(days=3652)
REVOKED, HELD, DOWNLOADED = 0.10, 0.12, 0.95
"""Up to here of 1 a certificate is revoked, held, downloaded; the others wait to be."""

BATCH = 100_000


class Stock(Enum):
    """What lies in a store."""

    MIXED = "certificates of both hierarchies in every state"
    REVOKED = "revoked ones of NEW, as for a long CRL"
    OLD = "live ones of OLD, downloaded, all of one kind of device with an EC key, to be migrated"


def home(folder: Path, certificates: int, stock: Stock = Stock.MIXED) -> Path:
    """A home of that size, made at first need and kept."""
    path = folder / f"{stock.name.lower()}-{certificates}"
    if not path.exists():
        print(f"making {certificates:,} rows", end=" ", file=sys.stderr, flush=True)
        start = time.perf_counter()
        unfinished = path.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        _make(unfinished, certificates, stock)
        unfinished.rename(path)
        print(f"took {time.perf_counter() - start:.0f} s", file=sys.stderr)
    return path


def opened(path: Path) -> Home:
    """A home of ours with its passphrase."""
    return Home(path, lambda is_new: PASSPHRASE)


def _make(path: Path, count: int, stock: Stock) -> None:
    new = opened(path)
    new.create("network-0", None)
    (path / "passphrase").write_bytes(PASSPHRASE)
    (path / "passphrase").chmod(0o600)
    for name in ("old", "new"):
        creation.create(new, name)
    old, newer = (hierarchies.get(new.db, name).issuing.id for name in ("old", "new"))
    new.db.close()
    with closing(sqlite3.connect(path / "ca-store" / "rca.sqlite", isolation_level=None)) as db:
        # Nobody else reads it yet, and a power cut costs a minute.
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -500000")
        indexes = _drop_indexes(db)
        db.execute("BEGIN")
        db.executemany("INSERT INTO user VALUES (?, ?, ?, ?, ?)", _users())
        db.execute("COMMIT")
        issuers = {Stock.MIXED: (old, newer), Stock.REVOKED: (newer,), Stock.OLD: (old,)}
        _insert(db, _certificates(count, issuers[stock], stock))
        for statement in indexes:
            db.execute(statement)
        db.execute(
            """UPDATE authority SET changes =
               (SELECT count(*) FROM crl_entry WHERE crl_entry.authority = authority.id)"""
        )


def _drop_indexes(db: sqlite3.Connection) -> list[str]:
    """Filled last, an index is sorted once instead of searched for each row."""
    found = db.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in found:
        db.execute(f"DROP INDEX {name}")
    return [sql for _, sql in found]


def _users() -> Iterator[tuple[str, str, str, str, str]]:
    """Half of all facilities belong to the largest network, the others to one each in turn."""
    for i in range(USERS):
        facility = i % FACILITIES
        network = 0 if facility % 2 else facility % NETWORKS
        yield (
            user(i),
            f"利用者 {i}",
            f"{user(i)}@example.jp",
            f"facility-{facility}",
            f"network-{network}",
        )


def user(i: int) -> str:
    return f"user{i:06}"


def _certificates(
    count: int, authorities: tuple[int, ...], stock: Stock
) -> Iterator[tuple[tuple[object, ...], bytes | None]]:
    """Rows in the order of their issuing, each with its CRL entry where it has one."""
    chance = random.Random(0)
    span = timedelta(days=365 * (1 if stock is Stock.OLD else YEARS_OF_ISSUING))
    begin = datetime.now(UTC).replace(microsecond=0) - span
    numbers = chance.sample(range(int(RetrievalNumber.LOWEST), int(RetrievalNumber.HIGHEST)), count)
    for i, number in enumerate(numbers, start=1):
        issued = begin + span * (i / (count + 1))
        at = int(issued.timestamp())
        fate = {Stock.REVOKED: 0.0, Stock.OLD: HELD}.get(stock, chance.random())
        serial = chance.getrandbits(127) | 1 << 127
        reason, entry = None, None
        if fate < HELD:
            reason = (
                RevocationReason.KEY_COMPROMISE
                if fate < REVOKED
                else RevocationReason.CERTIFICATE_HOLD
            )
            entry = crl.entry(serial, issued, reason)
        row = (
            i,
            number,
            authorities[i * len(authorities) // (count + 1)],
            f"{serial:x}",
            user(chance.randrange(USERS)),
            (device := "android" if stock is Stock.OLD else chance.choice(DEVICES)),
            device,
            f"note {i}" if i % 5 == 0 else None,
            number,
            at,
            at,
            int((issued + VALID).timestamp()),
            at if fate < DOWNLOADED else None,
            at if reason else None,
            reason.value if reason else None,
            "ec-p256",
            f"{chance.getrandbits(256):064x}",
        )
        yield row, entry


_INSERT = """
INSERT INTO certificate (id, number, authority, serial, user, device, profile, note, line,
                         issued_at, not_before, not_after, downloaded_at, revoked_at,
                         revocation_reason, key_algorithm, fingerprint_sha256)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def _insert(
    db: sqlite3.Connection, rows: Iterator[tuple[tuple[object, ...], bytes | None]]
) -> None:
    while batch := list(islice(rows, BATCH)):
        db.execute("BEGIN")
        db.executemany(_INSERT, (row for row, _ in batch))
        entries = ((row[2], row[0], entry) for row, entry in batch if entry is not None)
        db.executemany("INSERT INTO crl_entry VALUES (?, ?, ?)", entries)
        db.execute("COMMIT")
