"""What the doctor says of keys in a token: with the PIN's file at hand it opens them as well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.shared.hsm import MODULE, PIN, Hsm, make

pytestmark = pytest.mark.skipif(not Path(MODULE).exists(), reason="there is no SoftHSM2")


@pytest.fixture
def own(tmp_path: Path) -> Hsm:
    """A token to be spoiled, with both keys of a hierarchy."""
    made = make(tmp_path / "own")
    made.rca(
        *("hierarchy", "create", "new"),
        *("--root-key", made.uri("new-root"), "--issuing-key", made.uri("new-issuing")),
    )
    made.rca("publish")
    return made


def findings(hsm: Hsm, code: int) -> list[Any]:
    said, _ = hsm.rca("doctor", "--format", "json", code=code)
    return [
        (row["check"], row["problem"], row["hint"])
        for row in json.loads(said)
        if row["check"] in ("keys", "passphrase") and row["problem"]
    ]


def test_a_rejected_pin_is_reported_once_for_all_keys_of_a_token(own: Hsm) -> None:
    """Else cron finds out: the CRL is renewed a week later, and is not."""
    pin = own.folder / "pin"
    assert findings(own, 0) == []

    pin.chmod(0o644)
    ((check, said, hint),) = findings(own, 8)
    assert (check, hint) == ("keys", f"run `chmod 600 {pin}`")
    assert "other users can read" in said

    pin.unlink()
    ((check, said, hint),) = findings(own, 8)
    assert check == "keys"
    assert "cannot read the PIN" in said
    assert "pin-source" in hint


def test_with_the_passphrase_keys_in_a_token_are_checked(own: Hsm) -> None:
    pin = own.folder / "pin"
    pin.write_text("1234-gamma\n")
    said = findings(own, 8)
    assert [check for check, _, _ in said] == ["passphrase"] * 2
    assert all("refuses the PIN" in problem for _, problem, _ in said)
    pin.write_text(PIN + "\n")

    own.tool("--delete-object", "--type", "privkey", "--label", "new-root")
    ((_, problem, hint),) = findings(own, 8)
    assert problem.startswith("the key of new-root: the token has no private key")
    assert "--list-objects" in hint

    own.tool("--delete-object", "--type", "pubkey", "--label", "new-root")
    own.tool("--keypairgen", "--key-type", "EC:secp384r1", "--label", "new-root")
    ((_, problem, _),) = findings(own, 8)
    assert problem == "the key of new-root: the private key does not belong to the certificate"
