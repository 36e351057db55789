"""What the take-over of a CA must remember while it runs."""

from __future__ import annotations

import pytest

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.store.tables.imports import Ledger


def test_where_temporary_files_have_no_room_that_is_told_and_no_bug() -> None:
    ledger = Ledger()
    ledger._connection.execute("PRAGMA max_page_count = 20")
    with pytest.raises(Unavailable, match="the disk is full"):
        fill(ledger)


def fill(ledger: Ledger) -> None:
    for number in range(1000):
        ledger.put(number, number, None, None, "x" * 1000)
