"""Tables that are meant to hurt: no row of a bad line; in ours no cell computes anything."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from tests.shared.confined import Confined, Refused, check_clear

from .mutants import mutants

GOOD = (
    "利用者ID,氏名,メール,施設,地域\r\nhanako,佐藤 花子,hanako@example.jp,見本訪問看護,見本市\r\n"
)
"""As Excel in Japan writes it."""

NO_TABLES = {
    "empty": b"",
    "a blank line": b"\n" * 100_000,
    "NUL": b"\0" * 100_000,
    "NUL in the columns": b"user\0,name\nx,y\n",
    "a million columns": b"user" + b",name" * 1_000_000 + b"\nx\n",
    "a million empty columns": b"user" + b"," * 1_000_000 + b"\nx\n",
    "a line of 20 MB": b"x" * 20_000_000,
    "a quote that stays open": b'"user\n' + b"x\n" * 200_000,
    "UTF-32": "user,name\nx,y\n".encode("utf-32"),
    "EBCDIC": "user,name\nx,y\n".encode("cp500"),
    "half of UTF-16": "user,name\n".encode("utf-16")[:-1],
    "a formula for a column": b"user,=1+1\nx,y\n",
    "an escape for a column": b"user,\x1b]0;owned\x07\nx,y\n",
    "a column twice": b"user,user\nx,y\n",
    "a column twice by another name": "user,利用者ID\nx,y\n".encode(),
    "ZIP": b"PK\x03\x04" + bytes(range(256)) * 100,
}
BAD_LINES = {
    "NUL": b"a\0b,x\n",
    "a field of 1 MB": b"a," + b"x" * 1_000_000 + b"\n",
    "a field of 16 KB": b"a," + b"x" * 16_000 + b"\n",
    "a million fields": b"a" + b",x" * 1_000_000 + b"\n",
    "a quote that stays open": b'"a,x\n',
    "a quote that goes on": b'"a"b,x\n',
    "no UTF-8": b"a,\xff\xfe\n",
    "an escape": b"a,\x1b[2J\n",
    "marks of direction": "a,b\u202ec\n".encode(),
    "a line in a name": b'a,"b\nc"\n',
    "one field": b"a\n",
    "no user": b",x\n",
}


@pytest.mark.parametrize("command", [("user", "import"), ("issue", "--batch")], ids=" ".join)
def test_a_file_that_is_no_table_is_refused(
    refused: Refused, tmp_path: Path, command: tuple[str, ...]
) -> None:
    table = tmp_path / "table.csv"
    for what, content in NO_TABLES.items():
        table.write_bytes(content)
        assert refused(*command, table).code == 5, what


@pytest.mark.parametrize("what", BAD_LINES)
def test_a_bad_line_is_reported_and_its_neighbours_are_processed(
    rca: Confined, tmp_path: Path, what: str
) -> None:
    table = tmp_path / "table.csv"
    table.write_bytes("user,name\nsaki,見本\n".encode() + BAD_LINES[what] + b"ato,x\n")
    assert rca("--home", tmp_path / "home", "init").code == 0
    answer = rca("--home", tmp_path / "home", "user", "import", table, "--format", "json")
    check_clear(answer, what)
    assert answer.code == 8
    assert json.loads(answer.out)["imported"] == 2
    assert answer.seconds < 5
    assert answer.memory < 64 * 1024 * 1024
    users = rca("--home", tmp_path / "home", "user", "list", "--format", "json").json
    assert [user["user"] for user in users] == ["ato", "saki"]
    none = rca("--home", tmp_path / "home", "user", "import", table, "--all-or-nothing")
    assert none.code in (5, 8)
    assert none.out == ""


FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "＝1+1", "＋1", "－1", "＠A1")
SEPARATORS = ('=HYPERLINK("http://x")', 'a,"b";c')


def test_a_formula_is_kept_as_it_is_and_marked_where_a_sheet_would_compute_it(
    rca: Confined, tmp_path: Path
) -> None:
    """In the database and in JSON it is as it was given; a cell of CSV begins with a quote."""
    texts = (*FORMULAS, *SEPARATORS)
    with (tmp_path / "table.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("user", "device", "note", "name"))
        table.writerows((f"{place:02}", "mac", text, text) for place, text in enumerate(texts))
    home = ("--home", tmp_path / "home")
    assert rca(*home, "init").code == 0
    assert rca(*home, "hierarchy", "create", "new").code == 0
    assert rca(*home, "issue", "--batch", tmp_path / "table.csv").code == 0

    records = rca(*home, "list", "--sort", "user", "--format", "json").json
    assert [(each["note"], each["name"]) for each in records] == [(text, text) for text in texts]
    answer = rca(*home, "list", "--sort", "user", "--format", "csv")
    for text, row in zip(texts, csv.DictReader(io.StringIO(answer.out)), strict=True):
        shown = text if text in SEPARATORS[1:] else f"'{text}"
        assert (row["note"], row["name"]) == (shown, shown)


def test_a_corrupted_line_is_processed_or_reported(rca: Confined, tmp_path: Path) -> None:
    assert rca("--home", tmp_path / "home", "init").code == 0
    table = tmp_path / "table.csv"
    for encoding in ("cp932", "utf-8-sig", "utf-16"):
        for place, spoilt in enumerate(mutants(GOOD.encode(encoding), 60, seed=21)):
            table.write_bytes(spoilt)
            answer = rca("--home", tmp_path / "home", "user", "import", table)
            check_clear(answer, (encoding, place))
            assert answer.code in (0, 5, 8), (encoding, place, answer)


ROUNDED = ("1.23E+15", "1.23456789012E15", "1E+20", "４．５６Ｅ＋１２")


@pytest.mark.parametrize("command", [("user", "import"), ("issue", "--batch")], ids=" ".join)
def test_an_id_that_a_spreadsheet_has_rounded_is_refused_by_its_line(
    rca: Confined, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Two people of one id would get each other's mails."""
    home = ("--home", tmp_path / "home")
    assert rca(*home, "init").code == 0
    assert rca(*home, "hierarchy", "create", "new").code == 0
    table = tmp_path / "table.csv"
    lines = ["user,device", "1E5a,mac", *(f"{each},mac" for each in ROUNDED), "12E3,mac"]
    rows = lines if command[0] == "issue" else [line.partition(",")[0] for line in lines]
    table.write_text("\n".join(rows) + "\n")
    answer = rca(*home, *command, table)
    assert answer.code == 8
    assert re.findall(r"line (\d+): .*its last digits are lost", answer.err) == [*"3456"]
    users = rca(*home, "user", "list", "--format", "json").json
    assert [user["user"] for user in users] == ["12E3", "1E5a"]


def test_a_user_of_two_lines_is_one(rca: Confined, tmp_path: Path) -> None:
    home = ("--home", tmp_path / "home")
    assert rca(*home, "init").code == 0
    table = tmp_path / "table.csv"
    table.write_text("user,name\nsato,A\nsuzuki,B\nsato,C\n")
    answer = rca(*home, "user", "import", table, "--format", "json")
    assert answer.json == {"imported": 2, "failed": 0}
    users = rca(*home, "user", "list", "--format", "json").json
    assert [(user["user"], user["name"]) for user in users] == [("sato", "C"), ("suzuki", "B")]


def test_a_hundred_thousand_bad_lines_are_counted_in_little_memory(
    rca: Confined, tmp_path: Path
) -> None:
    """In a file of another kind, the first problems are printed and the rest are counted."""
    table = tmp_path / "table.csv"
    table.write_bytes(b"user,device\n" + b"a\n" * 100_000)
    answer = rca("issue", "--batch", table)
    assert answer.code == 8
    assert "failed lines: 100000" in answer.err
    assert answer.memory < 40_000_000
