"""The terminals that the faults begin with."""

from pathlib import Path

import pytest

from tests.shared.homes_to_spoil import _made
from tests.shared.recorded import RecordedWorkspace
from tests.shared.runner import Workspace

__all__ = ["_made"]


@pytest.fixture
def rca(_made: Workspace, tmp_path: Path) -> RecordedWorkspace:
    """A terminal at a home with one hierarchy, `new`."""
    return RecordedWorkspace(_made.folder).copy(tmp_path / "work")


@pytest.fixture
def empty(tmp_path: Path) -> RecordedWorkspace:
    """A terminal where no home is yet."""
    (tmp_path / "empty").mkdir()
    return RecordedWorkspace(tmp_path / "empty")
