"""CA keys in a token: SoftHSM2 stands in for an HSM, `pkcs11-tool` and OpenSSL judge.

PKCS #11 libraries are loaded once a process, so every test here has `rca` as a program.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from homes import openssl

from renrakucho_ca import token_uri
from renrakucho_ca.errors import Invalid

MODULES = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib/pkcs11/libsofthsm2.so",
]
MODULE = next((path for path in MODULES if Path(path).exists()), MODULES[0])
PIN = "4711-beta"
PROGRAM = (sys.executable, "-c", "from renrakucho_ca.cli import main; main()")

pytestmark = pytest.mark.needs("softhsm2-util", "pkcs11-tool", "openssl")


@dataclass(frozen=True)
class Hsm:
    """A home, and a token of its own beside it."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {
            **kept,
            "SOFTHSM2_CONF": str(self.folder / "softhsm.conf"),
            "RCA_HOME": str(self.folder / "home"),
            "RCA_PASSPHRASE_FILE": str(self.folder / "passphrase"),
            "RCA_LANG": "en",
        }

    @property
    def public(self) -> Path:
        return self.folder / "home" / "public"

    def uri(self, label: str, pin: str = "pin") -> str:
        return f"pkcs11:token=ca;object={label}?module-path={MODULE}&pin-source={self.folder}/{pin}"

    def rca(self, *arguments: object, code: int = 0) -> tuple[str, str]:
        """What `rca` says, to stdout and to stderr."""
        done = subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert PIN not in done.stdout + done.stderr
        return done.stdout, done.stderr

    def json(self, *arguments: object) -> Any:
        return json.loads(self.rca(*arguments, "--format", "json")[0])

    def tool(self, *arguments: str) -> str:
        command = ["pkcs11-tool", "--module", MODULE, "--login", "--pin", PIN, *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, check=True)
        return done.stdout.decode()


def make(folder: Path) -> Hsm:
    """A token that is set up, and a home that has no CA yet."""
    hsm = Hsm(folder)
    (folder / "tokens").mkdir(parents=True)
    (folder / "softhsm.conf").write_text(f"directories.tokendir = {folder}/tokens\n")
    for name, text in (("pin", PIN), ("passphrase", "correct horse"), ("wrong", "1234-gamma")):
        (folder / name).write_text(text + "\n")
        (folder / name).chmod(0o600)
    command = ["softhsm2-util", "--init-token", "--free", "--label", "ca"]
    subprocess.run(
        [*command, "--pin", PIN, "--so-pin", "0123456789"],
        env=hsm.environment,
        capture_output=True,
        check=True,
    )
    hsm.rca("init")
    return hsm


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Hsm:
    """With a hierarchy whose two keys are in the token: EC, one certificate, published."""
    made = make(tmp_path_factory.mktemp("hsm") / "ec")
    made.rca(
        *("hierarchy", "create", "new"),
        *("--root-key", made.uri("new-root"), "--issuing-key", made.uri("new-issuing")),
    )
    made.rca("issue", "--device", "windows", "--user", "hanako")
    made.rca("publish")
    return made


def proves(hsm: Hsm, number: str) -> None:
    """OpenSSL accepts the certificate, and both CRLs."""
    device = hsm.folder / f"{number}.pem"
    device.write_text(hsm.rca("show", number, "--pem")[0])
    public = hsm.public
    openssl(
        *("verify", "-CAfile", public / "new-root.pem", "-crl_check_all"),
        *("-CRLfile", public / "new-crl.pem", "-untrusted", public / "new-issuing.pem", device),
    )


def test_what_keys_in_a_token_signed_verifies(hsm: Hsm) -> None:
    (certificate,) = hsm.json("list", "--user", "hanako")
    proves(hsm, certificate["number"])
    hsm.rca("audit", "verify")


def test_the_token_made_the_keys_and_gives_them_out_to_nobody(hsm: Hsm) -> None:
    listed = hsm.tool("--list-objects", "--type", "privkey")
    assert listed.count("sensitive, always sensitive, never extractable, local") == 2
    keys = {path.name for path in (hsm.folder / "home" / "ca-store" / "keys").iterdir()}
    assert keys == {"bundle.key", "reveal.key"}


def test_a_batch_is_signed_by_worker_processes(hsm: Hsm) -> None:
    table = hsm.folder / "batch.csv"
    table.write_text("user,device\n" + "".join(f"u{n},windows\n" for n in range(12)))
    issued = hsm.json("issue", "--batch", table, "--jobs", "2")
    rows = issued if isinstance(issued, list) else hsm.json("list", "--text", "u1")
    proves(hsm, rows[0]["number"])


def test_a_key_of_another_ca_is_not_used_again(hsm: Hsm) -> None:
    _, said = hsm.rca(
        *("hierarchy", "create", "third", "--issuing-key", hsm.uri("new-issuing")), code=4
    )
    assert "another CA" in said


