"""The temporary database of an import."""

from __future__ import annotations

import pytest

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.store.tables.staging import Staging


def test_a_full_temporary_folder_is_reported() -> None:
    staging = Staging()
    staging._connection.execute("PRAGMA max_page_count = 20")
    with pytest.raises(Unavailable, match="the disk is full"):
        fill(staging)


def fill(staging: Staging) -> None:
    for number in range(1000):
        staging.put(number, number, None, None, "x" * 1000)
