"""Homes for the tests of keys, copied from one that was made for all, and one with a root alone."""

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
    """With the hierarchies `old` and `new`."""
    return copy_home(template, tmp_path / "home", clock)