def test_a_wrong_pin_is_tried_once_by_a_command(hsm: Hsm, tmp_path: Path) -> None:
    """SoftHSM counts nothing; so OpenSC's spy on the way to it writes the calls down."""
    spy = next(Path("/usr/lib").rglob("pkcs11-spy.so"), None)
    if spy is None:
        pytest.skip("no pkcs11-spy.so")
    for name in ("third-root", "third-issuing"):
        assert name not in hsm.tool("--list-objects")
    log = tmp_path / "spy.log"
    wrong = [hsm.uri(name, "wrong").replace(MODULE, str(spy)) for name in ("t-root", "t-issuing")]
    environment = {**hsm.environment, "PKCS11SPY": MODULE, "PKCS11SPY_OUTPUT": str(log)}
    done = subprocess.run(
        [
            *PROGRAM,
            "hierarchy",
            "create",
            "third",
            "--root-key",
            wrong[0],
            "--issuing-key",
            wrong[1],
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7
    assert "refuses the PIN" in done.stderr
    assert log.read_text().count("C_Login\n") == 1


def test_a_pin_that_others_can_read_is_refused(hsm: Hsm) -> None:
    loose = hsm.folder / "loose"
    loose.write_text(PIN)
    loose.chmod(0o644)
    _, said = hsm.rca(
        *("hierarchy", "create", "third", "--issuing-key", hsm.uri("x", "loose")), code=6
    )
    assert "others can read" in said


def test_without_its_token_a_ca_signs_nothing_and_a_backup_is_whole(
    hsm: Hsm, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    hsm.rca("backup", backup)
    _, said = hsm.rca("backup", "--verify", backup)
    assert "new-issuing is in a token" in said
    away = hsm.folder / "tokens.away"
    (hsm.folder / "tokens").rename(away)
    (hsm.folder / "tokens").mkdir()
    try:
        before = len(hsm.json("list"))
        for command in (("issue", "--device", "windows", "--user", "taro"), ("publish",)):
            _, said = hsm.rca(*command, code=7)
            assert "0 tokens are there" in said
        assert len(hsm.json("list")) == before
    finally:
        (hsm.folder / "tokens").rmdir()
        away.rename(hsm.folder / "tokens")


def test_rsa_keys_that_the_token_has_are_used_and_a_run_that_died_goes_on(tmp_path: Path) -> None:
    hsm = make(tmp_path / "rsa")
    for label in ("new-root", "new-issuing"):
        hsm.tool(
            "--keypairgen", "--key-type", "rsa:2048", "--label", label, "--id", label.encode().hex()
        )
    made = hsm.json(
        *("hierarchy", "create", "new"),
        *("--root-key", hsm.uri("new-root"), "--issuing-key", hsm.uri("new-issuing")),
    )
    assert made["issuing_key_algorithm"] == "rsa-2048"
    assert hsm.tool("--list-objects").count("Private Key Object") == 2
    issued = hsm.json("issue", "--device", "windows", "--user", "hanako")
    hsm.rca("publish")
    (row,) = issued if isinstance(issued, list) else [issued]
    proves(hsm, row["number"])


def test_a_requested_ca_has_its_key_in_the_token(hsm: Hsm, tmp_path: Path) -> None:
    request = tmp_path / "r.csr"
    hsm.rca("hierarchy", "request", "third", "--issuing-key", hsm.uri("third"), "--out", request)
    openssl("req", "-in", request, "-verify", "-noout")
    signed, root = tmp_path / "third.pem", hsm.public / "new-root.pem"
    hsm.rca("hierarchy", "sign", request, "--hierarchy", "new", "--out", signed)
    openssl("verify", "-CAfile", root, signed)


@pytest.mark.parametrize(
    "text",
    [
        "pkcs11:token=ca",
        "pkcs11:object=a;object=b",
        "pkcs11:object=a b",
        "pkcs11:object=%zz",
        "pkcs11:object=%ff",
        "pkcs11:object=a%00",
        "pkcs11:object=a;type=cert",
        "pkcs11:object=a;slot-id=x",
        "pkcs11:object=a?pin-source=|cat",
        "pkcs11:object=a;colour=red",
        "pkcs11:",
        "pkcs11:object=",
    ],
)
def test_what_is_no_uri_of_a_key_is_invalid(text: str) -> None:
    with pytest.raises(Invalid):
        token_uri.parse(text)


def test_a_uri_with_the_pin_is_refused_and_never_repeated() -> None:
    with pytest.raises(Invalid) as caught:
        token_uri.parse(f"pkcs11:object=a?pin-value={PIN}")
    assert PIN not in f"{caught.value} {caught.value.hint} {caught.value.values}"


def test_a_uri_is_read_as_rfc_7512_says() -> None:
    uri = token_uri.parse(
        "pkcs11:token=The%20Token;serial=01;id=%69%95;object=k?pin-source=file:///etc/p&module-path=/m"
    )
    assert (uri.token, uri.serial, uri.id, uri.label) == ("The Token", "01", b"\x69\x95", "k")
    assert (uri.pin_source, uri.module) == ("/etc/p", "/m")
