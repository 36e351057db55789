"""Names as people, spreadsheets and attackers write them: they work everywhere, or are refused."""

from __future__ import annotations

import csv
import io
import plistlib
import subprocess
import unicodedata

import pytest
from asn1crypto import pem, x509
from terminal import Terminal

ACCEPTED = {
    "path": "../../etc/passwd",
    "formula": "=cmd|' /C calc'!A0",
    "markup": "<b>]]>&amp;\"'",
    "name attributes": "a, CN=root+OU=x;#\\",
    "template": "%s{0}{user.__class__}{network}",
    "option": "-rf",
    "emoji": "😀👍🏽",
    "half-width kana": "ｱｲｳﾞｶﾞ",
    "beyond the first plane": "𠮷野家",
    "decomposed": "か\u3099 e\u0301",
    "blanks around": "  鈴木\u3000花子  ",
    "64 letters": "あ" * 64,
}
REFUSED = {
    "invalid UTF-8": "\udcff",
    "65 letters": "x" * 65,
    "300 letters": "x" * 300,
    "empty": "",
    "blank": " \u3000 ",
    "right to left": "a\u202eb",
    "isolate": "\u2066x",
    "joined emoji": "👨\u200d👩\u200d👧",
    "no width": "\u200bx",
    "line": "a\nb",
    "tab": "a\tb",
    "escape": "a\x1b[2Jb",
    "separator": "a\u2028b",
    "tag": "\U000e0041x",
    "private use": "\ue000",
}


P12 = ("openssl", "pkcs12", "-legacy", "-nokeys", "-clcerts")


def clean(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip()


@pytest.fixture(scope="module")
def rca(_made: Terminal, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    return _made.copy(tmp_path_factory.mktemp("names") / "work")


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("name", ACCEPTED.values(), ids=ACCEPTED)
def test_a_name_that_is_accepted_works_everywhere(rca: Terminal, name: str) -> None:
    command = ("issue", "--device", "mac", f"--user={name}", f"--note={name}", "--out", "out")
    issued = rca(*command, "--format", "json").json
    assert (issued["user"], issued["note"]) == (clean(name), clean(name))

    (file,) = issued["files"]
    assert (rca.folder / file).parent == rca.folder / "out"
    opened = subprocess.run(
        [*P12, "-in", rca.folder / file, "-passin", f"pass:{issued['password']}"],
        capture_output=True,
        check=True,
    )
    _, _, der = pem.unarmor(opened.stdout)
    assert x509.Certificate.load(der).subject.native["common_name"] == clean(name)

    found = rca("list", f"--user={name}", "--format", "json").json
    assert [record["number"] for record in found] == [issued["number"]]
    table = rca("list", f"--user={name}")
    assert table.code == 0
    assert len(table.out.splitlines()) == 2
    (row,) = csv.DictReader(io.StringIO(rca("list", f"--user={name}", "--format", "csv").out))
    assert row["user"].removeprefix("'") == clean(name)
    assert not row["user"].startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("kind", ["path", "markup", "emoji", "decomposed", "64 letters"])
def test_a_profile_with_such_a_name_is_a_plist_with_a_plain_identifier(
    rca: Terminal, kind: str
) -> None:
    name = ACCEPTED[kind]
    command = ("issue", "--device", "iphone", f"--user={name}", "--out", "out")
    issued = rca(*command, "--format", "json").json
    profile = plistlib.loads((rca.folder / issued["files"][0]).read_bytes())
    assert clean(name) in profile["PayloadDescription"]
    # The part of the identifier that the name decides has only what reverse DNS allows.
    assert set(profile["PayloadIdentifier"]) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"
    )


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED)
def test_a_name_that_is_refused_is_one_line(rca: Terminal, name: str) -> None:
    result = rca("issue", "--device", "mac", f"--user={name}")
    assert (result.code, result.out) == (5, "")
    assert result.complaint.isprintable()


@pytest.mark.parametrize(
    "command",
    [
        ("init", "--network=\u202e"),
        ("hierarchy", "create", "x", "--common-name=a\x1bb"),
        ("hierarchy", "create", "../x"),
        ("user", "add", "x", "--email=a@\nb"),
        ("issue", "--user", "x", "--device", "../../etc/passwd"),
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
def test_what_cannot_be_meant_is_one_line(rca: Terminal, command: tuple[str, ...]) -> None:
    result = rca(*command)
    assert (result.code, result.out) == (5, "")
    assert result.complaint.isprintable()


def test_a_number_too_large_for_the_database_is_one_line(rca: Terminal) -> None:
    result = rca("list", "--offset", "9" * 20)
    assert result.code in (2, 5)
    assert result.complaint
