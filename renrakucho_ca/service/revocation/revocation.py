"""Taking certificates out of use: for good, for a while, or a whole hierarchy at its cut-off."""

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
from renrakucho_ca.pki import crl
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.outcome import Outcome, each
from renrakucho_ca.store.tables import certificates, expiry, hierarchies, listing
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.store.tables.expiry import Due


def revoke(
    home: Home, numbers: Sequence[RetrievalNumber], reason: RevocationReason
) -> list[Outcome]:
    """Revokes for good. One that cannot be revoked does not keep the others valid.

    The errors in the outcomes: NotFound; Conflict, where it is revoked already.
    """
    if reason is RevocationReason.CERTIFICATE_HOLD:
        raise Invalid(
            "certificateHold is not for good", hint="`rca hold` does that, `rca release` undoes it"
        )
    return _set(home, numbers, reason, lambda _certificate, _now: None)


def would_revoke(home: Home, numbers: Sequence[RetrievalNumber]) -> list[Outcome]:
    """What `revoke` would revoke, each as it is now; its errors as `revoke` would have them."""
    now = home.clock()

    def one(number: RetrievalNumber) -> Certificate:
        certificate = certificates.get(home.db, number)
        if certificate.status(now) is Status.REVOKED:
            raise Conflict("{number} is revoked already", number=number)
        return certificate

    return each(numbers, one)


def hold(home: Home, number: RetrievalNumber) -> Certificate:
    """Takes a certificate out of use until it is released.

    Raises:
        NotFound; Conflict: it is held already, revoked or expired.
    """

    def refuse(certificate: Certificate, now: datetime) -> None:
        status = certificate.status(now)
        if status is Status.HELD:
            raise Conflict("{number} is held already", number=number)
        if status is Status.EXPIRED:
            raise Conflict("{number} has expired", number=number)

    (outcome,) = _set(home, [number], RevocationReason.CERTIFICATE_HOLD, refuse)
    return outcome.unwrap()


def release(home: Home, number: RetrievalNumber) -> Certificate:
    """Makes a held certificate valid again.

    Raises:
        NotFound; Conflict: it is not held.
    """
    now = home.clock()
    with home.db.write():
        certificate = certificates.get(home.db, number)
        if not certificates.release(home.db, number):
            status = certificate.status(now)
            raise Conflict("{number} is not held but {status}", number=number, status=status)
        recorder.record(home, now, AuditEntry(Act.RELEASED, number, _which(certificate)))
        return certificates.get(home.db, number)


def live_of_user(home: Home, user: str) -> list[RetrievalNumber]:
    """The numbers of everything with which this user could log in.

    Raises:
        NotFound: there is nothing.
    """
    query = listing.ListQuery(now=home.clock(), statuses=LIVE, user=user)
    found = [certificate.number for certificate in listing.stream(home.db, query)]
    if not found:
        raise NotFound("the user {user} has no live certificate", user=repr(user))
    return found


def by_serial(home: Home, serial: int) -> RetrievalNumber:
    """The number of the certificate with that serial number.

    Raises:
        NotFound: none has it.
        Conflict: CAs that were taken over use it twice.
    """
    found = certificates.by_serial(home.db, serial)
    if not found:
        raise NotFound("no certificate has the serial number {serial}", serial=f"{serial:x}")
    if len(found) > 1:
        raise Conflict(
            "several certificates have the serial number {serial}",
            hint="name one by its number: {numbers}",
            serial=f"{serial:x}",
            numbers=", ".join(certificate.number for certificate in found),
        )
    return found[0].number


def revoke_all(home: Home, hierarchy: Hierarchy, now: datetime) -> int:
    """Closes a hierarchy whose cut-off has come, and revokes what is live of it.

    Closed for good: a clock that is set back later does not open it again.

    Returns:
        How many were revoked.
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
    """Revokes by portions until nothing is due. Returns how many that was.

    The reason is superseded where a successor is in use, else cessationOfOperation.

    Args:
        due: the next of those that are, after the one with that id.
        act, object: what the audit log calls it; each portion is one row, with all its numbers.
    """
    count = last = 0
    while True:
        with home.db.write():
            batch = due(last)
            revoked = [_revoked(certificate, now) for certificate in batch]
            expiry.revoke(home.db, revoked)
            if revoked:
                recorder.record(home, now, AuditEntry(act, object, _by_reason(revoked)))
        if not batch:
            return count
        count, last = count + len(batch), batch[-1].id


def _by_reason(revoked: Sequence[tuple[Due, Revocation, bytes]]) -> dict[str, object]:
    """How many, and for each reason the numbers: a restored store learns from them which."""
    numbers: dict[str, list[int]] = {}
    for which, why, _ in revoked:
        numbers.setdefault(why.reason.value, []).append(int(which.number))
    return {"count": len(revoked), "numbers": numbers}


def _revoked(certificate: Due, now: datetime) -> tuple[Due, Revocation, bytes]:
    reason = RevocationReason.CESSATION_OF_OPERATION
    if certificate.superseded:
        reason = RevocationReason.SUPERSEDED
    return certificate, Revocation(now, reason), crl.entry(certificate.serial, now, reason)


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
        entry = crl.entry(certificate.serial, now, reason)
        if not certificates.revoke(home.db, number, Revocation(now, reason), entry):
            raise Conflict("{number} is revoked already", number=number)
        recorder.record(home, now, recorded(certificate, reason))
        return certificates.get(home.db, number)

    with home.db.write():
        return each(numbers, one)


def recorded(certificate: Certificate, reason: RevocationReason) -> AuditEntry:
    """What the audit log says of one revocation or hold."""
    is_hold = reason is RevocationReason.CERTIFICATE_HOLD
    detail = {"reason": reason.value, **_which(certificate)}
    return AuditEntry(Act.HELD if is_hold else Act.REVOKED, certificate.number, detail)


def _which(certificate: Certificate) -> dict[str, object]:
    """A certificate as relying parties know it."""
    return {"hierarchy": certificate.hierarchy, "serial": f"{certificate.serial:x}"}
