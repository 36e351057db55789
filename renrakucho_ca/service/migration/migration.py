"""Re-issue each live certificate of the old hierarchy in the new one.

A run's only state is the successors. It can be killed and repeated, and runs can be concurrent: no
certificate gets two successors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, takewhile

from renrakucho_ca.errors import Conflict, Invalid, RcaError
from renrakucho_ca.model import UNKNOWN, Act, Certificate, Hierarchy, RetrievalNumber, User
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance.issuance import choose_hierarchy, issue_many
from renrakucho_ca.service.issuance.issuer import Issued, Notifier, no_notification
from renrakucho_ca.service.issuance.planner import IssuanceRequest, Planner, Succession
from renrakucho_ca.service.outcome import attempt
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store.sqlite.connection import seconds
from renrakucho_ca.store.tables import hierarchies, migration_progress
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.store.tables.migration_progress import Progress, Scope


@dataclass(frozen=True, slots=True)
class MigrationOptions:
    """The options of `rca migrate`: `limit` certificates at most, by `jobs` worker processes."""

    cutoff: datetime
    scope: Scope
    target: str = "new"
    limit: int | None = None
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class MigrationFailure:
    """A certificate without a successor, and the reason."""

    number: RetrievalNumber
    error: RcaError


@dataclass(frozen=True, slots=True)
class Migration:
    """The counts of a run.

    Attributes:
        selected, issued: certificates that the run tried to re-issue; those with a successor now.
        already: live certificates with a successor from another run.
        remaining: live certificates without a successor at the end, before any was revoked.
        revoked: certificates revoked because the cut-off has passed.
    """

    options: MigrationOptions
    selected: int
    issued: int
    already: int
    failed: tuple[MigrationFailure, ...]
    remaining: int
    revoked: int


def check(home: Home, source: str, target: str) -> Hierarchy:
    """Return the target, after a check that the source can migrate to it.

    Raises:
        NotFound: one does not exist. Invalid: they are the same. Refused: the target is closed.
    """
    hierarchies.get(home.db, source)
    if source == target:
        raise Invalid("cannot migrate {name} to itself", name=source)
    return choose_hierarchy(home, target)


def plan(home: Home, scope: Scope) -> list[Progress]:
    """Return the progress by network and facility, as `--dry-run` and `--status` show it."""
    hierarchies.get(home.db, scope.source)
    return migration_progress.progress(home.db, scope, home.clock())


def rehearse(home: Home, options: MigrationOptions) -> Migration:
    """Plan every certificate without recording anything; return the counts of `migrate`."""
    now = home.clock()
    planner = Planner(home, choose_hierarchy(home, options.target), now)
    before = plan(home, options.scope)
    selected = 0
    failed: list[MigrationFailure] = []
    for number, request in _requests(home, options, now):
        selected += 1
        failed += _failure(number, attempt(planner.plan, request))
    return Migration(
        options=options,
        selected=selected,
        issued=0,
        already=sum(each.live - each.pending for each in before),
        failed=tuple(failed),
        remaining=sum(each.pending for each in before),
        revoked=0,
    )


def migrate(
    home: Home,
    options: MigrationOptions,
    *,
    issued: Callable[[Issued], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    notify: Notifier = no_notification,
) -> Migration:
    """Re-issue the live certificates in the scope, and set the cut-off of the old hierarchy.

    A successor has the same user, device and note. A bundle never downloaded is withdrawn; a held
    certificate gets a held successor. If the cut-off has passed, the remaining certificates are
    revoked, unless the run was stopped.

    Args:
        issued: called with each recorded successor.
        stop: called before each certificate; those under way are finished.

    Raises:
        As `check`; Unavailable: passphrase, key, disk.
    """
    source = options.scope.source
    target = check(home, source, options.target)
    now = home.clock()
    done = selected = 0
    failed: list[MigrationFailure] = []
    requests = takewhile(lambda _: not stop(), _requests(home, options, now))
    for number, result in issue_many(home, target, requests, jobs=options.jobs, notify=notify):
        selected += 1
        if isinstance(result, Issued):
            done += 1
            issued(result)
        else:
            failed += _failure(number, result)
    after = plan(home, options.scope)
    revoked = 0
    if options.cutoff > now or not stop():
        _set_cutoff(home, now, options)
        if options.cutoff <= now:
            revoked = revocation.revoke_all(home, hierarchies.get(home.db, source), now)
    return Migration(
        options=options,
        selected=selected,
        issued=done,
        already=max(0, sum(each.live - each.pending for each in after) - done),
        failed=tuple(failed),
        remaining=sum(each.pending for each in after),
        revoked=revoked,
    )


def _requests(
    home: Home, options: MigrationOptions, now: datetime
) -> Iterator[tuple[RetrievalNumber, IssuanceRequest | RcaError]]:
    found = migration_progress.pending(home.db, options.scope, now)
    return ((each.number, _request(each)) for each in islice(found, options.limit))


def _failure(number: RetrievalNumber, result: object) -> list[MigrationFailure]:
    """Return the failure, if any. Conflict is none: there is a successor or revocation."""
    if isinstance(result, RcaError) and not isinstance(result, Conflict):
        return [MigrationFailure(number, result)]
    return []


def _set_cutoff(home: Home, now: datetime, options: MigrationOptions) -> None:
    with home.db.write():
        if hierarchies.set_cutoff(home.db, options.scope.source, options.cutoff):
            facts = {"cutoff": seconds(options.cutoff), "target": options.target}
            act = AuditEntry(Act.CUTOFF_SET, options.scope.source, facts)
            recorder.record(home, now, act)


def _request(certificate: Certificate) -> IssuanceRequest | Invalid:
    """Return the request for a successor, or an error if the device is unknown."""
    if certificate.device == UNKNOWN:
        return Invalid(
            "the device is unknown",
            hint="ask {user}, then run `rca reissue {number} --keep-old --device D`",
            user=certificate.user.id,
            number=certificate.number,
        )
    return IssuanceRequest(
        # The id alone: the user's data may change while this runs.
        user=User(certificate.user.id),
        device=certificate.device,
        note=certificate.note,
        supersedes=certificate.number,
        succession=Succession.MIGRATES,
    )
