"""A database in which bits have flipped: told in a line that names the damage, and never a bug."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from renrakucho_ca.model import RevocationReason, User
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.revocation import revocation
from tests.shared.confined import Confined
from tests.shared.homes import PASSPHRASE

# None that unlocks a key: that takes a second, and they read the same rows.
COMMANDS = [
    ("list", "--all", "--format", "json"),
    ("show", "{number}", "--pem"),
    ("hierarchy", "list"),
    ("hierarchy", "show", "new"),
    ("user", "list"),
    ("mail", "list"),
]
SPOILT = {
    "text": ("", "x", "zz-é\0", "-", "9" * 400, "\u202e"),
    "integer": (-1, 0, 2**62, -(2**63)),
    "blob": (b"", b"x", b"\x30\x80"),
}


@pytest.fixture(scope="module")
def sound(home: Home) -> bytes:
    """A database with two hierarchies' worth of facts in it."""
    people = (("suzuki", "mac"), ("sato", "iphone"), ("tanaka", "android"))
    requests = [
        IssuanceRequest.parse(User.parse(user, user), device, "x") for user, device in people
    ]
    last = list(issuance.issue(home, requests))[-1]
    assert isinstance(last, Issued)
    revocation.revoke(home, [last.certificate.number], RevocationReason.SUPERSEDED)
    publication.publish(home)
    home.db.close()
    return (home.store / "rca.sqlite").read_bytes()


@pytest.fixture(scope="module")
def number(home: Home, sound: bytes) -> str:
    with closing(sqlite3.connect(home.store / "rca.sqlite")) as database:
        ((found,),) = database.execute("SELECT number FROM certificate WHERE user = 'suzuki'")
    return str(found)


def columns(path: Path) -> list[tuple[str, str, str]]:
    """Table, column and type of all that holds anything."""
    with closing(sqlite3.connect(path)) as database:
        tables = [
            name
            for (name,) in database.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
            if database.execute(f"SELECT count(*) FROM {name}").fetchone() != (0,)
        ]
        return [
            (table, column[1], column[2].casefold())
            for table in tables
            for column in database.execute(f"PRAGMA table_info({table})")
        ]


def check(rca: Confined, number: str, out: Path, about: object, commands: range) -> None:
    for command in (COMMANDS[place % len(COMMANDS)] for place in commands):
        answer = rca(*(each.format(number=number, out=out) for each in command))
        assert answer.code != 1, (about, command, answer)
        assert "Traceback" not in answer.err, (about, command, answer)
        assert answer.seconds < 10, (about, command, answer)
        assert PASSPHRASE.decode() not in answer.err + answer.out
        if answer.code == 7:
            assert len(re.findall("rca: error: ", answer.err)) == 1


def test_a_value_that_cannot_be_is_no_bug(
    rca: Confined, home: Home, sound: bytes, number: str, tmp_path: Path
) -> None:
    """In every column of every table; for each, some of the commands in turn."""
    path = home.store / "rca.sqlite"
    turn = 0
    for table, column, kind in columns(path):
        for value in SPOILT.get(kind, ()):
            path.write_bytes(sound)
            with closing(sqlite3.connect(path, isolation_level=None)) as database:
                database.execute("PRAGMA ignore_check_constraints = ON")
                database.execute("PRAGMA foreign_keys = OFF")
                try:
                    database.execute(f"UPDATE OR IGNORE {table} SET {column} = ?", (value,))
                except sqlite3.Error:  # a key, a trigger, a generated column
                    continue
            check(rca, number, tmp_path, (table, column, value), range(turn, turn + 3))
            turn += 3
    path.write_bytes(sound)


def test_a_flipped_bit_is_no_bug(
    rca: Confined, home: Home, sound: bytes, number: str, tmp_path: Path
) -> None:
    path = home.store / "rca.sqlite"
    random = Random(11)
    used = [place for place, byte in enumerate(sound) if byte]
    for turn in range(100):
        spoilt = bytearray(sound)
        place = random.choice(used)
        spoilt[place] ^= 1 << random.randrange(8)
        path.write_bytes(spoilt)
        path.with_name("rca.sqlite-journal").unlink(missing_ok=True)
        check(rca, number, tmp_path, place, range(2 * turn, 2 * turn + 2))
    path.write_bytes(sound)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_bit_in_the_name_of_a_column_is_damage(
    rca: Confined, home: Home, sound: bytes, number: str, command: tuple[str, ...]
) -> None:
    """In each that the command reads, wherever the schema has it."""
    path = home.store / "rca.sqlite"
    codes = set()
    for name in {column for _, column, _ in columns(path)}:
        word = rb"\b%b\b" % name.encode()
        path.write_bytes(re.sub(word, bytes((name.encode()[0] ^ 2,)) + name.encode()[1:], sound))
        answer = rca(*(each.format(number=number) for each in command))
        codes.add(answer.code)
        if answer.code:
            assert (answer.code, "is damaged" in answer.err) == (7, True), (name, answer)
    path.write_bytes(sound)
    assert 7 in codes


def test_a_serial_that_is_none_is_named(
    rca: Confined, home: Home, sound: bytes, number: str
) -> None:
    path = home.store / "rca.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute("UPDATE certificate SET serial = 'q' || substr(serial, 2)")
    answer = rca("show", number)
    path.write_bytes(sound)
    assert answer.code == 7
    assert "the store is damaged: it has the impossible value 'q" in answer.err
