"""A token for the tests: SoftHSM2 stands in for an HSM.

PKCS #11 libraries are loaded once a process, so these tests have `rca` as a program.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.shared.homes import openssl
from tests.shared.runner import Result, Runner

MODULES = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib/pkcs11/libsofthsm2.so",
]
MODULE = next((path for path in MODULES if Path(path).exists()), MODULES[0])
PIN = "canary-pin-4711"
PASSPHRASE = "canary passphrase of the token's home"


@dataclass(frozen=True)
class Hsm:
    """A home, and a token of its own beside it."""

    folder: Path
    name: str = "home"

    def at(self, name: str) -> Hsm:
        """Another home beside the same token."""
        return replace(self, name=name)

    @property
    def home(self) -> Path:
        return self.folder / self.name

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {
            **kept,
            "SOFTHSM2_CONF": str(self.folder / "softhsm.conf"),
            "RCA_HOME": str(self.home),
            "RCA_PASSPHRASE_FILE": str(self.folder / "passphrase"),
            "RCA_LANG": "en",
        }

    @property
    def public(self) -> Path:
        return self.home / "public"

    def uri(self, label: str, pin: str = "pin") -> str:
        """Of a key in the token, with the file of the PIN, or of a wrong one."""
        return f"pkcs11:token=ca;object={label}?module-path={MODULE}&pin-source={self.folder}/{pin}"

    def rca(self, *arguments: object, code: int = 0) -> tuple[str, str]:
        """What `rca` says, to stdout and to stderr."""
        done = Runner(self.environment).process(*arguments)
        assert done.code == code, done.err
        assert PIN not in done.out + done.err
        assert "Traceback" not in done.err
        return done.out, done.err

    def start(self, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        """Begins a command, the first of a process group, with more in its environment."""
        return Runner(self.environment).start(
            *map(str, arguments), env=environment, start_new_session=True
        )

    def typing(self, *typed: str) -> Callable[..., Result]:
        """`rca` on a terminal, where a person answers so."""
        runner = Runner(self.environment)
        return lambda *arguments: runner.terminal(*arguments, typed=typed)

    def json(self, *arguments: object) -> Any:
        return json.loads(self.rca(*arguments, "--format", "json")[0])

    def tool(self, *arguments: str) -> str:
        command = ["pkcs11-tool", "--module", MODULE, "--login", "--pin", PIN, *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, check=True)
        return done.stdout.decode()

    def serials(self) -> set[str]:
        """Of the tokens that are there."""
        return set(self._slots())

    def slot(self, serial: str) -> str:
        """Where a token is plugged in."""
        return self._slots()[serial]

    def _slots(self) -> dict[str, str]:
        command = ["softhsm2-util", "--show-slots"]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True
        )
        found = re.findall(r"^Slot (\d+)(?:\n .*)*?Serial number: +(\w+)", done.stdout, re.M)
        return {serial: slot for slot, serial in found}

    def unplug(self) -> None:
        (self.folder / "tokens").rename(self.folder / "tokens.away")
        (self.folder / "tokens").mkdir()

    def plug_in(self) -> None:
        (self.folder / "tokens").rmdir()
        (self.folder / "tokens.away").rename(self.folder / "tokens")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Straight from the database, past all our code."""
        with closing(sqlite3.connect(self.home / "ca-store" / "rca.sqlite", timeout=30)) as db:
            return db.execute(sql).fetchall()


def make(folder: Path) -> Hsm:
    """A token that is set up, and a home that has no CA yet."""
    hsm = Hsm(folder)
    (folder / "tokens").mkdir(parents=True)
    (folder / "softhsm.conf").write_text(f"directories.tokendir = {folder}/tokens\n")
    for name, text in (("pin", PIN), ("passphrase", PASSPHRASE), ("wrong", "1234-gamma")):
        (folder / name).write_text(text + "\n")
        (folder / name).chmod(0o600)
    add_token(hsm, "ca", PIN)
    hsm.rca("init")
    return hsm


def add_token(hsm: Hsm, label: str, pin: str) -> str:
    """One more; returns its serial number."""
    command = ["softhsm2-util", "--init-token", "--free", "--label", label]
    before = hsm.serials()
    subprocess.run(
        [*command, "--pin", pin, "--so-pin", "0123456789"],
        env=hsm.environment,
        capture_output=True,
        check=True,
    )
    (serial,) = hsm.serials() - before
    return serial


def check_signatures(hsm: Hsm, number: str, hierarchy: str = "new") -> None:
    """OpenSSL accepts the certificate, and both CRLs."""
    device = hsm.folder / f"{number}.pem"
    device.write_text(hsm.rca("show", number, "--pem")[0])
    public = hsm.public
    openssl(
        *("verify", "-CAfile", public / f"{hierarchy}-root.pem", "-crl_check_all"),
        *(
            "-CRLfile",
            public / f"{hierarchy}-crl.pem",
            "-untrusted",
            public / f"{hierarchy}-issuing.pem",
        ),
        device,
    )
