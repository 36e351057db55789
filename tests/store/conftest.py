"""A store of its own for each test: one takes 10 ms."""

from __future__ import annotations

from pathlib import Path

import pytest

from renrakucho_ca.store.sqlite.connection import Database

from .stock import make_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rca.sqlite"


@pytest.fixture
def db(path: Path) -> Database:
    return make_store(path)
