"""What the tests on real programs share: a home that rca has made."""

from __future__ import annotations

import pytest

from tests.shared.scene import Scene


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A home with every kind of device in every state. Tests only look at it."""
    return Scene.make(tmp_path_factory.mktemp("scene"))
