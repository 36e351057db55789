"""Where the passphrase comes from: the order of cli.md, and never where others can read it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from renrakucho_ca.cli import passphrase
from renrakucho_ca.model import RetrievalNumber
from tests.shared.homes import PASSPHRASE, Issue
from tests.shared.runner import Runner, write_secret
from tests.shared.waiting import PATIENCE

WRONG = b"not the passphrase"


@pytest.fixture
def number(issue: Issue) -> RetrievalNumber:
    """Its password is sealed: `show --reveal` asks for the passphrase."""
    return issue().certificate.number


@pytest.fixture
def bare(rca: Runner) -> Runner:
    """Without any passphrase."""
    return rca.without("RCA_PASSPHRASE_FILE")


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    return write_secret(tmp_path / "wrong", WRONG)


@pytest.mark.parametrize(
    "request_", [("no-such-device", "suzuki"), ("mac", "x" * 65), ("../mac", "suzuki")]
)
def test_an_invalid_request_is_reported_before_the_passphrase_is_asked_for(
    bare: Runner, request_: tuple[str, str]
) -> None:
    device, user = request_
    answer = bare("issue", "--device", device, "--user", user)
    assert answer.code in (3, 5)
    assert "passphrase" not in answer.err


def credentials(tmp_path: Path, content: bytes) -> str:
    """A folder as systemd hands it to a service."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    write_secret(folder / "rca-passphrase", content)
    return str(folder)


def descriptor(content: bytes) -> int:
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading


def test_the_descriptor_comes_first(
    bare: Runner, number: RetrievalNumber, wrong: Path, tmp_path: Path
) -> None:
    everything_wrong = bare.having(
        RCA_PASSPHRASE_FILE=str(wrong), CREDENTIALS_DIRECTORY=credentials(tmp_path, WRONG)
    )
    opened = descriptor(PASSPHRASE)
    options = ("--passphrase-fd", opened, "--passphrase-file", wrong)
    assert everything_wrong(*options, "show", number, "--reveal").code == 0


def test_then_the_file_of_the_option(
    bare: Runner, number: RetrievalNumber, secret: Path, wrong: Path, tmp_path: Path
) -> None:
    rest_wrong = bare.having(
        RCA_PASSPHRASE_FILE=str(wrong), CREDENTIALS_DIRECTORY=credentials(tmp_path, WRONG)
    )
    assert rest_wrong("--passphrase-file", secret, "show", number, "--reveal").code == 0


def test_then_the_file_of_the_variable(
    bare: Runner, number: RetrievalNumber, secret: Path, tmp_path: Path
) -> None:
    rest_wrong = bare.having(
        RCA_PASSPHRASE_FILE=str(secret), CREDENTIALS_DIRECTORY=credentials(tmp_path, WRONG)
    )
    assert rest_wrong("show", number, "--reveal").code == 0


def test_then_systemds_credential(bare: Runner, number: RetrievalNumber, tmp_path: Path) -> None:
    served = bare.having(CREDENTIALS_DIRECTORY=credentials(tmp_path, PASSPHRASE))
    assert served("show", number, "--reveal").code == 0


def test_a_service_with_other_credentials_has_none_of_ours(
    bare: Runner, number: RetrievalNumber, tmp_path: Path
) -> None:
    answer = bare.having(CREDENTIALS_DIRECTORY=str(tmp_path)).process("show", number, "--reveal")
    assert answer.code == 7
    assert "no passphrase given" in answer.err


def test_then_the_terminal(bare: Runner, number: RetrievalNumber, issue: Issue) -> None:
    answer = bare.terminal("show", number, "--reveal", typed=[PASSPHRASE.decode()])
    assert answer.code == 0
    assert "passphrase of the CA keys: " in answer.out
    assert "password " in answer.out
    assert PASSPHRASE.decode() not in answer.out  # what is typed is not shown


def test_a_terminal_is_asked_in_its_language(bare: Runner, number: RetrievalNumber) -> None:
    answer = bare.having(RCA_LANG="ja").terminal("show", number, "--reveal", typed=["wrong"])
    assert answer.code == 7
    assert "認証局の鍵のパスフレーズ: " in answer.out
    assert "パスフレーズが違います" in answer.out


def test_without_a_terminal_no_command_waits_for_an_answer(
    bare: Runner, number: RetrievalNumber
) -> None:
    answer = bare.process("show", number, "--reveal", stdin=PASSPHRASE + b"\n")
    assert answer.code == 7
    assert answer.err.splitlines() == [
        "rca: error: no passphrase given",
        "rca: hint: name its file with --passphrase-file or $RCA_PASSPHRASE_FILE",
    ]


