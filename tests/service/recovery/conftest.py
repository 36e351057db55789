"""One home, and one backup of it, for all that only look at them."""

from __future__ import annotations

from pathlib import Path

import pytest

from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.recovery import backup
from tests.shared.homes import Clock, copy_home, issue


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
