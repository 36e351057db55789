"""Canaries of what a token signs: its PIN, the passphrase, passwords, the links of mails."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.shared.hsm import PASSPHRASE, PIN, Hsm
from tests.shared.proc import watch

pytestmark = pytest.mark.needs("softhsm2-util", "pkcs11-tool", "openssl")

SABOTEUR = """
import sys
from importlib.machinery import PathFinder

class Saboteur:
    def find_spec(self, name, path, target=None):
        if name != "renrakucho_ca.bundle.pkcs12":
            return None
        spec = PathFinder.find_spec(name, path)
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            module.make = broken
        spec.loader.exec_module = exec_module
        return spec

def broken(**given):
    with open({note!r}, "a") as note:
        note.write(given["password"] + chr(10))
    raise RuntimeError("sabotage")

sys.meta_path.insert(0, Saboteur())
"""


def table_of(hsm: Hsm, count: int) -> Path:
    table = hsm.folder / f"{count}.csv"
    lines = [f"y{n},mac,y{n}@example.jp\n" for n in range(count)]
    table.write_text("user,device,email\n" + "".join(lines))
    return table


def check_nowhere(secrets: Iterable[str], hsm: Hsm, *seen: bytes | str) -> None:
    """Neither in what was seen, nor in the name or content of a file of the home."""
    texts = [each.encode() if isinstance(each, str) else each for each in seen]
    for path in hsm.home.rglob("*"):
        texts.append(bytes(path))
        if path.is_file():
            texts.append(path.read_bytes())
    for secret in secrets:
        assert not any(secret.encode() in text for text in texts), secret


@pytest.fixture(scope="module")
def public(hsm: Hsm) -> Hsm:
    """The home has an address, so that mails have a link."""
    settings = hsm.home / "rca.yaml"
    text = settings.read_text()
    settings.write_text(
        text.replace("\npublic_url: null\n", "\npublic_url: https://ca.example.jp\n")
    )
    return hsm


def test_a_batch_with_mails_shows_no_secret_but_in_its_answer(public: Hsm) -> None:
    command = ("issue", "--batch", table_of(public, 20), "--mail", "--jobs", "2")
    seen, out, err = watch(public.start("-v", *command, "--format", "json", RCA_DEBUG="1"))
    assert b"process_pool.serve" in seen, "no worker was seen"
    issued = json.loads(out)
    secrets = [each["password"] for each in issued]
    secrets += [each["link"].rpartition("/")[2] for each in issued]
    assert len(set(secrets)) == 40
    check_nowhere([PIN, PASSPHRASE, *secrets], public, seen, err)


@pytest.mark.parametrize(("jobs", "code"), [("1", 1), ("2", 7)])
def test_a_bug_while_bundles_are_made_shows_no_secret_in_its_traceback(
    hsm: Hsm, jobs: str, code: int, tmp_path: Path
) -> None:
    """With two jobs it is the workers that crash: that a process died is all that is known here."""
    note = tmp_path / "passwords"
    (tmp_path / "sitecustomize.py").write_text(SABOTEUR.format(note=str(note)))
    command = ("issue", "--batch", table_of(hsm, 12), "--jobs", jobs)
    more = {"RCA_DEBUG": "1", "PYTHONPATH": str(tmp_path)}
    seen, out, err = watch(hsm.start(*command, **more), code=code)
    assert "RuntimeError: sabotage" in err
    passwords = note.read_text().split()
    assert passwords
    check_nowhere([PIN, PASSPHRASE, *passwords, "PRIVATE KEY"], hsm, seen, out, err)


def test_a_traceback_of_the_token_has_no_pin(hsm: Hsm) -> None:
    """Neither the right one nor the wrong: it may be the right one of another token."""
    wrong = (hsm.folder / "wrong").read_text().strip()
    for key, pin in ((hsm.uri("x", "wrong"), wrong), (hsm.uri("x"), PIN)):
        _, out, err = watch(hsm.start("publish", "--root-key", key, RCA_DEBUG="1"), code=7)
        assert "Traceback" in err
        assert pin not in out + err
