"""Split items into batches, for one transaction, message or block each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

_Item = TypeVar("_Item")


def batched(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """Yield the items in lists of `size`, the last one shorter; take no item ahead of its batch.

    Python 3.12 has `itertools.batched`.
    """
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
