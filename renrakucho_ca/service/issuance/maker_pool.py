"""Make keys and bundles, 90 % of a certificate's cost, in this process or in workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from renrakucho_ca.errors import RcaError
from renrakucho_ca.service.issuance import certificate_maker
from renrakucho_ca.service.issuance.certificate_maker import Maker, NewCertificate, Task
from renrakucho_ca.service.issuance.planner import Plan

if TYPE_CHECKING:
    from renrakucho_ca.service.process_pool import ProcessPool

Key = TypeVar("Key")
"""Names a request: an index, a line of a table, a retrieval number."""

Planned = tuple[Key, Plan | RcaError]
Made = tuple[Key, Plan | RcaError, NewCertificate | RcaError]

BATCH = 8
"""Tasks sent to a worker at a time: about 30 ms of work, against 0.1 ms for the pipe."""

FEW = BATCH
"""Certificates made in this process before a worker has started."""


@contextmanager
def started(jobs: int) -> Iterator[ProcessPool | None]:
    """Start worker processes; for one job start none and yield None."""
    if jobs == 1:
        yield None
        return
    # This import takes 20 ms.
    from renrakucho_ca.service.process_pool import ProcessPool

    with ProcessPool(jobs, certificate_maker.__name__) as workers:
        yield workers


def make_all(
    maker: Maker, plans: Iterable[Planned[Key]], workers: ProcessPool | None
) -> Iterator[Made[Key]]:
    """Make the planned certificates in constant memory, in any order; a failed plan gives its
    error.
    """
    batches = (
        (batch, [plan.task for _, plan in batch if isinstance(plan, Plan)])
        for batch in _batches(plans)
    )
    here = ((batch, maker(tasks)) for batch, tasks in batches)
    for batch, results in here if workers is None else workers.spread(maker, batches):
        made = iter(results)
        for key, plan in batch:
            yield key, plan, plan if isinstance(plan, RcaError) else next(made)


def _batches(plans: Iterable[Planned[Key]]) -> Iterator[list[Planned[Key]]]:
    """Yield batches of BATCH. An RSA key takes as long as a batch and goes alone."""
    batch: list[Planned[Key]] = []
    for key, plan in plans:
        if isinstance(plan, Plan) and _takes_long(plan.task):
            yield [(key, plan)]
            continue
        batch.append((key, plan))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _takes_long(task: Task) -> bool:
    return task.public_key is None and task.profile.key_algorithm.startswith("rsa")
