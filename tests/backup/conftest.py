"""One home, and one backup of it, for all that only look at them."""

from __future__ import annotations

from pathlib import Path

import pytest
from homes import Clock, copy_home, issue, make_template

from renrakucho_ca.service import backup, publication
from renrakucho_ca.service.home import Home


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template") / "home")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(template: Path, tmp_path: Path, clock: Clock) -> Home:
    """A home of its own."""
    return copy_home(template, tmp_path / "home", clock)


@pytest.fixture(scope="session")
def saved(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a home with three certificates and its published files."""
    folder = tmp_path_factory.mktemp("saved")
    home = copy_home(template, folder / "home", Clock())
    for _ in range(3):
        issue(home)
    publication.publish(home)
    backup.to_file(home, folder / "backup")
    home.db.close()
    return folder / "backup"
