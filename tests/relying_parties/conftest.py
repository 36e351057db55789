"""What the tests on real programs share: which programs they need, and a home that rca has made."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from scene import Scene


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture is made: a test whose program is missing is skipped, and in CI failed."""
    needed = [program for mark in item.iter_markers("needs") for program in mark.args]
    missing = [each for each in needed if shutil.which(each) is None and not Path(each).is_file()]
    if not missing:
        return
    reason = f"not installed: {', '.join(missing)}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A home with every kind of device in every state. Tests only look at it."""
    return Scene.make(tmp_path_factory.mktemp("scene"))
