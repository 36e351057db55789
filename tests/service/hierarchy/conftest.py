"""One token for the tests of keys in tokens: to make it with its CA takes two seconds."""

from __future__ import annotations

import pytest

from tests.shared.hsm import Hsm, make


@pytest.fixture(scope="session")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Hsm:
    """With a hierarchy whose two keys are in the token: EC, one certificate, published."""
    made = make(tmp_path_factory.mktemp("hsm") / "ec")
    made.rca(
        *("hierarchy", "create", "new"),
        *("--root-key", made.uri("new-root"), "--issuing-key", made.uri("new-issuing")),
    )
    made.rca("issue", "--device", "mac", "--user", "hanako")
    made.rca("publish")
    return made
