"""What the tests of OCSP share: a published home, and a relying party that asks about it."""

from __future__ import annotations

import pytest

from renrakucho_ca.service.home import Home
from renrakucho_ca.service.publication import publication
from tests.shared.homes import Clock, no_passphrase

from .asking import OcspClient


@pytest.fixture
def client(home: Home, clock: Clock) -> OcspClient:
    """Asks a portal, which knows no passphrase."""
    return OcspClient(home, Home(home.path, no_passphrase, clock))


@pytest.fixture
def published(home: Home) -> Home:
    publication.publish(home)
    return home
