"""Revoke, hold and release certificates, and revoke a hierarchy at its cut-off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial

from renrakucho_ca.errors import Conflict, Invalid, NotFound
from renrakucho_ca.model import (
    LIVE,
    Act,
    Certificate,
    Hierarchy,
    RetrievalNumber,
    Revocation,
    RevocationReason,
    Status,
)
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.outcome import Outcome, each
from renrakucho_ca.service.revocation.revoke import revoke_certificates
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import certificates, expiry, hierarchies, listing
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.store.tables.expiry import Due


def revoke(
    home: Home, numbers: Sequence[RetrievalNumber], reason: RevocationReason
) -> list[Outcome]:
    """Revoke certificates permanently. A failure does not stop the others.

    The errors in the outcomes: NotFound; Conflict if it is revoked already.
    """
    if reason is RevocationReason.CERTIFICATE_HOLD:
        raise Invalid(
            "certificateHold cannot be the reason of a permanent revocation",
            hint="run `rca hold NUMBER` to suspend a certificate",
        )
    return _set(home, numbers, reason, lambda _certificate, _now: None)


def would_revoke(home: Home, numbers: Sequence[RetrievalNumber]) -> list[Outcome]:
    """Return the outcomes of `revoke`, without revoking."""
    now = home.clock()

    def one(number: RetrievalNumber) -> Certificate:
        certificate = certificates.get(home.db, number)
        if certificate.status(now) is Status.REVOKED:
            raise Conflict("{number} is already revoked", number=number)
        return certificate

    return each(numbers, one)


def hold(home: Home, number: RetrievalNumber) -> Certificate:
    """Suspend a certificate until its release. Raises NotFound, or Conflict unless it is valid."""

    def refuse(certificate: Certificate, now: datetime) -> None:
        status = certificate.status(now)
        if status is Status.HELD:
            raise Conflict("{number} is already held", number=number)
        if status is Status.EXPIRED:
            raise Conflict("{number} has expired", number=number)

    (outcome,) = _set(home, [number], RevocationReason.CERTIFICATE_HOLD, refuse)
    return outcome.unwrap()


def release(home: Home, number: RetrievalNumber) -> Certificate:
    """Make a held certificate valid again. Raises NotFound, or Conflict if it is not held."""
    now = home.clock()
    with home.db.write():
        certificate = certificates.get(home.db, number)
        if not certificates.release(home.db, number):
            status = certificate.status(now)
            raise Conflict("{number} is not held: it is {status}", number=number, status=status)
        which = {"hierarchy": certificate.hierarchy, "serial": f"{certificate.serial:x}"}
        recorder.record(home, now, AuditEntry(Act.RELEASED, number, which))
        return certificates.get(home.db, number)


def live_of_user(home: Home, user: str) -> list[RetrievalNumber]:
    """Return the numbers of the user's live certificates; raise NotFound if there are none."""
    query = listing.ListQuery(now=home.clock(), statuses=LIVE, user=user)
    found = [certificate.number for certificate in listing.stream(home.db, query)]
    if not found:
        raise NotFound("the user {user} has no live certificate", user=repr(user))
    return found


def by_serial(home: Home, serial: int) -> RetrievalNumber:
    """Return the number of the certificate with that serial number.

    Raises:
        NotFound: none has it. Conflict: several imported CAs used it.
    """
    found = certificates.by_serial(home.db, serial)
    if not found:
        raise NotFound("no certificate has the serial number {serial}", serial=f"{serial:x}")
    if len(found) > 1:
        raise Conflict(
            "several certificates have the serial number {serial}",
            hint="name one by its retrieval number: {numbers}",
            serial=f"{serial:x}",
            numbers=", ".join(certificate.number for certificate in found),
        )
    return found[0].number


def revoke_all(home: Home, hierarchy: Hierarchy, now: datetime) -> int:
    """Close a hierarchy past its cut-off and revoke its live certificates; return their number.

    It stays closed even if the clock is set back.
    """
    with home.db.write():
        if hierarchies.retire(home.db, hierarchy.name, now, None):
            recorder.record(
                home, now, AuditEntry(Act.HIERARCHY_RETIRED, hierarchy.name, {"cutoff": None})
            )
    due = partial(expiry.cut_off, home.db, hierarchy.name, now)
    return revoke_due(home, now, due, Act.CUT_OFF, hierarchy.name)


def revoke_due(
    home: Home, now: datetime, due: Callable[[int], list[Due]], act: Act, object: str
) -> int:
    """Revoke page by page until no certificate is due; return the number.

    The reason is superseded if a successor is in use, else cessationOfOperation.

    Args:
        due: returns the page after the certificate with that id.
        act, object: of the audit row for each page, with all its numbers.
    """
    count = last = 0
    while True:
        with home.db.write():
            page = due(last)
            if not page:
                return count
            facts = {"count": len(page), "numbers": _revoke_page(home.db, now, page)}
            recorder.record(home, now, AuditEntry(act, object, facts))
        count, last = count + len(page), page[-1].id


def _revoke_page(db: Database, now: datetime, page: Sequence[Due]) -> dict[str, list[int]]:
    """Return the numbers by reason, from which a restored store replays the revocations."""
    revoked: dict[str, list[int]] = {}
    for reason in (RevocationReason.SUPERSEDED, RevocationReason.CESSATION_OF_OPERATION):
        is_superseded = reason is RevocationReason.SUPERSEDED
        numbers = [each.number for each in page if each.superseded == is_superseded]
        if acts := revoke_certificates(db, numbers, Revocation(now, reason)):
            revoked[reason.value] = [int(each.object) for each in acts]
    return revoked


def _set(
    home: Home,
    numbers: Iterable[RetrievalNumber],
    reason: RevocationReason,
    refuse: Callable[[Certificate, datetime], None],
) -> list[Outcome]:
    now = home.clock()

    def one(number: RetrievalNumber) -> Certificate:
        certificate = certificates.get(home.db, number)
        refuse(certificate, now)
        acts = revoke_certificates(home.db, [number], Revocation(now, reason))
        if not acts:
            raise Conflict("{number} is already revoked", number=number)
        recorder.record(home, now, *acts)
        return certificates.get(home.db, number)

    with home.db.write():
        return each(numbers, one)
