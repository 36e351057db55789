"""Homes for the sessions: made once, and copied by whoever changes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shared.runner import Workspace


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    rca = Workspace(tmp_path_factory.mktemp("made"))
    assert rca("init", "--network", "見本市").code == 0
    assert rca("hierarchy", "create", "new").code == 0
    return rca


@pytest.fixture
def rca(_made: Workspace, tmp_path: Path) -> Workspace:
    """A terminal at a home with one hierarchy, `new`."""
    return _made.copy(tmp_path / "work")


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    """A terminal where no home is yet."""
    (tmp_path / "empty").mkdir()
    return Workspace(tmp_path / "empty")
