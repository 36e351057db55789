"""Names as people, spreadsheets and attackers write them: they work everywhere, or are refused."""

from __future__ import annotations

import csv
import io
import plistlib
import string
import subprocess
import unicodedata
from pathlib import Path

import pytest
from asn1crypto import pem, x509

from tests.shared.confined import Confined, Refused

ACCEPTED = {
    "path": "../../etc/passwd",
    "formula": "=cmd|' /C calc'!A0",
    "markup": "<b>]]><script>alert(1)</script>&amp;\"'",
    "name attributes": "a, CN=root+OU=x;#\\",
    "template": "%s%n%(x)s{0}{}{user.__class__}{network}",
    "sql": "'; DROP TABLE certificate; --",
    "quotes": "\"'`$(reboot)",
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
IN_REVERSE_DNS = set(string.ascii_letters + string.digits + ".-")

P12 = ("openssl", "pkcs12", "-legacy", "-nokeys", "-clcerts")


def clean(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip()


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("name", ACCEPTED.values(), ids=ACCEPTED)
def test_a_name_that_is_accepted_works_everywhere(rca: Confined, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    command = ("issue", "--device", "mac", f"--user={name}", f"--note={name}", "--out", out)
    issued = rca(*command, "--format", "json").json
    assert (issued["user"], issued["note"]) == (clean(name), clean(name))

    # The file is called by the number, never by the name.
    (file,) = out.iterdir()
    assert file == out / f"{issued['number']}.p12"
    opened = subprocess.run(
        [*P12, "-in", file, "-passin", f"pass:{issued['password']}"],
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
    assert row["user"] in (clean(name), f"'{clean(name)}")
    assert not row["user"].startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("kind", ["path", "markup", "emoji", "decomposed", "64 letters"])
def test_a_profile_with_such_a_name_is_a_plist_with_a_plain_identifier(
    rca: Confined, tmp_path: Path, kind: str
) -> None:
    name = ACCEPTED[kind]
    out = tmp_path / "out"
    command = ("issue", "--device", "iphone", f"--user={name}", "--out", out)
    issued = rca(*command, "--format", "json").json
    profile = plistlib.loads((out / f"{issued['number']}.mobileconfig").read_bytes())
    assert clean(name) in profile["PayloadDescription"]
    # The part of the identifier that the name decides has only what reverse DNS allows.
    assert set(profile["PayloadIdentifier"]) <= IN_REVERSE_DNS


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED)
def test_a_name_that_is_refused_is_one_line(refused: Refused, name: str) -> None:
    assert refused("issue", "--device", "mac", f"--user={name}").code == 5
