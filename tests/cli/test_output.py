"""What people see: tables that line up, fit the terminal, and are plain in a pipe."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from renrakucho_ca.console import cells, printable
from tests.shared.homes import Issue
from tests.shared.runner import Runner

from .table_layout import column_starts, width

LONG_NOTE = "訪問用の端末、二階の事務室に置いてあるもの(予備)、充電器は別"


@pytest.fixture(scope="module")
def facility(issue: Issue) -> str:
    """People with names of every width, as `list --facility` finds them."""
    name = "表の診療所"
    people = (
        ("ito", "伊藤 花", None),
        ("kobayashi", "小林　健太郎", LONG_NOTE),
        ("o'brien", "O'Brien", "tablet"),
        ("ﾔﾏﾀﾞ", "ﾔﾏﾀﾞ ﾀﾛｳ", "é combining e\u0301"),
    )
    for user, person, note in people:
        issue(user, "iphone", note, name=person, facility=name)
    return name


@pytest.fixture(params=["en", "ja"])
def speaking(rca: Runner, request: pytest.FixtureRequest) -> Runner:
    return rca.having(RCA_LANG=request.param)


def test_a_table_in_a_pipe_is_plain_and_whole(speaking: Runner, facility: str) -> None:
    lines = speaking("list", "--facility", facility).out.splitlines()
    assert len(lines) == 5  # a header, and a line for each
    for line in lines:
        assert line == line.rstrip()
        assert not line.startswith(" ")
        assert "\x1b" not in line
        assert "─" not in line
    assert any(LONG_NOTE in line for line in lines)


def test_columns_line_up_under_wide_letters(speaking: Runner, facility: str) -> None:
    header, *lines = speaking("list", "--facility", facility).out.splitlines()
    starts = column_starts(header)
    for line in lines:
        # A person's name may have blanks of its own, but never begins anywhere else.
        assert set(column_starts(line)) <= set(starts), line


@pytest.mark.parametrize("columns", [60, 80, 100, 120, 160])
def test_a_table_fits_the_terminal(speaking: Runner, facility: str, columns: int) -> None:
    answer = speaking.terminal("list", "--facility", facility, columns=columns)
    assert answer.code == 0
    shown = re.sub(r"\x1b\[[0-9;]*m", "", answer.out)
    for line in shown.splitlines():
        assert width(line) <= columns, line
    # What has to be copied is never broken.
    assert len(re.findall(r"^[1-9][0-9]{7} ", shown, re.MULTILINE)) == 4
    assert len(re.findall(r"20[23][0-9][-/]01[-/]16$", shown, re.MULTILINE)) == 4
    if columns >= 80:
        # Nor is a word, since a column that can be spared gives way first.
        assert shown.count(" iphone ") == 4


def test_the_hierarchies_fit_a_narrow_terminal(speaking: Runner) -> None:
    """What can be spared goes first: no name and no title is broken."""
    names = [each["name"] for each in speaking("hierarchy", "list", "--format", "json").json]
    answer = speaking.terminal("hierarchy", "list", columns=60)
    header, _, *lines = re.sub(r"\x1b\[[0-9;]*m", "", answer.out).splitlines()
    assert all(width(line) <= 60 for line in (header, *lines))
    assert {"root", "ルートCA"} & set(header.split())
    assert [line.split()[0] for line in lines if line[0] != " "] == names


def test_a_wide_terminal_shows_more(speaking: Runner, facility: str) -> None:
    narrow = speaking.terminal("list", "--facility", facility, columns=80).out
    wide = speaking.terminal("list", "--facility", facility, columns=200).out
    assert "伊藤 花" not in narrow
    assert "伊藤 花" in wide
    assert LONG_NOTE in wide


def test_a_terminal_that_can_do_nothing_gets_text_alone(rca: Runner, facility: str) -> None:
    answer = rca.having(TERM="dumb").terminal("list", "--facility", facility)
    assert "\x1b" not in answer.out


def test_nothing_found_is_talk_and_no_data(rca: Runner) -> None:
    nothing = ("list", "--user", "nobody")
    assert rca(*nothing).out == ""
    assert rca(*nothing).err == "nothing found\n"
    assert rca("--lang", "ja", *nothing).err == "該当するものはありません\n"
    assert rca("-q", *nothing).err == ""
    assert rca(*nothing, "--format", "json").out == "[]\n"
    header, *rows = rca(*nothing, "--format", "csv").out.splitlines()
    assert header.startswith("number,serial,")
    assert rows == []


def test_issue_prints_the_users_number_and_password_first(rca: Runner) -> None:
    answer = rca("issue", "--device", "iphone", "--user", "sato", "--note", "机の上")
    number, password, *rest = answer.out.splitlines()
    assert re.fullmatch(r"number +[1-9][0-9]{7}", number)
    assert re.fullmatch(r"password +[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}", password)
    assert "fingerprint" not in answer.out
    assert len(rest) <= 6


def test_empty_fields_of_a_certificate_are_not_printed(speaking: Runner, issue: Issue) -> None:
    certificate = issue(note="机の上").certificate
    lines = speaking("show", certificate.number).out.splitlines()
    assert lines[0].endswith(certificate.number)
    assert any(line.endswith("机の上") for line in lines)
    for line in lines:
        assert line == line.rstrip()
    values = {column_starts(line)[1] for line in lines if len(column_starts(line)) > 1}
    assert len(values) == 1  # one column of titles, one of values


def test_dates_are_those_of_the_homes_timezone(rca: Runner, issue: Issue, tmp_path: Path) -> None:
    """Issued at 2026-01-15 20:00 UTC, which is 05:00 of the 16th in Japan."""
    number = issue().certificate.number
    assert "2026-01-16" in rca("show", number).out
    assert rca("show", number, "--format", "json").json["issued_at"] == "2026-01-15T20:00:00Z"
    settings = Path(rca.environment["RCA_HOME"]) / "rca.yaml"
    text = settings.read_text()
    for written in (
        "timezone: America/New_York",
        'timezone: "America/New_York"  # far away',
        "'timezone': America/New_York",
    ):
        try:
            settings.write_text(text.replace("timezone: Asia/Tokyo", written))
            assert "2026-01-15" in rca("show", number).out, written
        finally:
            settings.write_text(text)


@pytest.mark.parametrize("state", ["発行済み", "ダウンロード済み", "失効済", "一時停止"])
def test_states_are_called_as_the_service_calls_them(
    rca: Runner, issue: Issue, state: str, tmp_path: Path
) -> None:
    number = issue(user="states").certificate.number
    if state != "発行済み":
        command = {"ダウンロード済み": "export", "失効済": "revoke", "一時停止": "hold"}[state]
        rca(command, number, *(["--out", tmp_path] if command == "export" else []))
    assert re.search(rf"^状態 +{state}$", rca("--lang", "ja", "show", number).out, re.MULTILINE)


def test_checks_are_named_in_the_readers_language_and_for_scripts_in_english(rca: Runner) -> None:
    settings = Path(rca.environment["RCA_HOME"]) / "rca.yaml"
    settings.chmod(0o606)
    try:
        table = rca("--lang", "ja", "doctor").out
        names = [row["check"] for row in rca("--lang", "ja", "doctor", "--format", "csv").csv]
    finally:
        settings.chmod(0o600)
    assert re.search("^権限 +問題 ", table, re.MULTILINE)
    assert "permissions" in names


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("鈴木", 4), ("ｽｽﾞｷ", 4), ("e\u0301", 1), ("　", 2), ("─", 1), ("", 0)],
)
def test_cells(text: str, columns: int) -> None:
    assert cells(text) == columns


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("鈴木　花子", "鈴木　花子"),
        ("a\u00a0b", "a\u00a0b"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb", r"a\nb"),
        ("\u202e", r"\u202e"),
        ("\udcff", r"\udcff"),
        ("😀", "😀"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


HEAVY = {
    "concurrent",
    "logging",
    "rich",
    "yaml",
    "msgspec",
    "sqlite_utils",
    "cryptography",
    "jinja2",
    "starlette",
    "argon2",
}


@pytest.mark.parametrize(
    "command",
    [
        ("--version",),
        ("show", "NUMBER"),
        ("show", "NUMBER", "--format", "json"),
        ("list",),
        ("list", "--format", "json"),
        ("list", "--limit", "50", "--format", "csv"),
        ("hold", "--help"),
    ],
    ids=" ".join,
)
def test_a_look_up_imports_nothing_heavy(
    rca: Runner, issue: Issue, command: tuple[str, ...], tmp_path: Path
) -> None:
    """limits.md, "Start-up": each of these would cost as much as the whole look-up."""
    script = tmp_path / "look_up.py"
    script.write_text(
        "import sys\n"
        "from renrakucho_ca.cli import main\n"
        "try:\n    main()\n"
        "finally:\n"
        "    print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    number = issue().certificate.number
    arguments = [number if each == "NUMBER" else each for each in command]
    answer = rca.process(*arguments, program=(sys.executable, script))
    assert answer.code == 0
    loaded = set(answer.err.split())
    assert "renrakucho_ca" in loaded  # the list is one
    assert not HEAVY & loaded


def test_dates_for_people_are_written_as_their_language_writes_them(
    rca: Runner, issue: Issue
) -> None:
    """ISO in JSON and CSV, in either language."""
    number = issue().certificate.number
    english, japanese = (rca("--lang", each, "show", number).out for each in ("en", "ja"))
    assert re.search(r" 20\d\d-\d\d-\d\d$", english, re.MULTILINE)
    assert re.search(r" 20\d\d/\d\d/\d\d$", japanese, re.MULTILINE)
    assert not re.search(r"20\d\d-\d\d", japanese)
    (row,) = rca("--lang", "ja", "show", number, "--format", "csv").csv
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["not_after"])
