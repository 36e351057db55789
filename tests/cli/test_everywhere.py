"""What holds for every command: exit codes, language, output, errors of one line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from renrakucho_ca import __version__
from renrakucho_ca.cli.help import Command
from renrakucho_ca.cli.root import root
from renrakucho_ca.model import RetrievalNumber
from tests.shared.homes import PASSPHRASE, Issue
from tests.shared.runner import Runner, write_secret

from .table_layout import width

UNKNOWN = "10000001"


# -- exit codes (cli.md): each provoked


def test_0_nothing_to_do_counts_as_done(rca: Runner) -> None:
    answer = rca("list", "--user", "nobody", "--format", "json")
    assert (answer.code, answer.json) == (0, [])


def test_1_a_bug_is_one_line(rca: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(root.sections["Servers"], "broken", (f"{__name__}:broken", ""))
    answer = rca("broken")
    assert answer.code == 1
    assert answer.err.splitlines()[0] == "rca: error: internal error: ZeroDivisionError"
    assert "Traceback" not in answer.err


def test_1_a_traceback_is_printed_on_request(rca: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(root.sections["Servers"], "broken", (f"{__name__}:broken", ""))
    answer = rca.having(RCA_DEBUG="1")("broken")
    assert answer.code == 1
    assert "Traceback" in answer.err
    assert "rca: error: internal error: ZeroDivisionError" in answer.err


@pytest.mark.parametrize(
    ("arguments", "code"), [(["lst"], 2), (["show", UNKNOWN], 3), (["show", "x"], 5)]
)
def test_a_traceback_changes_no_exit_code(rca: Runner, arguments: list[str], code: int) -> None:
    answer = rca.having(RCA_DEBUG="1")(*arguments)
    assert answer.code == code
    assert "Traceback" in answer.err
    assert answer.err.rstrip().splitlines()[-1].startswith("rca: ")


@click.command(cls=Command)
def broken() -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lst"], "unknown command lst"),
        (["list", "--frmat"], "unknown option --frmat"),
        (["list", "--format"], "--format needs a value"),
        (["list", "--all=1"], "--all takes no value"),
        (["list", "--format", "xml"], "--format must be one of table, json, csv"),
        (["list", "--limit", "x"], "--limit must be a whole number of at least 0"),
        (["list", "--limit", "-1"], "--limit must be a whole number of at least 0"),
        (["list", "--sort", "x"], "--sort must be one of"),
        (["list", "10000001"], "unexpected arguments: 10000001"),
        (["show"], "NUMBER is missing"),
        (["export", UNKNOWN], "--out is missing"),
        (["export", UNKNOWN, "--out", "pyproject.toml"], "--out must be a folder"),
        (["revoke"], "give a number, --user or --serial"),
        (["--passphrase-fd", "x", "list"], "--passphrase-fd must be a whole number"),
        (["--quiet"], "a command is missing"),
    ],
)
def test_2_usage_errors_are_in_our_words(rca: Runner, arguments: list[str], said: str) -> None:
    answer = rca(*arguments)
    assert answer.code == 2
    assert answer.err.startswith(f"rca: error: {said}")
    assert answer.out == ""


def test_2_a_slip_of_the_finger_gets_a_hint(rca: Runner) -> None:
    assert "rca: hint: did you mean list?" in rca("lst").err
    assert "rca: hint: did you mean --format?" in rca("list", "--frmat").err


@pytest.mark.parametrize(
    "command", ["list", "publish", "publish --if-due", "expire", "backup FILE", "audit verify"]
)
def test_where_no_home_is_every_command_says_so_and_makes_none(
    rca: Runner, tmp_path: Path, command: str
) -> None:
    nowhere = tmp_path / "nowhere"
    arguments = command.replace("FILE", str(tmp_path / "file")).split()
    answer = rca("--home", nowhere, *arguments)
    assert answer.code == 3
    assert "no store at" in answer.err
    assert "rca: hint: run `rca init` here" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_global_option_after_the_command_is_explained(rca: Runner) -> None:
    refused = rca("user", "list", "-q")
    assert refused.code == 2
    assert "rca: hint: put it before the command: `rca -q user list`" in refused.err
    assert "`rca --home … publish`" in rca("publish", "--home", "x").err


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", UNKNOWN],
        ["show", UNKNOWN, "--reveal"],
        ["show", UNKNOWN, "--pem"],
        ["export", UNKNOWN, "--out", "out"],
        ["revoke", UNKNOWN],
        ["revoke", "--serial", "0xdead"],
        ["revoke", "--user", "nobody"],
        ["revoke", UNKNOWN, "--dry-run"],
        ["hold", UNKNOWN],
        ["release", UNKNOWN],
        ["hierarchy", "show", "nowhere"],
        ["hierarchy", "retire", "nowhere", "--yes"],
        ["user", "show", "nobody"],
        ["profile", "show", "toaster"],
        ["profile", "check", "nowhere/toaster.yaml"],
        ["user", "import", "nowhere.csv"],
        ["issue", "--batch", "nowhere.csv"],
        ["restore", "nowhere"],
        ["issue", "--device", "toaster", "--user", "suzuki"],
        ["issue", "--device", "iphone", "--user", "suzuki", "--hierarchy", "nowhere"],
        ["issue", "--device", "iphone", "--user", "suzuki", "--csr", "nowhere.csr"],
    ],
)
def test_3_an_unknown_object_is_never_a_silent_success(
    rca: Runner, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = rca(*arguments)
    assert (answer.code, answer.out) == (3, "")


def test_3_a_folder_that_is_no_home(rca: Runner, tmp_path: Path) -> None:
    answer = rca("--home", tmp_path, "list")
    assert answer.code == 3
    assert "rca: hint: " in answer.err
    assert list(tmp_path.iterdir()) == []


def test_4_the_present_state_does_not_allow_it(
    rca: Runner, issue: Issue, spent: RetrievalNumber, tmp_path: Path
) -> None:
    revoked = issue().certificate.number
    assert rca("revoke", revoked).code == 0
    for arguments in (
        ["export", spent, "--out", tmp_path],
        ["show", spent, "--reveal"],
        ["revoke", revoked],
        ["hold", revoked],
        ["release", spent],
        ["export", revoked, "--out", tmp_path],
        ["init"],
        ["hierarchy", "create", "new"],
    ):
        answer = rca(*arguments)
        assert (answer.code, answer.out) == (4, ""), arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "1234"],
        ["list", "--issued-after", "yesterday"],
        ["list", "--expires-within", "soon"],
        ["issue", "--device", "../x", "--user", "suzuki"],
        ["issue", "--device", "iphone", "--user", " "],
        ["issue", "--device", "iphone", "--user", "x" * 65],
        ["user", "add", "sato", "--email", "nowhere"],
        ["hierarchy", "create", "New!"],
        ["revoke", "--serial", "xyz"],
    ],
)
def test_5_invalid_input(rca: Runner, arguments: list[str]) -> None:
    assert rca(*arguments).code == 5


def test_5_invalid_settings_are_reported_with_their_line(rca: Runner, tmp_path: Path) -> None:
    (tmp_path / "rca.yaml").write_text("network: x\norganization: [\n")
    answer = rca("--home", tmp_path, "list", "--issued-after", "2026-01-01")
    assert answer.code == 5
    assert re.search(r"rca\.yaml:\d", answer.err)


def test_6_policy_needs_a_yes(rca: Runner, issue: Issue) -> None:
    two = [issue().certificate.number for _ in range(2)]
    answer = rca("revoke", *two)
    assert answer.code == 6
    assert "--yes" in answer.err
    assert [rca("show", number, "--format", "json").json["status"] for number in two] == [
        "issued",
        "issued",
    ]
    assert rca("hierarchy", "retire", "old").code == 6


@pytest.mark.parametrize("content", [b"wrong", b"", b"x" * 2000])
def test_7_a_passphrase_that_does_not_serve(rca: Runner, tmp_path: Path, content: bytes) -> None:
    wrong = rca.having(RCA_PASSPHRASE_FILE=str(write_secret(tmp_path / "wrong", content)))
    answer = wrong("issue", "--device", "iphone", "--user", "suzuki")
    assert (answer.code, answer.out) == (7, "")


def test_8_a_part_of_a_batch_failed(rca: Runner, issue: Issue, spent: RetrievalNumber) -> None:
    numbers = [issue().certificate.number, UNKNOWN]
    answer = rca("revoke", "--yes", *numbers, "--format", "json")
    assert answer.code == 8
    (record,) = answer.json
    assert (record["number"], record["status"]) == (numbers[0], "revoked")
    assert UNKNOWN in answer.err


def test_130_an_interrupted_question_changes_nothing(rca: Runner, issue: Issue) -> None:
    number = issue().certificate.number
    asked = rca.without("RCA_PASSPHRASE_FILE").terminal("show", number, "--reveal", typed=["\x04"])
    assert asked.code == 130
    assert "Traceback" not in asked.out


# -- language


@pytest.mark.parametrize(
    ("variables", "options", "is_japanese"),
    [
        ({"LANG": "ja_JP.UTF-8"}, [], True),
        ({"LC_ALL": "C", "LANG": "ja_JP.UTF-8"}, [], False),
        ({"LC_ALL": "ja_JP.UTF-8", "LANG": "C"}, [], True),
        ({"LC_MESSAGES": "ja_JP.UTF-8", "LANG": "C"}, [], True),
        ({"RCA_LANG": "ja", "LC_ALL": "C"}, [], True),
        ({"RCA_LANG": "en", "LC_ALL": "ja_JP.UTF-8"}, [], False),
        ({"RCA_LANG": "en"}, ["--lang", "ja"], True),
        ({"RCA_LANG": "ja"}, ["--lang", "en"], False),
        ({}, [], False),
    ],
)
def test_the_language_is_the_options_then_the_variables_then_the_locales(
    rca: Runner, variables: dict[str, str], options: list[str], is_japanese: bool
) -> None:
    speaking = rca.without("RCA_LANG").having(**variables)
    assert ("証明書取得用No" in speaking(*options, "show", "1").err) == is_japanese
    assert ("使い方: rca list" in speaking(*options, "list", "--help").out) == is_japanese


def test_scripts_read_the_same_in_both_languages(rca: Runner, spent: RetrievalNumber) -> None:
    for form in ("json", "csv"):
        command = ("show", spent, "--format", form)
        assert rca("--lang", "ja", *command).out == rca("--lang", "en", *command).out


@pytest.mark.parametrize("arguments", [["lst"], ["list", "--frmat"], ["show"], ["list", "x"]])
def test_usage_errors_are_japanese_too(rca: Runner, arguments: list[str]) -> None:
    message, *_ = rca("--lang", "ja", *arguments).err.splitlines()
    assert re.search("[ぁ-ん]", message), message


# -- help


def pages(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path]
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            assert below is not None
            found += pages(below, (*path, name))
    return found


@pytest.mark.parametrize("path", pages(root), ids=" ".join)
def test_every_command_has_a_page_in_both_languages(rca: Runner, path: tuple[str, ...]) -> None:
    english = rca(*path, "--help")
    japanese = rca("--lang", "ja", *path, "--help")
    assert (english.code, japanese.code) == (0, 0)
    assert english.out.startswith(f"Usage: {' '.join(('rca', *path))} [OPTIONS]")
    assert japanese.out.startswith(f"使い方: {' '.join(('rca', *path))} [オプション]")
    for line in (english.out + japanese.out).splitlines():
        assert line == line.rstrip()


@pytest.mark.parametrize("columns", [60, 80, 100])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_page_fits_the_terminal(rca: Runner, language: str, columns: int) -> None:
    narrow = rca.having(COLUMNS=str(columns))
    for path in pages(root):
        for line in narrow("--lang", language, *path, "--help").out.splitlines():
            is_example = line.startswith("  rca ")
            assert width(line) <= columns or is_example, (path, line)


def test_h_is_help_and_nothing_at_all_is_a_question_for_help(rca: Runner) -> None:
    assert rca("-h").out == rca("--help").out
    nothing = rca()
    assert (nothing.code, nothing.err) == (2, rca("--help").out)


def test_the_version(rca: Runner) -> None:
    answer = rca("--version")
    assert (answer.code, answer.out) == (0, f"rca {__version__}\n")


# -- talk


def test_q_silences_talk_and_leaves_data_and_errors(rca: Runner, issue: Issue) -> None:
    number = issue().certificate.number
    assert rca("hold", number).err != ""
    answer = rca("-q", "release", number)
    assert (answer.code, answer.err) == (0, "")
    assert number in answer.out
    assert rca("-q", "show", UNKNOWN).err.startswith("rca: error: ")


def test_v_says_more(rca: Runner, tmp_path: Path) -> None:
    assert "new-issuing" in rca("-v", "publish", "--out", tmp_path).err
    assert "new-issuing" not in rca("publish", "--out", tmp_path).err
    assert rca("-q", "-v", "publish", "--out", tmp_path).err == ""


# -- the home


def test_the_home_is_the_options_then_the_variables_then_here(
    rca: Runner, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = rca.having(RCA_HOME=str(empty_home))
    assert elsewhere("hierarchy", "list", "--format", "json").json == []
    named = elsewhere(
        "--home", rca.environment["RCA_HOME"], "hierarchy", "list", "--format", "json"
    )
    assert [each["name"] for each in named.json] == ["old", "new"]
    monkeypatch.chdir(empty_home)
    here = rca.without("RCA_HOME")("hierarchy", "list", "--format", "json")
    assert (here.code, here.json) == (0, [])


@pytest.fixture
def empty_home(rca: Runner, tmp_path: Path) -> Path:
    assert rca("--home", tmp_path / "nobody", "init").code == 0
    return tmp_path / "nobody"


# -- streams that do not take what is written


def test_a_reader_that_has_seen_enough_is_no_error(rca: Runner, spent: RetrievalNumber) -> None:
    for command in (["list", "--all"], ["--help"], ["show", spent], ["--version"]):
        answer = rca.process(*command, shell='"$@" | true; exit "${PIPESTATUS[0]}"')
        assert (answer.code, answer.err) == (0, ""), command


@pytest.mark.parametrize(
    ("redirection", "unbuffered", "said"),
    [
        (">&-", "", "cannot write the output: it is closed"),
        (">&-", "1", "cannot write the output: it is closed"),
        (">/dev/full", "", "cannot write the output: No space left on device"),
        (">/dev/full", "1", "the disk is full"),
    ],
)
def test_output_that_cannot_be_written_is_one_line_and_not_a_success(
    rca: Runner, spent: RetrievalNumber, redirection: str, unbuffered: str, said: str
) -> None:
    set_up = rca.having(PYTHONUNBUFFERED=unbuffered)
    answer = set_up.process("show", spent, shell=f'"$@" {redirection}')
    assert answer.code == 7
    assert answer.err.splitlines()[0] == f"rca: error: {said}"
    assert len(answer.err.splitlines()) <= 2


def test_a_failed_output_after_issuing_does_not_suggest_issuing_again(rca: Runner) -> None:
    """The table lies on a disk that is full, the store on another."""
    answer = rca.process(
        "issue", "--device", "windows", "--user", "unread", shell='"$@" >/dev/full'
    )
    assert answer.code == 7
    error, hint = answer.err.splitlines()[-2:]
    assert error.startswith("rca: error: cannot write the output: ")
    assert "do not repeat it" in hint
    assert [each["user"] for each in rca("list", "--user", "unread", "--format", "json").json] == [
        "unread"
    ]


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&-"])
def test_a_closed_stderr_stops_no_command(rca: Runner, issue: Issue, redirection: str) -> None:
    number = issue().certificate.number
    answer = rca.process("hold", number, "--format", "json", shell=f'"$@" {redirection}')
    assert answer.code == 0
    assert answer.json["status"] == "held"


@pytest.mark.parametrize("streams", ["2>/dev/full", ">/dev/full 2>/dev/full"])
def test_the_exit_code_is_right_without_any_output(
    rca: Runner, spent: RetrievalNumber, streams: str, tmp_path: Path
) -> None:
    """Cron's log lies on a disk that is full."""
    for number, code in ((spent, 4), ("12345678", 3)):
        answer = rca.process("export", number, "--out", tmp_path, shell=f'"$@" {streams}')
        assert answer.code == code


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "euc_jp"])
def test_a_locale_without_the_letters_stops_nothing(
    rca: Runner, issue: Issue, encoding: str
) -> None:
    issue(user="emoji", note="端末 é 😀")
    poor = rca.having(PYTHONIOENCODING=encoding)
    command = [*map(str, ("list", "--user", "emoji", "--format"))]
    done = poor.process(*command, "json")
    assert done.code == 0
    if encoding in ("ascii", "utf-8"):
        # Escaped as JSON escapes, not as Python does.
        assert done.json[0]["note"] == "端末 é 😀"
    for arguments in ([*command, "table"], [*command, "csv"], ["--help"], ["--lang", "ja", "x"]):
        answer = poor.process(*arguments)
        assert answer.code in (0, 2)
        assert "Traceback" not in answer.err


def test_python_cli_py_is_rca(rca: Runner) -> None:
    script = Path(__file__).parents[2] / "cli.py"
    command = [sys.executable, str(script), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout == f"rca {__version__}\n"


def test_no_secret_is_an_argument_a_variable_or_in_a_traceback(rca: Runner, tmp_path: Path) -> None:
    options = {opt for _, command in commands() for each in command.params for opt in each.opts}
    assert "--passphrase" not in options
    assert "--password" not in options
    wrong = write_secret(tmp_path / "wrong", b"not-the-right-secret")
    answer = rca.having(RCA_DEBUG="1", RCA_PASSPHRASE_FILE=str(wrong)).process(
        "issue", "--device", "iphone", "--user", "suzuki"
    )
    assert "Traceback" in answer.err
    assert "not-the-right-secret" not in answer.err
    assert PASSPHRASE.decode() not in answer.err


def commands() -> list[tuple[tuple[str, ...], click.Command]]:
    found = []
    for path in pages(root):
        command: click.Command = root
        for name in path:
            assert isinstance(command, click.Group)
            below = command.get_command(click.Context(command), name)
            assert below is not None
            command = below
        found.append((path, command))
    return found
