"""A home for each test, copied from one that was made for all."""

from __future__ import annotations

from pathlib import Path

import pytest
from homes import Clock, copy_home, make_template

from renrakucho_ca.service.home import Home


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template") / "home")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(template: Path, tmp_path: Path, clock: Clock) -> Home:
    return copy_home(template, tmp_path / "home", clock)
