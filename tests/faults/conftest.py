"""The terminals that the faults begin with, and how many of the faults are tried."""

import dying
import pytest
from homes_to_spoil import _made, empty, rca

__all__ = ["_made", "empty", "rca"]


@pytest.hookimpl
def pytest_configure(config: pytest.Config) -> None:
    dying.every_call = bool(config.getoption("--all-faults"))
