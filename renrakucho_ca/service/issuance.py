"""Issuing: intent recorded, certificate linted and signed, record and bundle committed.

Nothing is signed that is not recorded first. A run that dies between intent and record leaves an
intent; the next run that finds itself alone puts that serial number on the CRL, since nobody can
know whether it was signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING

from renrakucho_ca.errors import Conflict, NotFound, RcaError, Refused, Unavailable
from renrakucho_ca.model import (
    LIVE,
    Act,
    Authority,
    Certificate,
    Hierarchy,
    RetrievalNumber,
    Revocation,
    RevocationReason,
    Status,
    Tier,
    User,
)
from renrakucho_ca.pki import crl, keys
from renrakucho_ca.pki.token import TokenKey
from renrakucho_ca.service import ahead, auditing, people, revocation
from renrakucho_ca.service.ca_keys import ca_key
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.making import Made, Maker, Secrets
from renrakucho_ca.service.planning import Plan, Planner, Request, Succession
from renrakucho_ca.service.signing_time import signing_time
from renrakucho_ca.service.workshop import FEW, make_all, started
from renrakucho_ca.store import certificates, hierarchies, issuing
from renrakucho_ca.store.audit import Entry
from renrakucho_ca.store.database import seconds
from renrakucho_ca.store.issuing import Intent, Signed

if TYPE_CHECKING:
    from renrakucho_ca.service.workers import Workers

PORTION = 64
"""Intents, and then records, in one transaction: at one a time the disk's syncs cost 4 ms each.
More would be no faster, and all that a killed run had under way ends up on the CRL.
"""


Teller = Callable[[Certificate, str], str | None]
"""Tells a user of a new certificate and its password, within the transaction that records them;
returns the download link."""


def tell_nobody(_certificate: Certificate, _password: str) -> str | None:
    """The operator hands number and password over."""
    return None


@dataclass(frozen=True, slots=True)
class Issued:
    """A new certificate, and what its user is told.

    Attributes:
        link: the download link of its mail; None where there is no mail.
    """

    certificate: Certificate
    password: str
    link: str | None = None

    def __repr__(self) -> str:
        return f"Issued({self.certificate.number})"


def issue(
    home: Home,
    requests: Sequence[Request],
    hierarchy: str | None = None,
    tell: Teller = tell_nobody,
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
    each = issue_many(home, requests, hierarchy, tell=tell)
    results = {id(request): result for request, result in each}
    return [results[id(request)] for request in requests]


def issue_many(
    home: Home,
    requests: Iterable[Request],
    hierarchy: str | None = None,
    *,
    jobs: int = 1,
    tell: Teller = tell_nobody,
) -> Iterator[tuple[Request, Issued | RcaError]]:
    """Issues for any number of requests, in constant memory; each is recorded when it is yielded.

    Args:
        requests: taken as they are needed; to stop, end them.
        jobs: worker processes.
        tell: tells the users.

    Raises:
        As `issue`.
    """
    auditing.refuse_unless_in_step(home)
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
        issuer = Issuer(home, chosen, tell) if first else None
        with home.lock("issuing").shared(lambda: abandon_left_over(home)):
            if issuer is not None:
                yield from issuer.issue(chain(first, source), workers)
                # What is issued is issued; `rca publish` would sign for it as well.
                with suppress(RcaError):
                    ahead.keep_up(home, chosen, chosen.issuing, home.clock())


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
    request = Request(
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
    _refuse_closed(hierarchy, now)
    return hierarchy


def _refuse_closed(hierarchy: Hierarchy, now: datetime) -> None:
    if not hierarchy.is_open(now):
        raise Refused("the hierarchy {name} is closed and issues nothing", name=hierarchy.name)


def _refused_beforehand(
    home: Home, hierarchy: Hierarchy, requests: Sequence[Request]
) -> list[tuple[Request, RcaError]]:
    """Those of the requests that no passphrase would help: an unknown device, a name too long."""
    planner = Planner(home, hierarchy, home.clock())
    refused = []
    for request in requests:
        try:
            planner.plan(request)
        except RcaError as error:
            refused.append((request, error))
    return refused


@dataclass(frozen=True, slots=True)
class _New:
    """A certificate that is about to be recorded; `before` is the one that it follows."""

    request: Request
    before: Certificate | None
    signed: Signed
    password: str = field(repr=False)


class Issuer:
    """An unlocked issuing CA, and one moment: all that it issues is of the same second.

    The passphrase is asked for here, before anything is recorded.

    Raises:
        Refused: the store was restored and has not caught up.
        Unavailable: the key is not here, the passphrase is wrong, or the clock is behind.
    """

    def __init__(self, home: Home, hierarchy: Hierarchy, tell: Teller) -> None:
        home.refuse_while_behind()
        self._home = home
        self._tell = tell
        self._hierarchy = hierarchy
        self._authority = hierarchy.issuing
        self._now = signing_time(home, hierarchy)
        self._planner = Planner(home, hierarchy, self._now)
        self._acts: list[Entry] = []
        key = ca_key(home, self._authority)
        if key is None:
            raise Unavailable(
                "the key of {name} is not on this machine", name=self._authority.subject
            )
        self._maker = Maker(
            Secrets(
                issuer=self._authority.certificate,
                issuer_key=key.access if isinstance(key, TokenKey) else keys.to_pkcs8(key),
                authorities={
                    tier: hierarchy.authority(tier).certificate
                    for tier in (Tier.ISSUING, Tier.ROOT)
                },
                bundle_sealer=home.keystore.bundle_sealer(),
                password_sealer=home.keystore.password_sealer(),
                random=home.random,
            )
        )

    def issue(
        self, requests: Iterable[Request], workers: Workers | None
    ) -> Iterator[tuple[Request, Issued | RcaError]]:
        """Issues by portions: intents in one transaction, records in another.

        The caller holds the issuing lock.
        """
        refused: list[tuple[Request, RcaError]] = []
        made: list[tuple[Plan, Made | RcaError]] = []
        for plan, result in make_all(self._maker, self._intended(requests, refused), workers):
            if isinstance(result, Unavailable):
                # The token has gone, maybe after it signed: what is intended is left to the next
                # run, as if this one had died.
                yield from self._record_portion(made)
                raise result
            made.append((plan, result))
            if len(made) == PORTION:
                yield from self._record_portion(made)
                made.clear()
                yield from refused
                refused.clear()
        yield from self._record_portion(made)
        yield from refused

    def _intended(
        self, requests: Iterable[Request], refused: list[tuple[Request, RcaError]]
    ) -> Iterator[Plan]:
        """Plans whose intents are recorded; what cannot be planned goes to `refused`."""
        source = iter(requests)
        while portion := list(islice(source, PORTION)):
            plans: list[Plan] = []
            with self._home.db.write():
                # Retired while this run was under way? Then nothing more of it is signed.
                hierarchy = hierarchies.get(self._home.db, self._hierarchy.name)
                for request in portion:
                    try:
                        _refuse_closed(hierarchy, self._now)
                        plans.append(self._intend(request))
                    except RcaError as error:
                        refused.append((request, error))
            yield from plans

    def _intend(self, request: Request) -> Plan:
        db = self._home.db
        plan = self._planner.plan(request)
        if request.supersedes is None:
            people.put_all(self._home, [request.user], self._now)
        while not issuing.put_intent(db, plan.intent):
            plan = self._planner.plan(request)
        return plan

    def _record_portion(
        self, made: Sequence[tuple[Plan, Made | RcaError]]
    ) -> list[tuple[Request, Issued | RcaError]]:
        refused: list[tuple[Request, Issued | RcaError]] = []
        new: list[_New] = []
        with self._home.db.write():
            self._acts.clear()
            befores = certificates.get_all(
                self._home.db, [number for plan, _ in made if (number := plan.request.supersedes)]
            )
            for plan, each in made:
                before = befores[number] if (number := plan.request.supersedes) else None
                result = each if isinstance(each, RcaError) else self._signed(plan, each, before)
                if isinstance(result, RcaError):
                    _abandon(self._home, plan.intent, self._now)
                    refused.append((plan.request, result))
                else:
                    new.append(result)
            issuing.record(self._home.db, self._authority, [each.signed for each in new])
            issued = [(each.request, self._issued(each)) for each in new]
            auditing.record(self._home, self._now, *self._acts)
        return refused + issued

    def _signed(self, plan: Plan, made: Made, before: Certificate | None) -> _New | Conflict:
        """The record of what was made, unless nobody is to have it any more."""
        request, intent = plan.request, plan.intent
        if (
            before is not None
            and request.succession is Succession.MIGRATES
            and before.status(self._now) not in LIVE
        ):
            return Conflict("{number} is not live any more", number=before.number)
        certificate = Certificate(
            number=intent.number,
            serial=intent.serial,
            hierarchy=self._hierarchy.name,
            user=plan.user,
            device=request.device,
            note=request.note,
            issued_at=self._now,
            not_before=self._now,
            not_after=intent.not_after,
            downloaded_at=None,
            revocation=None,
            supersedes=request.supersedes,
            superseded_by=None,
            profile=intent.profile,
            key_algorithm=made.key_algorithm,
            fingerprint_sha256=made.fingerprint_sha256,
        )
        return _New(request, before, Signed(certificate, made.der, made.bundle), made.password)

    def _issued(self, new: _New) -> Issued:
        """What follows from a new certificate, once it is recorded."""
        certificate = new.signed.certificate
        self._acts.append(_issued(certificate, self._authority))
        if new.before is not None:
            self._succeed(new.before, certificate, new.request.succession)
        return Issued(certificate, new.password, self._tell(certificate, new.password))

    def _succeed(self, before: Certificate, successor: Certificate, succession: Succession) -> None:
        """What the new certificate means for the one that it follows."""
        if succession is Succession.REPLACED:
            self._revoke(before, RevocationReason.SUPERSEDED)
        if succession is Succession.MIGRATES:
            if before.downloaded_at is None:
                certificates.withdraw(self._home.db, before.number)
                detail = {"hierarchy": before.hierarchy}
                self._acts.append(Entry(Act.WITHDRAWN, before.number, detail))
            if before.status(self._now) is Status.HELD:
                # Who is locked out must not come in by the new door.
                self._revoke(successor, RevocationReason.CERTIFICATE_HOLD)

    def _revoke(self, certificate: Certificate, reason: RevocationReason) -> None:
        entry = crl.entry(certificate.serial, self._now, reason)
        certificates.revoke(self._home.db, certificate.number, Revocation(self._now, reason), entry)
        self._acts.append(revocation.recorded(certificate, reason))


def abandon_left_over(home: Home) -> None:
    """Revokes what a run that died may have signed. Only while nobody else issues."""
    if issuing.left_over(home.db):
        with home.db.write():
            for intent in issuing.left_over(home.db):
                _abandon(home, intent, home.clock())


def _abandon(home: Home, intent: Intent, now: datetime) -> None:
    reason = RevocationReason.CESSATION_OF_OPERATION
    entry = crl.entry(intent.serial, now, reason)
    issuing.abandon(home.db, intent, Revocation(now, reason), entry)
    auditing.record(
        home,
        now,
        Entry(
            Act.ABANDONED,
            intent.number,
            {
                "serial": f"{intent.serial:x}",
                "authority": hierarchies.fingerprint(home.db, intent.authority),
                "user": intent.user,
                "device": intent.device,
                "profile": intent.profile,
                "issued_at": seconds(intent.at),
                "not_after": seconds(intent.not_after),
                "reason": reason.value,
            },
        ),
    )


def _issued(certificate: Certificate, authority: Authority) -> Entry:
    """With all that a record can be made of again, where nothing but the journal is left."""
    return Entry(
        Act.ISSUED,
        certificate.number,
        {
            "serial": f"{certificate.serial:x}",
            "hierarchy": certificate.hierarchy,
            "authority": authority.fingerprint_sha256,
            "user": certificate.user.id,
            "device": certificate.device,
            "profile": certificate.profile,
            "note": certificate.note,
            "not_before": seconds(certificate.not_before),
            "not_after": seconds(certificate.not_after),
            "fingerprint": certificate.fingerprint_sha256,
            "key_algorithm": certificate.key_algorithm,
            "supersedes": certificate.supersedes,
        },
    )
