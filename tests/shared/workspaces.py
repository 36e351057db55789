"""The fixtures of scenarios and faults: a workspace with a home, and one without."""

from __future__ import annotations

from pathlib import Path

import pytest

from renrakucho_ca.clock import system_clock
from tests.shared.homes import make_home
from tests.shared.recorded import RecordedWorkspace
from tests.shared.runner import CANARY


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> RecordedWorkspace:
    """The workspace of which tests spoil copies."""
    rca = RecordedWorkspace(tmp_path_factory.mktemp("workspace"))
    home = make_home(rca.home, system_clock, hierarchies=["new"], passphrase=CANARY.encode())
    home.db.close()
    return rca


@pytest.fixture
def rca(workspace: RecordedWorkspace, tmp_path: Path) -> RecordedWorkspace:
    """A workspace whose home has one hierarchy, `new`."""
    return workspace.copy(tmp_path / "work")


@pytest.fixture
def empty(tmp_path: Path) -> RecordedWorkspace:
    """A workspace without a home."""
    (tmp_path / "empty").mkdir()
    return RecordedWorkspace(tmp_path / "empty")
