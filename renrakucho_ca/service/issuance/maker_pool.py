"""Where keys and bundles are made, nine tenths of a certificate's cost: here, or by workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from renrakucho_ca.errors import RcaError
from renrakucho_ca.service.issuance import certificate_maker
from renrakucho_ca.service.issuance.certificate_maker import Made, Maker, Task
from renrakucho_ca.service.issuance.planner import Plan

if TYPE_CHECKING:
    from renrakucho_ca.service.process_pool import Workers

PARCEL = 8
"""Tasks that go to a worker at a time: some 30 ms of work, against 0.1 ms for the pipe."""

FEW = PARCEL
"""So many are made here sooner than a worker starts."""


@contextmanager
def started(jobs: int) -> Iterator[Workers | None]:
    """Worker processes that get ready at once; None for one job, which is done here."""
    if jobs == 1:
        yield None
        return
    # Takes 20 ms, which a single certificate need not pay for.
    from renrakucho_ca.service.process_pool import Workers

    with Workers(jobs, certificate_maker.__name__) as workers:
        yield workers


def make_all(
    maker: Maker, plans: Iterable[Plan], workers: Workers | None
) -> Iterator[tuple[Plan, Made | RcaError]]:
    """Makes what the plans ask for, in whatever order it gets done.

    Plans are taken as they are needed, so any number goes through in constant memory.
    """
    parcels = ((parcel, [plan.task for plan in parcel]) for parcel in _parcels(plans))
    here = ((parcel, maker(tasks)) for parcel, tasks in parcels)
    for parcel, results in here if workers is None else workers.spread(maker, parcels):
        yield from zip(parcel, results, strict=True)


def _parcels(plans: Iterable[Plan]) -> Iterator[list[Plan]]:
    """By the PARCEL; who makes an RSA key, though, is busy for long enough with one."""
    parcel: list[Plan] = []
    for plan in plans:
        if _takes_long(plan.task):
            yield [plan]
            continue
        parcel.append(plan)
        if len(parcel) == PARCEL:
            yield parcel
            parcel = []
    if parcel:
        yield parcel


def _takes_long(task: Task) -> bool:
    return task.public_key is None and task.profile.key_algorithm.startswith("rsa")
