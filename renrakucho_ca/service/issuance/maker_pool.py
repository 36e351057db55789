"""Where keys and bundles are made, nine tenths of a certificate's cost: here, or by workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from renrakucho_ca.errors import RcaError
from renrakucho_ca.service.issuance import certificate_maker
from renrakucho_ca.service.issuance.certificate_maker import Maker, NewCertificate, Task
from renrakucho_ca.service.issuance.planner import Plan

if TYPE_CHECKING:
    from renrakucho_ca.service.process_pool import ProcessPool

BATCH = 8
"""Tasks that go to a worker at a time: some 30 ms of work, against 0.1 ms for the pipe."""

FEW = BATCH
"""So many are made here sooner than a worker starts."""


@contextmanager
def started(jobs: int) -> Iterator[ProcessPool | None]:
    """Worker processes that get ready at once; None for one job, which is done here."""
    if jobs == 1:
        yield None
        return
    # Takes 20 ms, which a single certificate need not pay for.
    from renrakucho_ca.service.process_pool import ProcessPool

    with ProcessPool(jobs, certificate_maker.__name__) as workers:
        yield workers


def make_all(
    maker: Maker, plans: Iterable[Plan], workers: ProcessPool | None
) -> Iterator[tuple[Plan, NewCertificate | RcaError]]:
    """Makes what the plans ask for, in whatever order it gets done.

    Plans are taken as they are needed, so any number goes through in constant memory.
    """
    batches = ((batch, [plan.task for plan in batch]) for batch in _batches(plans))
    here = ((batch, maker(tasks)) for batch, tasks in batches)
    for batch, results in here if workers is None else workers.spread(maker, batches):
        yield from zip(batch, results, strict=True)


def _batches(plans: Iterable[Plan]) -> Iterator[list[Plan]]:
    """By the PARCEL; who makes an RSA key, though, is busy for long enough with one."""
    batch: list[Plan] = []
    for plan in plans:
        if _takes_long(plan.task):
            yield [plan]
            continue
        batch.append(plan)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _takes_long(task: Task) -> bool:
    return task.public_key is None and task.profile.key_algorithm.startswith("rsa")
