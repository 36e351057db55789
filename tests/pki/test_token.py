"""CA keys in a token: `pkcs11-tool` and OpenSSL judge."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from renrakucho_ca import token_uri
from renrakucho_ca.errors import Invalid
from tests.shared.homes import openssl
from tests.shared.hsm import MODULE, PIN, Hsm, check_signatures, make
from tests.shared.runner import PROGRAM

pytestmark = pytest.mark.needs("softhsm2-util", "pkcs11-tool", "openssl")


def test_signatures_by_keys_in_a_token_verify(hsm: Hsm) -> None:
    (certificate,) = hsm.json("list", "--user", "hanako")
    check_signatures(hsm, certificate["number"])
    hsm.rca("audit", "verify")


def test_keys_are_made_in_the_token_and_not_extractable(hsm: Hsm) -> None:
    listed = hsm.tool("--list-objects", "--type", "privkey")
    kept = listed.count("sensitive, always sensitive, never extractable, local")
    assert kept == listed.count("Private Key Object") >= 2
    keys = {path.name for path in (hsm.home / "ca-store" / "keys").iterdir()}
    assert keys == {"bundle.key", "reveal.key"}


def test_a_batch_is_signed_by_worker_processes(hsm: Hsm) -> None:
    table = hsm.folder / "batch.csv"
    table.write_text("user,device\n" + "".join(f"u{n},mac\n" for n in range(12)))
    issued = hsm.json("issue", "--batch", table, "--jobs", "2")
    rows = issued if isinstance(issued, list) else hsm.json("list", "--text", "u1")
    check_signatures(hsm, rows[0]["number"])


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
    assert "other users can read" in said


def test_without_its_token_a_ca_signs_nothing_and_a_backup_is_whole(
    hsm: Hsm, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    hsm.rca("backup", backup)
    _, said = hsm.rca("backup", "--verify", backup)
    assert "new-issuing is in a token" in said
    hsm.unplug()
    try:
        before = len(hsm.json("list"))
        for command in (("issue", "--device", "windows", "--user", "taro"), ("publish",)):
            _, said = hsm.rca(*command, code=7)
            assert "no token matches" in said
        assert len(hsm.json("list")) == before
        out, _ = hsm.rca("doctor", "--format", "json", code=8)
        assert "no token matches" in out
    finally:
        hsm.plug_in()


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
    check_signatures(hsm, row["number"])


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
def test_a_uri_that_names_no_key_is_invalid(text: str) -> None:
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
