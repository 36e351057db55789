"""Issue and re-issue certificates: choose the hierarchy, start workers, abandon orphans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain

from renrakucho_ca.errors import NotFound, RcaError, Refused
from renrakucho_ca.model import Hierarchy, RetrievalNumber, User
from renrakucho_ca.service import pending, store_state
from renrakucho_ca.service.ca.clock_guard import guarded_now
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import device_issuances
from renrakucho_ca.service.issuance.issuer import (
    Issued,
    Issuer,
    Notifier,
    no_notification,
    refuse_closed,
)
from renrakucho_ca.service.issuance.maker_pool import FEW, Key, Planned, started
from renrakucho_ca.service.issuance.planner import IssuanceRequest, Planner, Succession
from renrakucho_ca.service.ocsp import pre_produce
from renrakucho_ca.service.outcome import attempt, unwrap
from renrakucho_ca.service.store_state import Action
from renrakucho_ca.store.tables import certificates, hierarchies


def issue(
    home: Home,
    requests: Sequence[IssuanceRequest],
    hierarchy: str | None = None,
    notify: Notifier = no_notification,
) -> list[Issued | RcaError]:
    """Issue a few certificates; return a result or an error for each request, in order.

    Args:
        hierarchy: as in `choose_hierarchy`.

    Raises:
        NotFound: no such hierarchy. Unavailable: passphrase or key.
        Refused: the hierarchy is closed, or the database is older than its journal.
    """
    chosen = choose_hierarchy(home, hierarchy)
    results = dict(issue_many(home, chosen, enumerate(requests), notify=notify))
    return [results[index] for index in range(len(requests))]


def issue_many(
    home: Home,
    hierarchy: Hierarchy,
    requests: Iterable[tuple[Key, IssuanceRequest | RcaError]],
    *,
    jobs: int = 1,
    notify: Notifier = no_notification,
) -> Iterator[tuple[Key, Issued | RcaError]]:
    """Issue any number of certificates in constant memory; yielded ones are recorded.

    Args:
        requests: each with a key for its result, or an error that becomes the result. They are
            taken as needed; to stop, end them.

    Raises:
        As `issue`.
    """
    store_state.require(home, Action.ISSUE)
    planner = Planner(home, hierarchy, home.clock())
    plans = ((key, attempt(planner.plan, request)) for key, request in requests)
    first: list[Planned[Key]] = []
    for key, plan in plans:
        if isinstance(plan, RcaError):
            # Do not ask for the passphrase before there is a request to issue.
            yield key, plan
            continue
        first.append((key, plan))
        if len(first) > FEW:
            break

    def abandon_orphans() -> None:
        pending.abandon_orphans(home, device_issuances, home.clock())

    # Workers start while the key is unlocked.
    with started(jobs if len(first) > FEW else 1) as workers:
        issuer = None
        if first:
            guarded_now(home, hierarchy)  # a run with nothing to issue signs nothing
            issuer = Issuer(home, planner, notify)
        with home.lock("issuing").shared(
            lambda: pending.abandon_orphans(home, device_issuances, home.clock())
        ):
            if issuer is not None:
                yield from issuer.issue(chain(first, plans), workers)
                # If this fails, `rca publish` signs the responses.
                with suppress(RcaError):
                    pre_produce.keep_up(home, hierarchy, hierarchy.issuing, home.clock())


def reissue(
    home: Home, number: RetrievalNumber, *, keep_old: bool, device: str | None = None
) -> Issued:
    """Issue a successor for the same user, device and note. Raises as `issue`.

    Args:
        keep_old: keep the old certificate valid; by default it is revoked as superseded.
        device: another device kind.

    Raises:
        NotFound: no such certificate. Conflict: it has a successor.
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
    return unwrap(result)


def choose_hierarchy(home: Home, name: str | None) -> Hierarchy:
    """Return the hierarchy `name`; by default the settings' one, else `new`, else the only open
    one.

    Raises:
        NotFound: it does not exist. Refused: it is closed, or several are open and none is named.
    """
    now = home.clock()
    everything = {hierarchy.name: hierarchy for hierarchy in hierarchies.all_of(home.db)}
    name = name or home.settings.default_hierarchy or ("new" if "new" in everything else None)
    if name is None:
        is_open = [each for each in everything.values() if each.is_open(now)]
        if not is_open:
            raise NotFound("no hierarchy is open", hint="run `rca hierarchy create new`")
        if len(is_open) > 1:
            raise Refused(
                "several hierarchies are open: {names}",
                hint="choose one with --hierarchy, or set default_hierarchy in rca.yaml",
                names=", ".join(each.name for each in is_open),
            )
        return is_open[0]
    hierarchy = hierarchies.get(home.db, name)
    refuse_closed(hierarchy, now)
    return hierarchy
