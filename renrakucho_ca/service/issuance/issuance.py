"""Issuing and re-issuing, a few or any number: hierarchy chosen, workers started, left-over intents
of runs that died seen to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice

from renrakucho_ca.errors import NotFound, RcaError, Refused
from renrakucho_ca.model import (
    Hierarchy,
    RetrievalNumber,
    User,
)
from renrakucho_ca.service import store_state
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import orphans
from renrakucho_ca.service.issuance.issuer import (
    Issued,
    Issuer,
    Notifier,
    no_notification,
    refuse_closed,
)
from renrakucho_ca.service.issuance.maker_pool import FEW, started
from renrakucho_ca.service.issuance.planner import IssuanceRequest, Planner, Succession
from renrakucho_ca.service.ocsp import pre_produce
from renrakucho_ca.service.store_state import Action
from renrakucho_ca.store.tables import certificates, hierarchies


def issue(
    home: Home,
    requests: Sequence[IssuanceRequest],
    hierarchy: str | None = None,
    notify: Notifier = no_notification,
) -> list[Issued | RcaError]:
    """Issues for a few requests; one that fails does not stop the others.

    Args:
        hierarchy: by default the settings', else `new`, else the only one that is open.

    Returns:
        For each request, in order, what was issued, or why not.

    Raises:
        NotFound: no such hierarchy. Unavailable: passphrase or key.
        Refused: it is closed, or the database is older than its journal.
    """
    each = issue_many(home, requests, hierarchy, notify=notify)
    results = {id(request): result for request, result in each}
    return [results[id(request)] for request in requests]


def issue_many(
    home: Home,
    requests: Iterable[IssuanceRequest],
    hierarchy: str | None = None,
    *,
    jobs: int = 1,
    notify: Notifier = no_notification,
) -> Iterator[tuple[IssuanceRequest, Issued | RcaError]]:
    """Issues for any number of requests, in constant memory; each is recorded when it is yielded.

    Args:
        requests: taken as they are needed; to stop, end them.
        jobs: worker processes.
        tell: tells the users.

    Raises:
        As `issue`.
    """
    store_state.require(home, Action.ISSUE)
    chosen = choose_hierarchy(home, hierarchy)
    source = iter(requests)
    first = list(islice(source, FEW + 1))
    if len(first) <= FEW:
        refused = _refused_beforehand(home, chosen, first)
        if refused and len(refused) == len(first):
            # Nobody types a passphrase for what cannot be.
            yield from refused
            return
    # Before the key is unlocked, which takes as long as a worker's start.
    with started(jobs if len(first) > FEW else 1) as workers:
        # Nothing to do needs no passphrase.
        issuer = Issuer(home, chosen, notify) if first else None
        with home.lock("issuing").shared(lambda: orphans.abandon_all(home)):
            if issuer is not None:
                yield from issuer.issue(chain(first, source), workers)
                # What is issued is issued; `rca publish` would sign for it as well.
                with suppress(RcaError):
                    pre_produce.keep_up(home, chosen, chosen.issuing, home.clock())


def reissue(
    home: Home, number: RetrievalNumber, *, keep_old: bool, device: str | None = None
) -> Issued:
    """Issues a successor for the same user, device and note.

    Args:
        keep_old: the one before stays; else it is revoked as superseded.
        device: another kind of device.

    Raises:
        NotFound: no such certificate. Conflict: it has a successor. And as `issue`.
    """
    old = certificates.get(home.db, number)
    request = IssuanceRequest(
        user=User(old.user.id),
        device=device or old.device,
        note=old.note,
        supersedes=number,
        succession=Succession.KEPT if keep_old else Succession.REPLACED,
    )
    (result,) = issue(home, [request])
    if isinstance(result, RcaError):
        raise result
    return result


def choose_hierarchy(home: Home, name: str | None) -> Hierarchy:
    """The hierarchy that is to issue.

    Raises:
        NotFound: it does not exist.
        Refused: it is closed, or none is named and several are open.
    """
    now = home.clock()
    everything = {hierarchy.name: hierarchy for hierarchy in hierarchies.all_of(home.db)}
    name = name or home.settings.default_hierarchy or ("new" if "new" in everything else None)
    if name is None:
        is_open = [each for each in everything.values() if each.is_open(now)]
        if not is_open:
            raise NotFound("no hierarchy is open", hint="make one: rca hierarchy create new")
        if len(is_open) > 1:
            raise Refused(
                "several hierarchies are open: {names}",
                hint="say which with --hierarchy, or set default_hierarchy in rca.yaml",
                names=", ".join(each.name for each in is_open),
            )
        return is_open[0]
    hierarchy = hierarchies.get(home.db, name)
    refuse_closed(hierarchy, now)
    return hierarchy


def _refused_beforehand(
    home: Home, hierarchy: Hierarchy, requests: Sequence[IssuanceRequest]
) -> list[tuple[IssuanceRequest, RcaError]]:
    """Those of the requests that no passphrase would help: an unknown device, a name too long."""
    planner = Planner(home, hierarchy, home.clock())
    refused = []
    for request in requests:
        try:
            planner.plan(request)
        except RcaError as error:
            refused.append((request, error))
    return refused
