"""Homes for the sessions: made once, and copied by whoever changes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shared.terminal import Terminal


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    rca = Terminal(tmp_path_factory.mktemp("made"))
    assert rca("init", "--network", "見本市").code == 0
    assert rca("hierarchy", "create", "new").code == 0
    return rca


@pytest.fixture
def rca(_made: Terminal, tmp_path: Path) -> Terminal:
    """A terminal at a home with one hierarchy, `new`."""
    return _made.copy(tmp_path / "work")


@pytest.fixture
def empty(tmp_path: Path) -> Terminal:
    """A terminal where no home is yet."""
    (tmp_path / "empty").mkdir()
    return Terminal(tmp_path / "empty")
