"""Everyone moves: each live certificate of the old hierarchy gets a successor in the new one.

Nothing is remembered of a run but its results: what has a successor is done. So a run can end
anywhere and be run again, two can run at once, and none gets two successors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from renrakucho_ca.errors import Conflict, Invalid, RcaError
from renrakucho_ca.model import UNKNOWN, Act, Certificate, RetrievalNumber, User
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance.issuance import choose_hierarchy, issue_many
from renrakucho_ca.service.issuance.issuer import Issued, Notifier, no_notification
from renrakucho_ca.service.issuance.planner import IssuanceRequest, Planner, Succession
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store.sqlite.connection import seconds
from renrakucho_ca.store.tables import hierarchies, migration_progress
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.store.tables.migration_progress import Progress, Scope


@dataclass(frozen=True, slots=True)
class MigrationFailure:
    """A certificate that got no successor, and why."""

    number: RetrievalNumber
    error: RcaError


@dataclass(frozen=True, slots=True)
class Migration:
    """What a run did.

    Attributes:
        selected: how many it took up.
        issued: how many got a successor.
        already: live ones that have a successor from another run.
        remaining: live ones that had none at its end, before anything was revoked.
        revoked: what was revoked since the cut-off has come.
    """

    cutoff: datetime
    source: str
    target: str
    selected: int
    issued: int
    already: int
    failed: tuple[MigrationFailure, ...]
    remaining: int
    revoked: int


def check(home: Home, source: str, target: str) -> None:
    """Whether these two can be migrated between.

    Raises:
        NotFound: one does not exist. Invalid: they are the same. Refused: the target is closed.
    """
    hierarchies.get(home.db, source)
    if source == target:
        raise Invalid("a hierarchy cannot move to itself: {name}", name=source)
    choose_hierarchy(home, target)


def plan(home: Home, scope: Scope) -> list[Progress]:
    """By network and facility, how things stand: what `--dry-run` and `--status` show."""
    hierarchies.get(home.db, scope.source)
    return migration_progress.progress(home.db, scope, home.clock())


def rehearse(
    home: Home, cutoff: datetime, scope: Scope, target: str, limit: int | None
) -> Migration:
    """What `migrate` would do: everything is decided, nothing is recorded."""
    now = home.clock()
    planner = Planner(home, choose_hierarchy(home, target), now)
    before = plan(home, scope)
    failed = []
    selected = 0
    for certificate in islice(migration_progress.pending(home.db, scope, now), limit):
        selected += 1
        try:
            planner.plan(_request(certificate))
        except RcaError as error:
            failed.append(MigrationFailure(certificate.number, error))
    return Migration(
        cutoff=cutoff,
        source=scope.source,
        target=target,
        selected=selected,
        issued=0,
        already=sum(each.live - each.pending for each in before),
        failed=tuple(failed),
        remaining=sum(each.pending for each in before),
        revoked=0,
    )


def migrate(
    home: Home,
    cutoff: datetime,
    scope: Scope,
    target: str,
    *,
    jobs: int,
    limit: int | None = None,
    issued: Callable[[Issued], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    notify: Notifier = no_notification,
) -> Migration:
    """Re-issues what is live in the scope, and sets the cut-off of the old hierarchy.

    Same user, device and note. One never downloaded is withdrawn, a held one gets a successor that
    is held. What fails is listed and stops nothing. Where the cut-off has come, what is left is
    revoked, unless the run was stopped: who is still to be taken up must be live then.

    Args:
        jobs: worker processes.
        limit: take up so many at most.
        issued: is told of each that is recorded.
        stop: asked before each is taken up; what is under way is finished.
        tell: tells the users.

    Raises:
        As `check`; Unavailable: passphrase, key, disk.
    """
    check(home, scope.source, target)
    now = home.clock()
    failed: list[MigrationFailure] = []
    done = selected = 0

    def requests() -> Iterator[IssuanceRequest]:
        nonlocal selected
        for certificate in islice(migration_progress.pending(home.db, scope, now), limit):
            if stop():
                return
            selected += 1
            try:
                yield _request(certificate)
            except Invalid as error:
                failed.append(MigrationFailure(certificate.number, error))

    for request, result in issue_many(home, requests(), target, jobs=jobs, notify=notify):
        assert request.supersedes is not None
        if isinstance(result, Issued):
            done += 1
            issued(result)
        elif not isinstance(result, Conflict):
            # A conflict: another run was first, or it was revoked meanwhile.
            failed.append(MigrationFailure(request.supersedes, result))

    after = plan(home, scope)
    has_come = cutoff <= now
    revoked = 0
    if not (has_come and stop()):
        _set_cutoff(home, now, scope.source, cutoff, target)
        if has_come:
            revoked = revocation.revoke_all(home, hierarchies.get(home.db, scope.source), now)
    return Migration(
        cutoff=cutoff,
        source=scope.source,
        target=target,
        selected=selected,
        issued=done,
        already=max(0, sum(each.live - each.pending for each in after) - done),
        failed=tuple(failed),
        remaining=sum(each.pending for each in after),
        revoked=revoked,
    )


def _set_cutoff(home: Home, now: datetime, source: str, cutoff: datetime, target: str) -> None:
    with home.db.write():
        if hierarchies.set_cutoff(home.db, source, cutoff):
            facts = {"cutoff": seconds(cutoff), "target": target}
            recorder.record(home, now, AuditEntry(Act.CUTOFF_SET, source, facts))


def _request(certificate: Certificate) -> IssuanceRequest:
    """Raises Invalid where nothing tells the device."""
    if certificate.device == UNKNOWN:
        raise Invalid(
            "nothing tells which device it is on",
            hint="ask {user}, then: rca reissue {number} --keep-old --device D",
            user=certificate.user.id,
            number=certificate.number,
        )
    return IssuanceRequest(
        # By the id alone: what is known of them may change while this runs.
        user=User(certificate.user.id),
        device=certificate.device,
        note=certificate.note,
        supersedes=certificate.number,
        succession=Succession.MIGRATES,
    )
