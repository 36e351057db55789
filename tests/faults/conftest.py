"""The terminals that the faults begin with."""

from pathlib import Path

import pytest

from tests.shared.homes_to_spoil import _made
from tests.shared.terminal import Terminal
from tests.shared.witnessed import RecordedTerminal

__all__ = ["_made"]


@pytest.fixture
def rca(_made: Terminal, tmp_path: Path) -> RecordedTerminal:
    """A terminal at a home with one hierarchy, `new`."""
    return RecordedTerminal(_made.folder).copy(tmp_path / "work")


@pytest.fixture
def empty(tmp_path: Path) -> RecordedTerminal:
    """A terminal where no home is yet."""
    (tmp_path / "empty").mkdir()
    return RecordedTerminal(tmp_path / "empty")
