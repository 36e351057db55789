"""A town for each test, copied from one that was made for all."""

from __future__ import annotations

from pathlib import Path

import pytest
from homes import Clock, copy_home, make_template
from town import Town


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template") / "home")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def town(template: Path, tmp_path: Path, clock: Clock) -> Town:
    return Town(copy_home(template, tmp_path / "home", clock), clock, tmp_path / "out")
