"""A home with a hierarchy, a confined `rca` at it, and what every refusal has to be."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from renrakucho_ca.service.home import Home
from tests.shared.confined import KEY_DERIVATION, Confined, ConfinedResult, Refused, check_clear
from tests.shared.homes import PASSPHRASE, make_home
from tests.shared.runner import write_secret

from .vectors import Vectors, wheel

NOW = datetime(2026, 1, 15, 20, tzinfo=UTC)

REFUSALS = {2, 3, 4, 5, 6, 7, 8}
"""What is refused ends with one of these (cli.md); 1 is a bug."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("hostile") / "home"
    return make_home(folder, lambda: NOW, hierarchies=["new"])


@pytest.fixture(scope="module")
def rca(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Confined]:
    """`rca` at that home, confined, with the passphrase, in English."""
    folder = tmp_path_factory.mktemp("work")
    secret = write_secret(folder / "passphrase", PASSPHRASE)
    environment = {"RCA_HOME": home.path, "RCA_PASSPHRASE_FILE": secret, "RCA_LANG": "en"}
    confined = Confined({name: str(value) for name, value in environment.items()}, folder)
    yield confined
    confined.close()


@pytest.fixture(scope="module")
def refused(rca: Confined, home: Home) -> Refused:
    """Runs a command, and proves that it was refused as it should be."""

    def run(*arguments: object) -> ConfinedResult:
        before = database(home)
        answer = rca(*arguments)
        check_clear(answer, arguments)
        assert answer.code in REFUSALS, (arguments, answer)
        assert answer.out == "", (arguments, answer)
        assert answer.seconds < 5, (arguments, answer)
        assert answer.memory < KEY_DERIVATION + 64 * 1024 * 1024, (arguments, answer)
        assert database(home) == before, (arguments, answer)
        return answer

    return run


def database(home: Home) -> bytes:
    """A digest of every row and of all that was ever written: refused input leaves it as it was."""
    return hashlib.sha256((home.store / "rca.sqlite").read_bytes()).digest()


@pytest.fixture(scope="session")
def vectors(request: pytest.FixtureRequest) -> Vectors:
    """The malformed files of the makers of `cryptography`, and PKITS."""
    folder = request.config.rootpath / ".pytest_cache" / "cryptography-vectors"
    try:
        return Vectors(wheel(folder))
    except OSError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
