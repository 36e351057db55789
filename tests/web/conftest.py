"""What the portal's tests share: a home, a clock that they set, people at browsers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from renrakucho_ca.model import User
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.publication import publication
from renrakucho_ca.web.app import Portal
from tests.shared.homes import Clock, Issue, make_home, no_passphrase, open_home

from .person import PROXY, Person


@pytest.fixture(scope="session")
def clock() -> Clock:
    return Clock(datetime(2026, 3, 2, 9, tzinfo=UTC))


@pytest.fixture(scope="session")
def unlocked(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Home:
    """The operator's home, with both hierarchies and what `rca publish` writes."""
    folder = tmp_path_factory.mktemp("portal") / "home"
    make_home(
        *(folder, clock),
        passphrase=b"canary-passphrase",
        network="見本市 <network>",
        organization="見本市役所 & co",
    )
    settings = (folder / "rca.yaml").read_text()
    (folder / "rca.yaml").write_text(
        settings.replace("trusted_proxies: []", f"trusted_proxies: [{PROXY}]")
    )
    home = open_home(folder, clock, passphrase=b"canary-passphrase")
    publication.publish(home)
    return home


@pytest.fixture
def home(unlocked: Home, clock: Clock) -> Home:
    """The same, where nobody has guessed yet."""
    with unlocked.db.write():
        unlocked.db.execute("DELETE FROM guess")
        unlocked.db.execute("DELETE FROM handout")
    return unlocked


@pytest.fixture
def issue(home: Home) -> Issue:
    def issue(
        device: str = "iphone", user: str = "suzuki", hierarchy: str = "new", **kwargs: str
    ) -> Issued:
        request = IssuanceRequest.parse(User.parse(user, **kwargs), device, "訪問用")
        (result,) = issuance.issue(home, [request], hierarchy)
        assert isinstance(result, Issued)
        return result

    return issue


@pytest.fixture(scope="session")
def portal(unlocked: Home, clock: Clock) -> Iterator[Portal]:
    portal = Portal(lambda: Home(unlocked.path, no_passphrase, clock))
    yield portal
    portal.close()


@pytest.fixture
def visitor(portal: Portal, home: Home) -> Callable[..., Person]:
    """Makes people at their browsers, each from an address of their own."""
    addresses = (f"198.51.{n // 250}.{n % 250 + 1}" for n in count())

    def visitor(address: str | None = None, **headers: str) -> Person:
        client = TestClient(
            portal.asgi,
            base_url="http://portal.example",
            client=(address or next(addresses), 50000),
            headers={"Accept-Language": "en", "User-Agent": "test", **headers},
            follow_redirects=False,
            raise_server_exceptions=False,
        )
        return Person(client)

    return visitor


@pytest.fixture
def public(unlocked: Home) -> Path:
    return unlocked.public
