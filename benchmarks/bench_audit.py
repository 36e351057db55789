"""`rca audit verify` by rows, and what a row costs a certificate that is issued in a batch.

`python -m benchmarks.bench_audit [--rows N] [--rounds N]`. The floor of verify
reads the same rows with sqlite3 and hashes as many octets; that of a row is a transaction without
any. The journal's sync, once a transaction, is in the figure.
"""

from __future__ import annotations

import argparse
import hashlib
import sqlite3
import tempfile
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

from benchmarks.measure import Run, Sample, heading, in_turn, line
from renrakucho_ca.clock import system_clock
from renrakucho_ca.model import Act
from renrakucho_ca.service.audit import recorder, verifier
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.tables.audit_log import AuditEntry

BATCH = 64
"""Rows in a transaction, as a batch has them."""

DETAIL = {
    "serial": "1eb34296e1c6ab8e8c9db5fc0463d141f",
    "hierarchy": "new",
    "authority": "4f" * 32,
    "user": "suzuki",
    "device": "windows",
    "profile": "windows",
    "note": "訪問用の端末",
    "not_before": 1795376142,
    "not_after": 2110995342,
    "fingerprint": "3f" * 32,
    "key_algorithm": "ec-p256",
    "supersedes": None,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_audit", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3, help="turns that each is measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rca-audit-") as folder:
        home = Home(Path(folder) / "home", lambda is_new: b"audit")
        home.create(None, None)
        _fill(home, options.rows)
        heading("audit", "floor")
        floor, ours = in_turn((_floor(home), _verify(home)), options.rounds)
        rate = options.rows / ours.seconds
        name = f"verify, {options.rows:,} rows"
        line(name, floor.seconds * 1000, ours.seconds * 1000, "≥ 100,000/s", f"{rate:,.0f}/s")
        without, with_row = in_turn((_commits(home, 0), _commits(home, BATCH)), options.rounds)
        cost = (with_row.seconds - without.seconds) / BATCH * 1e6
        name = f"a transaction, {BATCH} rows more"
        line(name, without.seconds * 1000, with_row.seconds * 1000, "", f"{cost:.0f} µs a row")


def _entries(count: int) -> list[AuditEntry]:
    return [AuditEntry(Act.ISSUED, str(10_000_000 + number), DETAIL) for number in range(count)]


def _fill(home: Home, count: int) -> None:
    source = iter(_entries(count))
    while batch := list(islice(source, 10_000)):
        with home.db.write():
            recorder.record(home, system_clock(), *batch)


def _verify(home: Home) -> Run:
    def run() -> Sample:
        began = time.perf_counter()
        assert not verifier.verify(home).problems
        return Sample(time.perf_counter() - began)

    return run


def _floor(home: Home) -> Run:
    """Every row read, and as many octets hashed in a chain."""

    def run() -> Sample:
        began = time.perf_counter()
        text = b"x" * 600
        hash = bytes(32)
        with closing(sqlite3.connect(home.store / "rca.sqlite")) as connection:
            for _ in connection.execute("SELECT * FROM audit ORDER BY id"):
                hash = hashlib.sha256(hash + text).digest()
        return Sample(time.perf_counter() - began)

    return run


def _commits(home: Home, rows: int) -> Run:
    """A transaction as a batch makes one; the rows' own cost is what it takes longer with them."""
    entries = _entries(rows)

    def run() -> Sample:
        began = time.perf_counter()
        for number in range(20):
            with home.db.write():
                home.db.execute("UPDATE authority SET changes = ?", (number,))
                home.db.execute(
                    "INSERT OR REPLACE INTO guess VALUES ('all', '', ?, 0, 0)", (number,)
                )
                recorder.record(home, system_clock(), *entries)
        return Sample((time.perf_counter() - began) / 20)

    return run


if __name__ == "__main__":
    main()
