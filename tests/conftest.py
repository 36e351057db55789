"""What all tests share: a test says which programs of the system it needs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-faults", action="store_true", help="a fault at every system call: over an hour"
    )


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
