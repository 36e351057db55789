"""Start-up: whole processes, each against a process that only imports what it cannot do without."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks import synthetic
from benchmarks.measure import RCA, Run, heading, imports, in_turn, line, process


def measure(folder: Path, certificates: int, rounds: int) -> None:
    home = synthetic.home(folder, certificates)
    number = _a_number(home)
    heading(f"Start-up, {certificates:,} certificates in the store", "imports alone")
    look_up = imports("click", "sqlite3")
    for name, aim, arguments in _look_ups(number):
        _compare(name, look_up, aim, process(RCA, "--home", str(home), *arguments), rounds)
    issue = process(
        *(RCA, "--home", str(home), "--passphrase-file", str(home / "passphrase")),
        *("issue", "--device", "iphone", "--user", synthetic.user(0), "--format", "json"),
    )
    needed = imports(
        "click", "sqlite3", "yaml", "msgspec", "cryptography.x509", _PKCS12, _SCRYPT, _ARGON2
    )
    _compare("issue --device iphone", needed, 4.0, issue, rounds)


_PKCS12 = "cryptography.hazmat.primitives.serialization.pkcs12"
_SCRYPT = "cryptography.hazmat.primitives.kdf.scrypt"
_ARGON2 = "cryptography.hazmat.primitives.kdf.argon2"


def _look_ups(number: str) -> Iterator[tuple[str, float, tuple[str, ...]]]:
    """Commands that read: name, aim, arguments."""
    yield "--version", 1.3, ("--version",)
    yield "show NUMBER", 1.6, ("show", number, "--format", "json")
    filters = (
        (),
        ("--all",),
        ("--sort", "-issued"),
        ("--user", synthetic.user(0)),
        ("--facility", "facility-7"),
        ("--network", "network-0"),
        ("--network", "network-8"),
        ("--status", "issued"),
        ("--status", "expired"),
        ("--hierarchy", "new"),
        ("--device", "ipad"),
        ("--expires-within", "30d"),
        ("--text", "note 99999"),
        ("--text", "no such text"),
    )
    for chosen in filters:
        name = " ".join(("list", *chosen))
        yield name, 1.6, ("list", "--limit", "50", "--format", "json", *chosen)


def _compare(name: str, floor: Run, aim: float, ours: Run, rounds: int) -> None:
    base, rca = in_turn((floor, ours), rounds)
    line(
        name,
        base.seconds * 1000,
        rca.seconds * 1000,
        f"≤ {aim}",
        f"processor time {rca.processor / base.processor:.2f}, {rca.mebibytes:,.0f} MiB",
    )


def _a_number(home: Path) -> str:
    with closing(sqlite3.connect(home / "ca-store" / "rca.sqlite")) as db:
        (number,) = db.execute("SELECT number FROM certificate ORDER BY number LIMIT 1").fetchone()
    return str(number)
