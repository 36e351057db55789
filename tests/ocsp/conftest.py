"""What the tests of OCSP share: a published home, and a relying party that asks about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import Client, no_passphrase
from homes import Clock, copy_home, make_template

from renrakucho_ca.service import publication
from renrakucho_ca.service.home import Home


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template") / "home")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(template: Path, tmp_path: Path, clock: Clock) -> Home:
    """Both hierarchies, with nothing issued and nothing published."""
    return copy_home(template, tmp_path / "home", clock)


@pytest.fixture
def client(home: Home, clock: Clock) -> Client:
    """Asks a portal, which knows no passphrase."""
    return Client(home, Home(home.path, no_passphrase, clock))


@pytest.fixture
def published(home: Home) -> Home:
    publication.publish(home)
    return home
