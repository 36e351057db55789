"""Arguments that nobody means well: one clear line, or harmless data; never a traceback."""

from __future__ import annotations

import pytest

from renrakucho_ca.service.home import Home
from tests.shared.confined import UNPRINTABLE, Confined, Refused, check_clear
from tests.shared.runner import Runner

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


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_hostile_argument_is_one_clear_line(rca: Confined, command: tuple[str, ...]) -> None:
    for kind, text in HOSTILE.items():
        arguments = [each.replace("{}", text) for each in command]
        answer = rca(*arguments)
        check_clear(answer, (kind, arguments))
        assert answer.code != 8, (kind, arguments, answer)
        assert not (answer.code and answer.out), (kind, arguments, answer)


@pytest.mark.parametrize("kind", ["path", "absolute path", "newline", "invalid UTF-8", "CDATA"])
def test_a_device_is_the_name_of_a_profile_and_no_path(refused: Refused, kind: str) -> None:
    answer = refused("issue", "--device", HOSTILE[kind], "--user", "hostile")
    assert answer.code == 5
    assert "is not a profile name" in answer.err


@pytest.mark.parametrize(
    "command",
    [
        ("init", "--network=\u202e"),
        ("hierarchy", "create", "x", "--common-name=a\x1bb"),
        ("hierarchy", "create", "../x"),
        ("user", "add", "x", "--email=a@\nb"),
        ("issue", "--user", "x", "--device", "mac", "--note", "x" * 201),
        ("list", "--text", "\udcff"),
        ("list", "--text", "x" * 60_000),
        ("list", "--issued-before", "0001-01-01"),
        ("list", "--issued-after", "9999-12-31T23:59:59-12:00"),
        ("hierarchy", "retire", "new", "--yes", "--at", "9999-12-31T23:59:59Z"),
        ("user", "show", "\udcff"),
        ("hierarchy", "show", "\udcff"),
        ("show", "９９９９９９９"),
        ("revoke", "--serial", "\udcff"),
    ],
    ids=" ".join,
)
def test_a_nonsensical_argument_is_refused(refused: Refused, command: tuple[str, ...]) -> None:
    assert refused(*command).code == 5


def test_a_number_too_large_for_the_database_is_refused(refused: Refused) -> None:
    assert refused("list", "--offset", "9" * 20).code in (2, 5)


@pytest.mark.parametrize("kind", ["invalid UTF-8", "bidi override", "newline", "emoji"])
def test_the_program_itself_takes_the_bytes(home: Home, kind: str) -> None:
    """Here the argument goes through the operating system."""
    rca = Runner({"RCA_HOME": str(home.path), "RCA_LANG": "en"})
    text = HOSTILE[kind].encode("utf-8", "surrogateescape")
    for command in ([b"show", text], [b"user", b"show", text], [b"list", b"--text", text]):
        answer = rca.process(*command)
        assert answer.code in (0, 3, 5)
        assert "Traceback" not in answer.err
        assert not UNPRINTABLE.search(answer.err)
