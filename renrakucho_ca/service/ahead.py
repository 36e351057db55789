"""Signing OCSP responses ahead, so that the portal answers and holds no key (RFC 5019).

All responses of a CA lie in one file, signed anew at half their life. What changes meanwhile is
noted by the database itself and signed one by one, into the database; should nobody have come to
that yet, the portal sees that the file is behind, and says nothing rather than something outdated.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, islice
from pathlib import Path

from renrakucho_ca.errors import Invalid, Unavailable
from renrakucho_ca.model import Authority, Hierarchy, Tier
from renrakucho_ca.pki import certificates, keys
from renrakucho_ca.pki.keys import public_key_of, signature_hash, verifies
from renrakucho_ca.pki.ocsp import Form, Period, status
from renrakucho_ca.pki.ocsp_request import issuer_hashes
from renrakucho_ca.service import responders
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.ocsp_signing import Signer
from renrakucho_ca.service.workers import Workers, cores
from renrakucho_ca.store import ocsp, ocspfile
from renrakucho_ca.store.ocsp import Responder, Standing, revocation_of
from renrakucho_ca.store.ocspfile import Head, Responses

PARCEL = 1000
"""Certificates that a worker signs for at a time: 0.1 s. Also in one transaction."""

FEW = 2000
"""Below that the start of worker processes takes longer than the signatures."""

MOST_CHANGES = 10_000
"""More than that, and a tenth of all, and everything is signed anew: a file costs less."""

SAMPLES = 16
"""Signatures that are verified before a file takes the place of the one before."""


def path_of(home: Home, authority: Authority) -> Path:
    """Where the responses of a CA lie."""
    return home.store / "ocsp" / f"{authority.name}.ocsp"


def is_due(home: Home, hierarchy: Hierarchy, authority: Authority, now: datetime) -> bool:
    """Whether there is anything to sign for a CA, its responder's certificate included.

    A CA whose key is elsewhere answers as long as a responder's certificate of it lasts.
    """
    wanted = home.settings.ocsp
    if now >= authority.not_after or not (wanted.sign_ahead or wanted.nonce):
        return False
    has_key = authority.key is not None
    newest = ocsp.responder(home.db, authority.id)
    if has_key and responders.is_due(home, authority, now):
        return True
    if newest is None or now >= newest.not_after:
        return False
    if (newest.portal_key is not None) != wanted.nonce:
        return True
    return wanted.sign_ahead and (
        is_file_due(home, hierarchy, authority, now)
        or bool(ocsp.unsigned(home.db, authority.id, 1))
    )


def is_file_due(home: Home, hierarchy: Hierarchy, authority: Authority, now: datetime) -> bool:
    """Whether all responses of a CA are to be signed anew."""
    try:
        with ocspfile.opened(path_of(home, authority)) as responses:
            head, count = responses.head, len(responses)
    except (FileNotFoundError, Unavailable):
        return True
    if head.authority != authority.fingerprint_sha256 or now < head.this_update:
        return True
    if hierarchy.cutoff is not None and now < hierarchy.cutoff < head.next_update:
        return True  # it was set since
    if now >= head.this_update + (head.next_update - head.this_update) / 2:
        return True
    return ocsp.count_changes(home.db, authority.id) > max(MOST_CHANGES, count / 10)


def renew(
    home: Home,
    hierarchy: Hierarchy,
    authority: Authority,
    key: keys.PrivateKey | None,
    now: datetime,
) -> int:
    """Signs what is due for one CA. The caller holds a lock against doing so twice.

    Args:
        key: the CA's; None where it is elsewhere.

    Returns:
        For how many certificates responses were signed.
    """
    if not (home.settings.ocsp.sign_ahead or home.settings.ocsp.nonce):
        return 0
    if key is not None and responders.is_due(home, authority, now):
        responders.renew(home, authority, key, now)
    newest = ocsp.responder(home.db, authority.id)
    if newest is None or not newest.not_before <= now < newest.not_after:
        return 0
    responders.tell_portal(home, authority)
    if not home.settings.ocsp.sign_ahead:
        return 0
    count = 0
    if is_file_due(home, hierarchy, authority, now):
        count = _sign_all(home, hierarchy, authority, newest, now)
    return count + sign_changes(home, hierarchy, authority, now)


def sign_changes(home: Home, hierarchy: Hierarchy, authority: Authority, now: datetime) -> int:
    """Signs for what changed since everything was signed. Needs no lock: who signs the same change
    at the same time records the same.

    Returns:
        For how many certificates responses were signed.
    """
    responder = ocsp.responder(home.db, authority.id)
    if responder is None or not responder.not_before <= now < responder.not_after:
        return 0
    if not home.settings.ocsp.sign_ahead:
        return 0
    signer, count = None, 0
    while changes := ocsp.unsigned(home.db, authority.id, PARCEL):
        if signer is None:
            signer = _signer(home, hierarchy, authority, responder, now)
        signed = [(change, standing, *signer.sign(standing)) for change, standing in changes]
        period = signer.period
        with home.db.write():
            ocsp.record_signed(
                home.db, responder.id, period.this_update, period.next_update, signed
            )
        count += len(signed)
    return count


def _sign_all(
    home: Home, hierarchy: Hierarchy, authority: Authority, responder: Responder, now: datetime
) -> int:
    """Signs for every certificate that has not ended, and replaces the file in one step.

    What changes meanwhile has a higher number than the last change that the file knows of.
    """
    change = ocsp.last_change(home.db)
    own = (f"{serial:x}" for serial in own_serials(hierarchy, authority, responder))
    # One that was taken over may stand among the certificates as well.
    extra: list[Standing] = [
        (serial, None, None) for serial in own if ocsp.known(home.db, authority.id, serial) is None
    ]
    width = max(ocsp.longest_serial(home.db, authority.id), *(len(each[0]) for each in extra), 1)
    signer = _signer(home, hierarchy, authority, responder, now, width)
    head = Head(
        authority=authority.fingerprint_sha256,
        responder=responder.certificate,
        this_update=signer.period.this_update,
        next_update=signer.period.next_update,
        change=change,
        width=width,
    )
    everything = heapq.merge(_standings(home, authority, now, width), sorted(extra))
    count = 0

    def check(responses: Responses) -> None:
        nonlocal count
        count = len(responses)
        _verify(responses, signer)

    ocspfile.write(path_of(home, authority), head, _records(signer, everything), check)
    with home.db.write():
        ocsp.forget_changes(home.db, authority.id, change)
    return count


def _standings(home: Home, authority: Authority, now: datetime, width: int) -> Iterator[Standing]:
    """All certificates of a CA by serial number, in short queries: nobody waits for them.

    One that ended is not answered for any more (RFC 6960 §4.4.4: there is no archive cut-off). One
    that is issued meanwhile may have a longer serial number, and is a change to be signed.
    """
    last = ""
    while found := ocsp.standings(home.db, authority.id, now, last, PARCEL):
        yield from (standing for standing in found if len(standing[0]) <= width)
        last = found[-1][0]


def own_serials(hierarchy: Hierarchy, authority: Authority, responder: Responder) -> set[int]:
    """What a CA has signed besides the certificates in the store: its responder's and, for a root,
    that of the issuing CA."""
    issuing = hierarchy.issuing
    serials = {responder.serial}
    if authority.tier is Tier.ROOT and issuing != authority:
        serials.add(certificates.load(issuing.certificate).serial_number)
    return serials


def _records(signer: Signer, everything: Iterator[Standing]) -> Iterator[bytes]:
    """The records of all, in order, made on all cores where they are many."""
    first = list(islice(everything, FEW))
    if len(first) < FEW:
        yield signer(first)
        return
    everything = chain(first, everything)
    parcels = enumerate(iter(lambda: list(islice(everything, PARCEL)), []))
    done: dict[int, bytes] = {}
    due = 0
    with Workers(cores(), Signer.__module__) as workers:
        for place, records in workers.spread(signer, parcels):
            done[place] = records
            while due in done:
                yield done.pop(due)
                due += 1


def _signer(
    home: Home,
    hierarchy: Hierarchy,
    authority: Authority,
    responder: Responder,
    now: datetime,
    width: int = 0,
) -> Signer:
    return Signer(
        issuer=issuer_hashes(authority.certificate),
        responder=responder.certificate,
        key=keys.to_pkcs8(responders.key_of(home, responder)),
        period=period(
            timedelta(days=home.settings.ocsp.days), hierarchy, authority, responder, now
        ),
        width=width,
    )


def period(
    life: timedelta, hierarchy: Hierarchy, authority: Authority, responder: Responder, now: datetime
) -> Period:
    """How long a response is valid that is made now: not past its signer, its CA, or the cut-off.

    As with CRLs: should everything of ours stop, servers refuse everyone from the cut-off on.
    """
    end = min(now + life, responder.not_after, authority.not_after)
    if hierarchy.cutoff is not None and now < hierarchy.cutoff:
        end = min(end, hierarchy.cutoff)
    return Period(now, end)


def _verify(responses: Responses, signer: Signer) -> None:
    """Proves some records of a new file, by another way than they were made."""
    responder = certificates.load(responses.head.responder)
    key = public_key_of(responder)
    forms = {
        name: Form(name, signer.issuer[name], responder, signer.period) for name in signer.issuer
    }
    step = max(1, len(responses) // SAMPLES)
    for place in range(0, len(responses), step):
        record = responses[place]
        standing = record.serial, record.revoked_at, record.reason
        if responses.find(record.serial) != record:
            raise Invalid("the OCSP responses are not in order")
        said = status(revocation_of(standing))
        for name, signature in (("sha1", record.sha1), ("sha256", record.sha256)):
            tbs = forms[name].to_be_signed(int(record.serial, 16), said)
            if not verifies(key, signature, signature_hash(key), tbs):
                raise Invalid("the signature of an OCSP response does not verify")
