"""Issue planned certificates under one CA, in batches: pending, signed, recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from renrakucho_ca.batched import batched
from renrakucho_ca.errors import Conflict, RcaError, Refused, Unavailable
from renrakucho_ca.model import LIVE, Certificate, Hierarchy, RetrievalNumber, Tier
from renrakucho_ca.service import pending, user_records
from renrakucho_ca.service.ca.ca_keys import ca_key
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import device_issuances
from renrakucho_ca.service.issuance.certificate_maker import Maker, NewCertificate
from renrakucho_ca.service.issuance.device_issuances import NewIssuance
from renrakucho_ca.service.issuance.maker_pool import Key, Made, Planned, make_all
from renrakucho_ca.service.issuance.planner import Plan, Planner, Succession
from renrakucho_ca.service.outcome import attempt
from renrakucho_ca.store.tables import certificates, hierarchies, users
from renrakucho_ca.store.tables.pending_issuance import SignedCertificate

if TYPE_CHECKING:
    from renrakucho_ca.service.process_pool import ProcessPool

BATCH = 64
"""Certificates in one transaction: the disk's syncs cost 4 ms each. Larger batches are no faster,
and all that a killed run had pending ends up on the CRL."""

Notifier = Callable[[Certificate, str], str | None]
"""Queues the mail with the number of a certificate and its password, within the transaction that
records them. Returns the download link."""


def no_notification(_certificate: Certificate, _password: str) -> str | None:
    """Queue no mail: the operator delivers number and password."""
    return None


@dataclass(frozen=True, slots=True)
class Issued:
    """A new certificate with its retrieval password and its mail's download link, if any."""

    certificate: Certificate
    password: str
    link: str | None = None

    def __repr__(self) -> str:
        return f"Issued({self.certificate.number})"


def refuse_closed(hierarchy: Hierarchy, now: datetime) -> None:
    """Raise Refused if the hierarchy is closed."""
    if not hierarchy.is_open(now):
        raise Refused("the hierarchy {name} is closed", name=hierarchy.name)


class Issuer:
    """An unlocked issuing CA; all its certificates begin at the planner's time.

    Raises Unavailable if the key is off the machine or the passphrase is wrong.
    """

    def __init__(self, home: Home, planner: Planner, notify: Notifier) -> None:
        self._home = home
        self._planner = planner
        self._notify = notify
        self._now = planner.now
        self._maker = _maker(home, planner.hierarchy)

    def issue(
        self, plans: Iterable[Planned[Key]], workers: ProcessPool | None
    ) -> Iterator[tuple[Key, Issued | RcaError]]:
        """Issue the plans, and pass on errors. The caller holds the issuing lock."""
        made: list[Made[Key]] = []
        for each in make_all(self._maker, self._begin_all(plans), workers):
            if isinstance(each[2], Unavailable) and not isinstance(each[1], RcaError):
                # The token is gone, maybe after it signed: the next run abandons pending issuances.
                yield from self._record(made)
                raise each[2]
            made.append(each)
            if len(made) == BATCH:
                yield from self._record(made)
                made.clear()
        yield from self._record(made)

    def _begin_all(self, plans: Iterable[Planned[Key]]) -> Iterator[Planned[Key]]:
        for batch in batched(plans, BATCH):
            with self._home.db.write():
                # Another process may have retired it during this run.
                hierarchy = hierarchies.get(self._home.db, self._planner.hierarchy.name)
                begin = partial(self._begin, hierarchy)
                begun = [(key, attempt(begin, plan)) for key, plan in batch]
            yield from begun

    def _begin(self, hierarchy: Hierarchy, plan: Plan) -> Plan:
        """Put a plan's pending issuance; draw other numbers if its own are taken."""
        db, request = self._home.db, plan.request
        refuse_closed(hierarchy, self._now)
        if users.merged(db, request.user) != plan.user:
            plan = self._planner.plan(request)  # another request has changed the user
        if request.supersedes is None:
            user_records.put_all(self._home, [request.user], self._now)
        while not device_issuances.put(db, plan.pending):
            plan = self._planner.plan(request)
        return plan

    def _record(self, made: Sequence[Made[Key]]) -> list[tuple[Key, Issued | RcaError]]:
        befores = [
            before
            for _, plan, _ in made
            if isinstance(plan, Plan) and (before := plan.request.supersedes)
        ]
        with self._home.db.write():
            known = certificates.get_all(self._home.db, befores)
            results = [(key, plan, self._new(plan, new, known)) for key, plan, new in made]
            begun = [(plan.pending, new) for _, plan, new in results if isinstance(plan, Plan)]
            pending.complete(self._home, device_issuances, self._now, begun)
            return [(key, self._issued(new)) for key, _, new in results]

    def _new(
        self,
        plan: Plan | RcaError,
        made: NewCertificate | RcaError,
        known: dict[RetrievalNumber, Certificate],
    ) -> NewIssuance | RcaError:
        """Return the record, or the reason for abandoning the certificate."""
        if isinstance(plan, RcaError):
            return plan
        if isinstance(made, RcaError):
            return made
        request = plan.request
        before = known[request.supersedes] if request.supersedes else None
        if (
            before is not None
            and request.succession is Succession.MIGRATES
            and before.status(self._now) not in LIVE
        ):
            return Conflict("{number} is no longer live", number=before.number)
        certificate = self._certificate(plan, made)
        signed = SignedCertificate(certificate, made.der, made.bundle)
        authority = self._planner.hierarchy.issuing
        return NewIssuance(authority, signed, made.password, before, request.succession)

    def _certificate(self, plan: Plan, made: NewCertificate) -> Certificate:
        return Certificate(
            number=plan.pending.number,
            serial=plan.pending.serial,
            hierarchy=self._planner.hierarchy.name,
            user=plan.user,
            device=plan.request.device,
            note=plan.request.note,
            issued_at=self._now,
            not_before=self._now,
            not_after=plan.pending.not_after,
            downloaded_at=None,
            revocation=None,
            supersedes=plan.request.supersedes,
            superseded_by=None,
            profile=plan.pending.profile,
            key_algorithm=made.key_algorithm,
            fingerprint_sha256=made.fingerprint_sha256,
        )

    def _issued(self, new: NewIssuance | RcaError) -> Issued | RcaError:
        if isinstance(new, RcaError):
            return new
        link = self._notify(new.certificate, new.password)
        return Issued(new.certificate, new.password, link)


def _maker(home: Home, hierarchy: Hierarchy) -> Maker:
    authority = hierarchy.issuing
    key = ca_key(home, authority)
    if key is None:
        raise Unavailable("the key of {name} is not on this machine", name=authority.subject)
    return Maker(
        issuer=authority.certificate,
        open_key=key.opener(),
        authorities={
            tier: hierarchy.authority(tier).certificate for tier in (Tier.ISSUING, Tier.ROOT)
        },
        bundle_sealer=home.keystore.bundle_sealer(),
        password_sealer=home.keystore.password_sealer(),
        random=home.random,
    )
