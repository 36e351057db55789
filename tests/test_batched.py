"""Batches take no item before its turn."""

from __future__ import annotations

import pytest

from renrakucho_ca.batched import batched


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (1, [[0]]), (3, [[0, 1, 2]]), (4, [[0, 1, 2], [3]])]
)
def test_every_item_is_in_one_batch_and_in_order(count: int, expected: list[list[int]]) -> None:
    assert list(batched(range(count), 3)) == expected


def test_no_item_is_taken_ahead_of_its_batch() -> None:
    source = iter(range(10))
    assert next(batched(source, 3)) == [0, 1, 2]
    assert next(source) == 3
