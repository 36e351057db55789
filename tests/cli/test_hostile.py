"""Arguments that nobody means well: one clear line, or harmless data; never a traceback."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from program import Issue, Program

# What stands between here and a terminal cannot hold a NUL; the rest it can.
HOSTILE = {
    "escape sequence": "\x1b]0;owned\x07\x1b[2J",
    "newline": "first\nrca: error: second",
    "carriage return": "safe\rowned",
    "tab": "a\tb",
    "delete": "a\x7fb",
    "C1 control": "a\x9bb",
    "bidi override": "user\u202egnp.exe",
    "bidi isolate": "a\u2066b\u2069",
    "zero width": "su\u200bzuki",
    "byte order mark": "\ufeffsuzuki",
    "line separator": "a\u2028b",
    "invalid UTF-8": "\udcff\udcfe",
    "300 characters": "あ" * 300,
    "path": "../../../etc/passwd",
    "absolute path": "/etc/passwd",
    "formula": "=cmd|' /C calc'!A0",
    "emoji": "👩‍⚕️🏥",
    "half-width kana": "ｽｽﾞｷ",
    "CDATA": "]]><script>alert(1)</script>",
    "braces": "{user} {0} {}",
    "percent": "%s%n%(x)s",
    "sql": "'; DROP TABLE certificate; --",
    "quotes": "\"'`$(reboot)",
    "option": "--yes",
    "empty": "",
    "blank": "　 ",
    "private use": "\ue000",
    "unassigned": "\U000e0fff",
}

COMMANDS = [
    ("show", "{}"),
    ("export", "{}", "--out", "."),
    ("hold", "{}"),
    ("release", "{}"),
    ("revoke", "--serial", "{}"),
    ("revoke", "--user", "{}"),
    ("revoke", "--reason", "{}", "10000001"),
    ("list", "--user", "{}"),
    ("list", "--device", "{}"),
    ("list", "--status", "{}"),
    ("list", "--hierarchy", "{}"),
    ("list", "--facility", "{}"),
    ("list", "--network", "{}"),
    ("list", "--text", "{}"),
    ("list", "--sort", "{}"),
    ("list", "--limit", "{}"),
    ("list", "--issued-after", "{}"),
    ("list", "--expires-within", "{}"),
    ("list", "--format", "{}"),
    ("hierarchy", "show", "{}"),
    ("hierarchy", "create", "{}"),
    ("hierarchy", "create", "hostile", "--common-name", "{}", "--key-algorithm", "ec-p256"),
    ("hierarchy", "retire", "{}", "--yes"),
    ("profile", "show", "{}"),
    ("profile", "check", "{}"),
    ("user", "show", "{}"),
    ("user", "add", "{}"),
    ("user", "add", "hostile", "--name", "{}"),
    ("user", "add", "hostile", "--email", "{}"),
    ("user", "list", "--facility", "{}"),
    ("user", "import", "{}"),
    ("issue", "--device", "iphone", "--user", "hostile", "--hierarchy", "{}"),
    ("issue", "--device", "iphone", "--user", "hostile", "--csr", "{}"),
    ("--home", "{}", "list"),
    ("--lang", "{}", "list"),
    ("--passphrase-file", "{}", "publish", "--if-due", "--out", "."),
    ("{}",),
    ("list", "{}"),
]

# Whatever moves the cursor, hides or reorders letters, or cannot be encoded.
UNPRINTABLE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is taken for a file's name stays in the test's folder."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_hostile_argument_is_one_clear_line(rca: Program, command: tuple[str, ...]) -> None:
    for kind, text in HOSTILE.items():
        arguments = [each.replace("{}", text) for each in command]
        answer = rca(*arguments)
        about = f"{kind}: {arguments} → {answer}"
        assert answer.code in (0, 2, 3, 4, 5, 6, 7), about
        assert not UNPRINTABLE.search(answer.err + answer.out), about
        if answer.code:
            assert answer.out == "", about
            lines = answer.err.splitlines()
            assert all(re.match("rca: (error|hint): .", line) for line in lines), about
            assert sum(line.startswith("rca: error: ") for line in lines) == 1, about


@pytest.mark.parametrize("kind", ["path", "absolute path", "newline", "invalid UTF-8", "CDATA"])
def test_a_device_is_the_name_of_a_profile_and_no_path(rca: Program, kind: str) -> None:
    answer = rca("issue", "--device", HOSTILE[kind], "--user", "hostile")
    assert (answer.code, answer.out) == (5, "")
    assert "is not a profile's name" in answer.err
    assert not UNPRINTABLE.search(answer.err)


@pytest.mark.parametrize("kind", ["invalid UTF-8", "bidi override", "newline", "emoji"])
def test_the_program_itself_takes_the_bytes(rca: Program, kind: str) -> None:
    """Here the argument goes through the operating system."""
    text = HOSTILE[kind].encode("utf-8", "surrogateescape")
    for command in ([b"show", text], [b"user", b"show", text], [b"list", b"--text", text]):
        answer = rca.process(*command)
        assert answer.code in (0, 3, 5)
        assert "Traceback" not in answer.err
        assert not UNPRINTABLE.search(answer.err)


@pytest.mark.parametrize(
    "kind",
    ["path", "formula", "emoji", "half-width kana", "CDATA", "braces", "sql", "quotes", "percent"],
)
def test_an_odd_name_is_a_name_and_no_path(
    rca: Program, issue: Issue, kind: str, tmp_path: Path
) -> None:
    text = HOSTILE[kind]
    if kind == "emoji":
        text = "👩🏥"  # without the joiner, which has no shape of its own
    command = ("issue", "--device", "iphone", f"--user={text}", f"--note={text}")
    answer = rca(*command, "--out", tmp_path / "out", "--format", "json")
    assert answer.code == 0, answer.err
    record = answer.json
    assert (record["user"], record["note"]) == (text, text)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [
        f"{record['number']}.mobileconfig"
    ]
    assert [each["number"] for each in rca("list", f"--user={text}", "--format", "json").json] == [
        record["number"]
    ]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])
def test_a_cell_that_begins_like_a_formula_is_text(rca: Program, sign: str, issue: Issue) -> None:
    number = issue(user="formula", note=f"{sign}1+1", name=f"{sign}A1").certificate.number
    rows = csv.DictReader(io.StringIO(rca("show", number, "--format", "csv").out))
    (row,) = rows
    assert (row["note"], row["name"]) == (f"'{sign}1+1", f"'{sign}A1")
    assert not any(value.startswith(tuple("=+-@\t\r")) for value in row.values())
    assert rca("show", number, "--format", "json").json["note"] == f"{sign}1+1"


def test_a_cell_with_separators_stays_one_cell(rca: Program, issue: Issue) -> None:
    number = issue(note='a,"b";c').certificate.number
    (row,) = csv.DictReader(io.StringIO(rca("show", number, "--format", "csv").out))
    assert row["note"] == 'a,"b";c'


def test_a_home_whose_files_are_rubbish(rca: Program, tmp_path: Path) -> None:
    for content in (b"", b"\xff\xfe", b"\x00" * 100, b"a: &a [*a]", b"[" * 10_000, b"x" * 10**6):
        (tmp_path / "rca.yaml").write_bytes(content)
        answer = rca("--home", tmp_path, "list", "--issued-after", "2026-01-01")
        assert answer.code == 5, content[:20]
        assert len(answer.err.splitlines()) <= 2
        assert not UNPRINTABLE.search(answer.err)


def test_a_damaged_store_is_told_and_not_touched(rca: Program, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert rca("--home", home, "init").code == 0
    database = home / "ca-store" / "rca.sqlite"
    damaged = b"rubbish" * 5000
    database.write_bytes(damaged)
    answer = rca("--home", home, "list")
    assert answer.code == 7
    assert "restore a backup" in answer.err
    assert database.read_bytes() == damaged