def test_a_new_passphrase_is_asked_for_twice(bare: Runner, tmp_path: Path) -> None:
    command = ("--home", tmp_path / "new", "hierarchy", "create", "new")
    assert bare("--home", tmp_path / "new", "init").code == 0
    differing = bare.terminal(*command, typed=["one", "another"])
    assert differing.code == 7
    assert "the two passphrases differ" in differing.out
    assert bare.terminal(*command, typed=["", ""]).code == 7
    assert bare.terminal(*command, typed=["one", "one"]).code == 0
    # From now on there is one, and once is enough.
    another = ("--home", tmp_path / "new", "hierarchy", "create", "old")
    assert "repeat it" not in bare.terminal(*another, typed=["one"]).out


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_the_line_end_of_an_editor_is_not_a_part_of_it(
    bare: Runner, number: RetrievalNumber, ending: bytes
) -> None:
    opened = descriptor(PASSPHRASE + ending)
    assert bare("--passphrase-fd", opened, "show", number, "--reveal").code == 0


def test_blanks_and_a_second_line_are(bare: Runner, number: RetrievalNumber) -> None:
    for content in (PASSPHRASE + b" ", b" " + PASSPHRASE, PASSPHRASE + b"\n\n"):
        assert bare("--passphrase-fd", descriptor(content), "show", number, "--reveal").code == 7


@pytest.mark.parametrize(
    "options",
    [
        ("--passphrase-fd", 99),
        ("--passphrase-file", "/nowhere/passphrase"),
        ("--passphrase-file", "/"),
    ],
    ids=str,
)
def test_one_that_cannot_be_read_is_one_line(
    bare: Runner, number: RetrievalNumber, options: tuple[object, ...]
) -> None:
    answer = bare(*options, "show", number, "--reveal")
    assert answer.code == 7
    assert answer.err.startswith("rca: error: cannot read the passphrase from")
    assert len(answer.err.splitlines()) == 1


@pytest.mark.parametrize("number", ["-1", "x", "99999999999999999999"])
def test_a_descriptor_is_a_small_number(bare: Runner, number: str) -> None:
    assert bare("--passphrase-fd", number, "list").code == 2


@pytest.mark.parametrize(
    "command",
    [
        ["list"],
        ["hierarchy", "list"],
        ["hierarchy", "show", "new"],
        ["profile", "list"],
        ["profile", "check"],
        ["user", "list"],
        ["user", "add", "sato"],
    ],
    ids=" ".join,
)
def test_a_command_that_uses_no_key_asks_for_no_passphrase(
    bare: Runner, command: list[str]
) -> None:
    assert bare(*command).code == 0


def test_showing_revoking_and_holding_ask_for_none(
    bare: Runner, number: RetrievalNumber, issue: Issue
) -> None:
    for command in ("show", "hold", "release", "revoke"):
        assert bare(command, number).code == 0, command


def test_it_is_in_no_argument_and_no_variable_of_the_process(rca: Runner, tmp_path: Path) -> None:
    """The hook is a child of the process that knows it: what a child is told, others can see."""
    home = tmp_path / "home"
    assert rca("--home", home, "init").code == 0
    assert rca("--home", home, "hierarchy", "create", "new").code == 0
    seen = tmp_path / "seen"
    hook = f"cat /proc/$PPID/cmdline /proc/$PPID/environ /proc/self/environ > {seen}"
    settings = (home / "rca.yaml").read_text()
    (home / "rca.yaml").write_text(
        settings.replace("publish_hook: null", f"publish_hook: [sh, -c, '{hook}']")
    )
    answer = rca.process("--home", home, "publish")
    assert answer.code == 0, answer.err
    content = seen.read_bytes()
    assert b"publish" in content  # the command line was there to see
    assert PASSPHRASE not in content


def test_the_file_may_be_a_pipe(rca: Runner, number: RetrievalNumber, secret: Path) -> None:
    """`--passphrase-file <(pass show rca)`, as bash writes it."""
    line = f'"$@" --passphrase-file <(cat {secret}) show {number} --reveal'
    done = rca.without("RCA_PASSPHRASE_FILE").process(shell=line)
    assert done.code == 0, done.err


# -- files that are pipes


def test_a_named_pipe_without_a_writer_is_not_waited_for(
    bare: Runner, number: RetrievalNumber, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    answer = bare("--passphrase-file", pipe, "show", number, "--reveal")
    assert answer.code == 7
    assert answer.err == f"rca: error: no process writes a passphrase to {pipe}\n"


@pytest.mark.parametrize("source", ["<(cat {secret})", "<(sleep 0.3; cat {secret})"])
def test_the_output_of_a_program_can_be_the_file_however_late(
    bare: Runner, number: RetrievalNumber, secret: Path, source: str
) -> None:
    line = f'''"${{@:1:2}}" --passphrase-file {source.format(secret=secret)} "${{@:3}}"'''
    assert bare.process("show", number, "--reveal", shell=line).code == 0


def test_a_named_pipe_with_a_writer_is_read_to_its_end(
    bare: Runner,
    number: RetrievalNumber,
    secret: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passphrase, "WRITER_SECONDS", PATIENCE)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = subprocess.Popen(["bash", "-c", f"cat {secret} > {pipe}"])
    assert bare("--passphrase-file", pipe, "show", number, "--reveal").code == 0
    assert writer.wait(timeout=PATIENCE) == 0
