"""YAML that is meant to hurt, as settings and as profiles: refused in a line, quickly.

tests/test_yamlfile.py proves the reader by itself; here stands what the program makes of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from renrakucho_ca.service.home import Home
from tests.shared.confined import Confined, check_clear

from .mutants import mutants

LAUGHS = b"".join(b"a%d: &a%d [%b]\n" % (n, n, b"*a%d, " % (n - 1) * 9) for n in range(1, 30))
BOMBS = {
    "empty": b"",
    "no text": b"\xff\xfe",
    "a billion laughs": b"a0: &a0 lol\n" + LAUGHS,
    "an anchor in itself": b"network: &a [*a]\n",
    "an alias": b"network: &a x\noperator: *a\n",
    "merged keys": b"a: &a {network: x}\n<<: *a\n",
    "100,000 brackets": b"[" * 100_000,
    "50,000 braces": b"{a: " * 50_000,
    "50,000 dashes": b"- " * 50_000,
    "600 levels": b"".join(b" " * level + b"a:\n" for level in range(600)),
    "a question in a question": b"? " * 50_000,
    "a scalar of 200 KB": b"network: " + b"x" * 200_000 + b"\n",
    "a scalar of 20 MB": b"network: " + b"x" * 20_000_000 + b"\n",
    "a block of 200,000 lines": b"network: |\n" + b" \n" * 100_000,
    "a quote that stays open": b'network: "' + b"x\n" * 100_000,
    "100,000 escapes": b'network: "' + b"\\u0000" * 40_000 + b'"\n',
    "a number of 200,000 digits": b"serve: {port: " + b"9" * 200_000 + b"}\n",
    "an exponent": b"crl_days: 1e999999999\n",
    "sixty by sixty": b"crl_days: 1" + b":59" * 50_000 + b"\n",
    "20,000 keys": b"".join(b"k%d: 1\n" % n for n in range(20_000)),
    "20,000 times one key": b"network: x\n" * 20_000,
    "a key that is a list": b"? [a, b]\n: 1\n",
    "a tag that calls": b"network: !!python/object/apply:os.system ['touch owned']\n",
    "a tag that makes": b"network: !!python/name:os.system\n",
    "a tag of octets": b"network: !!binary " + b"QUFB" * 40_000 + b"\n",
    "20,000 documents": b"---\nnetwork: x\n" * 10_000,
    "another YAML": b"%YAML 9.9\n---\nnetwork: x\n",
    "a tag of one's own": b"%TAG ! tag:example.jp,2026:\n---\nnetwork: !x y\n",
    "NUL": b"network: a\0b\n",
    "UTF-16": "network: x\n".encode("utf-16"),
    "UTF-32": "network: x\n".encode("utf-32"),
    "half a letter": b"network: \xe3\x81\n",
    "a surrogate": b"network: \xed\xa0\x80\n",
    "marks of direction": "network: a\u202eb\n".encode(),
    "only comments": b"#" * 200_000,
    "tabs": b"\t" * 100_000,
}


@pytest.mark.parametrize("what", BOMBS)
def test_settings_that_are_meant_to_hurt_are_refused(
    rca: Confined, tmp_path: Path, what: str
) -> None:
    (tmp_path / "rca.yaml").write_bytes(BOMBS[what])
    # A command that needs to know the time zone, and so the settings.
    check(rca, "--home", tmp_path, "list", "--issued-after", "2026-01-01")
    assert {path.name for path in tmp_path.iterdir()} <= {"rca.yaml", "ca-store"}


@pytest.mark.parametrize("what", BOMBS)
def test_a_profile_that_is_meant_to_hurt_is_refused(
    rca: Confined, tmp_path: Path, what: str
) -> None:
    profile = tmp_path / "mac.yaml"
    profile.write_bytes(BOMBS[what])
    check(rca, "profile", "check", profile)


def check(rca: Confined, *arguments: object) -> None:
    answer = rca(*arguments)
    check_clear(answer, arguments)
    assert (answer.code, answer.out) == (5, "")
    assert answer.seconds < 5
    assert answer.memory < 64 * 1024 * 1024


@pytest.mark.parametrize("name", ["rca.yaml", "profiles/mac.yaml", "profiles/issuing.yaml"])
def test_settings_and_profiles_that_were_spoilt_are_read_or_refused(
    rca: Confined, home: Home, tmp_path: Path, name: str
) -> None:
    given = tmp_path / Path(name).name
    command: tuple[object, ...] = ("profile", "check", given)
    if name == "rca.yaml":
        command = ("--home", tmp_path, "profile", "list")
    for place, spoilt in enumerate(mutants((home.path / name).read_bytes(), 60, seed=20)):
        given.write_bytes(spoilt)
        answer = rca(*command)
        check_clear(answer, (name, place))
        # Exit 7: the file is sound, and no home is there.
        assert answer.code in (0, 3, 5, 7, 8), (name, place, answer)
        assert answer.seconds < 5, (name, place, answer)
