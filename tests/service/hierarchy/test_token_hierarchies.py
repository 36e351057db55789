"""Every command that takes a CA's key takes one in a token: OpenSSL judges what they sign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.shared.homes import openssl
from tests.shared.hsm import PIN, Hsm, check_signatures

pytestmark = pytest.mark.needs("softhsm2-util", "pkcs11-tool", "openssl")


@pytest.fixture(scope="module")
def far(hsm: Hsm, tmp_path_factory: pytest.TempPathFactory) -> Hsm:
    """Another home. Its issuing CA `third` is in the token and signed by the root `new` there; the
    keys of `old` are in the store."""
    folder = tmp_path_factory.mktemp("far")
    far = hsm.at("far")
    far.rca("init")
    request, signed = folder / "third.csr", folder / "third.pem"
    key = far.uri("far-third")
    far.rca("hierarchy", "request", "third", "--issuing-key", key, "--out", request)
    hsm.rca("hierarchy", "sign", request, "--hierarchy", "new", "--out", signed)
    root = hsm.public / "new-root.pem"
    install = ("hierarchy", "install", "third", "--root", root, "--issuing", signed)
    _, said = far.rca(*install, code=7)
    assert "add --issuing-key URI" in said
    _, said = far.rca(*install, "--issuing-key", far.uri("new-issuing"), code=5)
    assert "does not belong to the certificate" in said
    far.rca(*install, "--issuing-key", key)
    far.rca("hierarchy", "create", "old")
    return far


def shown(hsm: Hsm, hierarchy: str) -> dict[str, Any]:
    row = hsm.json("hierarchy", "show", hierarchy)
    assert isinstance(row, dict)
    return row


def test_an_installed_ca_issues_and_its_root_signs_the_crl_from_the_token(far: Hsm) -> None:
    one = ("issue", "--device", "mac", "--user", "taro", "--hierarchy", "third")
    number = far.json(*one)["number"]
    _, said = far.rca("publish", code=8)
    assert "--root-key FILE|URI" in said
    far.rca("publish", "--root-key", far.uri("new-root"))
    check_signatures(far, number, "third")
    stray = ("publish", "--root-key", far.uri("far-third"))
    assert "matches no CA" in far.rca(*stray, code=7)[1]


def test_a_hierarchy_says_where_its_keys_are_and_no_pin(far: Hsm) -> None:
    row = shown(far, "third")
    assert (row["root_key"], row["issuing_key"]) == (None, far.uri("far-third"))
    row = shown(far, "old")
    assert (far.home / row["root_key"]).is_file()
    assert (far.home / row["issuing_key"]).is_file()
    assert PIN not in far.rca("hierarchy", "show", "third")[0]


def test_a_root_in_a_token_signs_cross_certificates_and_cas(far: Hsm, tmp_path: Path) -> None:
    cross = ("hierarchy", "cross", "old", "--by", "third")
    assert "add --root-key FILE|URI" in far.rca(*cross, code=7)[1]
    _, said = far.rca(*cross, "--root-key", far.uri("far-third"), code=5)
    assert "is not the key of CN=" in said
    far.rca(*cross, "--root-key", far.uri("new-root"))
    far.rca("publish", "--root-key", far.uri("new-root"))
    openssl(
        *("verify", "-CAfile", far.public / "third-root.pem"),
        *("-untrusted", far.public / "old-cross-third.pem", far.public / "old-issuing.pem"),
    )
    request, signed = tmp_path / "fourth.csr", tmp_path / "fourth.pem"
    key = ("--root-key", far.uri("new-root"))
    far.rca("hierarchy", "request", "fourth", "--out", request)
    far.rca("hierarchy", "sign", request, "--hierarchy", "third", "--out", signed, *key)
    openssl("verify", "-CAfile", far.public / "third-root.pem", signed)


def test_a_ca_with_its_keys_in_a_token_is_imported(hsm: Hsm) -> None:
    taker = hsm.at("taker")
    taker.rca("init")
    command = ("hierarchy", "import", "theirs", "--root", hsm.public / "new-root.pem")
    issuing = ("--issuing", hsm.public / "new-issuing.pem", "--issuing-key")
    wrong = taker.rca(*command, *issuing, taker.uri("new-root"), code=5)
    assert "does not belong to the certificate" in wrong[1]
    taker.rca(*command, *issuing, taker.uri("new-issuing"))
    assert shown(taker, "theirs")["root_key"] is None
    taker.rca(*command, "--root-key", taker.uri("new-root"))
    row = shown(taker, "theirs")
    assert (row["root_key"], row["issuing_key"]) == (
        taker.uri("new-root"),
        taker.uri("new-issuing"),
    )
    number = taker.json("issue", "--device", "mac", "--user", "taro")["number"]
    taker.rca("publish")
    check_signatures(taker, number, "theirs")


def test_another_passphrase_is_not_the_tokens_concern(far: Hsm, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.write_text("another passphrase\n")
    command = ("hierarchy", "rekey-passphrase", "--new-passphrase-file", new)
    _, said = far.rca(*command, "--root-key", far.uri("new-root"), code=2)
    assert "has no passphrase" in said
    far.rca(*command)
    issue = ("issue", "--device", "mac", "--user", "jiro", "--hierarchy", "third")
    far.rca("--passphrase-file", new, *issue)
    assert "passphrase" in far.rca(*issue, code=7)[1]


def test_a_restored_home_says_which_keys_it_got_from_no_backup_and_signs_by_the_token(
    hsm: Hsm, tmp_path: Path
) -> None:
    hsm.rca("backup", tmp_path / "backup")
    restored = hsm.at("restored")
    _, said = restored.rca("restore", tmp_path / "backup", "--without-journal", "--yes")
    for name in ("new-root", "new-issuing"):
        assert f"the key of {name} is in a token and not in the backup" in said
    number = restored.json("issue", "--device", "mac", "--user", "saburo")["number"]
    restored.rca("publish")
    check_signatures(restored, number)
