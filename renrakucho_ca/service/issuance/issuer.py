"""Issuing under one CA: intent recorded, certificate made, record and bundle committed.

Nothing is signed that is not recorded first. A run that dies between intent and record leaves an
intent (`left_over`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from renrakucho_ca.batched import batched
from renrakucho_ca.errors import Conflict, RcaError, Refused, Unavailable
from renrakucho_ca.model import (
    LIVE,
    Act,
    Authority,
    Certificate,
    Hierarchy,
    Revocation,
    RevocationReason,
    Status,
    Tier,
)
from renrakucho_ca.service import people
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.ca.ca_keys import ca_key
from renrakucho_ca.service.ca.clock_guard import guarded_now
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance.certificate_maker import Maker, NewCertificate, Secrets
from renrakucho_ca.service.issuance.maker_pool import make_all
from renrakucho_ca.service.issuance.orphans import abandon
from renrakucho_ca.service.issuance.planner import IssuanceRequest, Plan, Planner, Succession
from renrakucho_ca.service.revocation.revoke import revoke_certificates
from renrakucho_ca.store.sqlite.connection import seconds
from renrakucho_ca.store.tables import certificates, hierarchies, pending_issuance
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.store.tables.pending_issuance import SignedCertificate

if TYPE_CHECKING:
    from renrakucho_ca.service.process_pool import ProcessPool

BATCH = 64
"""Intents, and then records, in one transaction: at one a time the disk's syncs cost 4 ms each.
More would be no faster, and all that a killed run had under way ends up on the CRL.
"""


Notifier = Callable[[Certificate, str], str | None]
"""Tells a user of a new certificate and its password, within the transaction that records them;
returns the download link."""


def no_notification(_certificate: Certificate, _password: str) -> str | None:
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


def refuse_closed(hierarchy: Hierarchy, now: datetime) -> None:
    """Raises Refused."""
    if not hierarchy.is_open(now):
        raise Refused("the hierarchy {name} is closed and issues nothing", name=hierarchy.name)


@dataclass(frozen=True, slots=True)
class _NewIssuance:
    """A certificate that is about to be recorded; `before` is the one that it follows."""

    request: IssuanceRequest
    before: Certificate | None
    signed: SignedCertificate
    password: str = field(repr=False)


class Issuer:
    """An unlocked issuing CA, and one moment: all that it issues is of the same second.

    The passphrase is asked for here, before anything is recorded.

    Raises:
        Unavailable: the key is not here, the passphrase is wrong, or the clock is behind.
    """

    def __init__(self, home: Home, hierarchy: Hierarchy, notify: Notifier) -> None:
        self._home = home
        self._notify = notify
        self._hierarchy = hierarchy
        self._authority = hierarchy.issuing
        self._now = guarded_now(home, hierarchy)
        self._planner = Planner(home, hierarchy, self._now)
        self._acts: list[AuditEntry] = []
        key = ca_key(home, self._authority)
        if key is None:
            raise Unavailable(
                "the key of {name} is not on this machine", name=self._authority.subject
            )
        self._maker = Maker(
            Secrets(
                issuer=self._authority.certificate,
                open_key=key.opener(),
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
        self, requests: Iterable[IssuanceRequest], workers: ProcessPool | None
    ) -> Iterator[tuple[IssuanceRequest, Issued | RcaError]]:
        """Issues by portions: intents in one transaction, records in another.

        The caller holds the issuing lock.
        """
        refused: list[tuple[IssuanceRequest, RcaError]] = []
        made: list[tuple[Plan, NewCertificate | RcaError]] = []
        for plan, result in make_all(self._maker, self._intended(requests, refused), workers):
            if isinstance(result, Unavailable):
                # The token has gone, maybe after it signed: what is intended is left to the next
                # run, as if this one had died.
                yield from self._record_batch(made)
                raise result
            made.append((plan, result))
            if len(made) == BATCH:
                yield from self._record_batch(made)
                made.clear()
                yield from refused
                refused.clear()
        yield from self._record_batch(made)
        yield from refused

    def _intended(
        self, requests: Iterable[IssuanceRequest], refused: list[tuple[IssuanceRequest, RcaError]]
    ) -> Iterator[Plan]:
        """Plans whose intents are recorded; what cannot be planned goes to `refused`."""
        for batch in batched(requests, BATCH):
            plans: list[Plan] = []
            with self._home.db.write():
                # Retired while this run was under way? Then nothing more of it is signed.
                hierarchy = hierarchies.get(self._home.db, self._hierarchy.name)
                for request in batch:
                    try:
                        refuse_closed(hierarchy, self._now)
                        plans.append(self._intend(request))
                    except RcaError as error:
                        refused.append((request, error))
            yield from plans

    def _intend(self, request: IssuanceRequest) -> Plan:
        db = self._home.db
        plan = self._planner.plan(request)
        if request.supersedes is None:
            people.put_all(self._home, [request.user], self._now)
        while not pending_issuance.put_pending(db, plan.pending):
            plan = self._planner.plan(request)
        return plan

    def _record_batch(
        self, made: Sequence[tuple[Plan, NewCertificate | RcaError]]
    ) -> list[tuple[IssuanceRequest, Issued | RcaError]]:
        refused: list[tuple[IssuanceRequest, Issued | RcaError]] = []
        new: list[_NewIssuance] = []
        with self._home.db.write():
            self._acts.clear()
            befores = certificates.get_all(
                self._home.db, [number for plan, _ in made if (number := plan.request.supersedes)]
            )
            for plan, each in made:
                before = befores[number] if (number := plan.request.supersedes) else None
                result = each if isinstance(each, RcaError) else self._signed(plan, each, before)
                if isinstance(result, RcaError):
                    abandon(self._home, plan.pending, self._now)
                    refused.append((plan.request, result))
                else:
                    new.append(result)
            pending_issuance.record(self._home.db, self._authority, [each.signed for each in new])
            issued = [(each.request, self._conclude(each)) for each in new]
            recorder.record(self._home, self._now, *self._acts)
        return refused + issued

    def _signed(
        self, plan: Plan, made: NewCertificate, before: Certificate | None
    ) -> _NewIssuance | Conflict:
        """The record of what was made, unless nobody is to have it any more."""
        request, pending = plan.request, plan.pending
        if (
            before is not None
            and request.succession is Succession.MIGRATES
            and before.status(self._now) not in LIVE
        ):
            return Conflict("{number} is not live any more", number=before.number)
        certificate = Certificate(
            number=pending.number,
            serial=pending.serial,
            hierarchy=self._hierarchy.name,
            user=plan.user,
            device=request.device,
            note=request.note,
            issued_at=self._now,
            not_before=self._now,
            not_after=pending.not_after,
            downloaded_at=None,
            revocation=None,
            supersedes=request.supersedes,
            superseded_by=None,
            profile=pending.profile,
            key_algorithm=made.key_algorithm,
            fingerprint_sha256=made.fingerprint_sha256,
        )
        return _NewIssuance(
            request, before, SignedCertificate(certificate, made.der, made.bundle), made.password
        )

    def _conclude(self, new: _NewIssuance) -> Issued:
        """What follows from a new certificate, once it is recorded."""
        certificate = new.signed.certificate
        self._acts.append(_issued(certificate, self._authority))
        if new.before is not None:
            self._succeed(new.before, certificate, new.request.succession)
        return Issued(certificate, new.password, self._notify(certificate, new.password))

    def _succeed(self, before: Certificate, successor: Certificate, succession: Succession) -> None:
        """What the new certificate means for the one that it follows."""
        if succession is Succession.REPLACED:
            self._revoke(before, RevocationReason.SUPERSEDED)
        if succession is Succession.MIGRATES:
            if before.downloaded_at is None:
                certificates.withdraw(self._home.db, before.number)
                detail = {"hierarchy": before.hierarchy}
                self._acts.append(AuditEntry(Act.WITHDRAWN, before.number, detail))
            if before.status(self._now) is Status.HELD:
                # Who is locked out must not come in by the new door.
                self._revoke(successor, RevocationReason.CERTIFICATE_HOLD)

    def _revoke(self, certificate: Certificate, reason: RevocationReason) -> None:
        why = Revocation(self._now, reason)
        self._acts += revoke_certificates(self._home.db, [certificate.number], why)


def _issued(certificate: Certificate, authority: Authority) -> AuditEntry:
    """With all that a record can be made of again, where nothing but the journal is left."""
    return AuditEntry(
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
