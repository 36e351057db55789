"""A home whose mails go to a real SMTP server on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from post_office import PostOffice

from renrakucho_ca.service import hierarchy
from renrakucho_ca.service.home import Home

PASSPHRASE = b"canary passphrase"


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture(scope="session")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Home:
    home = Home(tmp_path_factory.mktemp("telling") / "home", lambda is_new: PASSPHRASE, clock)
    home.create("見本市", "見本市役所 & <co>")
    for name in ("old", "new"):
        hierarchy.create(home, name, common_name=f"{name}.ecn.example.jp")
    return home


@pytest.fixture
def post_office() -> Iterator[PostOffice]:
    with PostOffice() as office:
        yield office


@pytest.fixture
def home(made: Home, clock: Clock, post_office: PostOffice) -> Home:
    """The home, unlocked already, with the settings of this test's server."""
    return set_mail(made, f"host: 127.0.0.1\n  port: {post_office.port}\n  security: none")


def set_mail(home: Home, mail: str) -> Home:
    """The same home with other `mail:` settings. It is not stretched anew: that takes 0.2 s."""
    (home.path / "rca.yaml").write_text(
        f"""network: 見本市
organization: "見本市役所 & <co>"
public_url: https://download.example.jp
login_url: https://portal.example.jp
mail:
  sender: 見本市 <ca@example.jp>
  {mail}
""",
        encoding="utf-8",
    )
    again = Home(home.path, lambda is_new: PASSPHRASE, home.clock, home.random)
    again.keystore = home.keystore
    return again


def everything_in(folder: Path) -> bytes:
    """All bytes of all files below a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
