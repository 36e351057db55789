"""Sign all OCSP responses of a CA into a new response file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import Authority, Hierarchy
from renrakucho_ca.pki import x509_certificates
from renrakucho_ca.pki.der import integer
from renrakucho_ca.pki.keys import public_key_of, signature_hash, verifies
from renrakucho_ca.pki.ocsp import Form, status
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.ocsp import delegated_responder
from renrakucho_ca.service.ocsp.signer import Signer
from renrakucho_ca.service.process_pool import ProcessPool, cores
from renrakucho_ca.store.files import ocsp_responses
from renrakucho_ca.store.files.ocsp_responses import Head, Responses
from renrakucho_ca.store.tables import ocsp_state
from renrakucho_ca.store.tables.ocsp_state import DelegatedResponder, RecordedStatus

BATCH = 1000
"""Certificates in a worker's batch: 0.05 s."""

FEW = 2
"""Batches. Below this the start of worker processes takes longer than the signatures."""

SAMPLES = 16
"""Signatures verified before a file replaces its predecessor."""


def path_of(home: Home, authority: Authority) -> Path:
    """Return the path of a CA's response file."""
    return home.store / "ocsp" / f"{authority.name}.ocsp"


def sign_all(
    home: Home,
    hierarchy: Hierarchy,
    authority: Authority,
    responder: DelegatedResponder,
    now: datetime,
) -> int:
    """Sign for every unexpired certificate, and replace the file in one step.

    Later changes have a higher number than the file's last change.
    """
    change = ocsp_state.last_change(home.db)
    own = (
        f"{serial:x}" for serial in delegated_responder.own_serials(hierarchy, authority, responder)
    )
    # An imported one may also be among the certificates.
    extra: list[RecordedStatus] = [
        (serial, None, None)
        for serial in own
        if ocsp_state.known(home.db, authority.id, serial) is None
    ]
    width = max(
        ocsp_state.longest_serial(home.db, authority.id), *(len(each[0]) for each in extra), 1
    )
    signer = delegated_responder.signer(home, hierarchy, authority, responder, now, width)
    head = Head(
        authority=authority.fingerprint_sha256,
        responder=responder.certificate,
        this_update=signer.period.this_update,
        next_update=signer.period.next_update,
        change=change,
        width=width,
    )
    batches = _batches(home, authority, now, width, extra)
    count = 0

    def check(responses: Responses) -> None:
        nonlocal count
        count = len(responses)
        _verify(responses, signer)

    ocsp_responses.write(path_of(home, authority), head, _records(signer, batches), check)
    with home.db.write():
        ocsp_state.forget_changes(home.db, authority.id, change)
    return count


def _batches(
    home: Home, authority: Authority, now: datetime, width: int, extra: list[RecordedStatus]
) -> Iterator[list[RecordedStatus]]:
    """Yield the statuses of a CA by serial number, in short queries that delay no writer.

    Expired certificates have no response (RFC 6960 §4.4.4: there is no archive cut-off). One issued
    meanwhile may have a longer serial number; it is signed as a change.

    Args:
        extra: serials that the CA signed outside the store's certificates.
    """
    last = ""
    while found := ocsp_state.recorded_statuses(home.db, authority.id, now, width, last, BATCH):
        last = found[-1][0]
        if due := [each for each in extra if each[0] <= last]:
            extra = [each for each in extra if each[0] > last]
            found = sorted(found + due)
        yield found
    if extra:
        yield sorted(extra)


def _records(signer: Signer, batches: Iterator[list[RecordedStatus]]) -> Iterator[bytes]:
    """Yield all records in order; many are made on all cores."""
    first = list(islice(batches, FEW))
    if len(first) < FEW:
        yield from map(signer, first)
        return
    done: dict[int, bytes] = {}
    due = 0
    with ProcessPool(cores(), Signer.__module__) as workers:
        for place, records in workers.spread(signer, enumerate(chain(first, batches))):
            done[place] = records
            while due in done:
                yield done.pop(due)
                due += 1


def _verify(responses: Responses, signer: Signer) -> None:
    """Verify some records of a new file with independent code."""
    responder = x509_certificates.load(responses.head.responder)
    key = public_key_of(responder)
    forms = {
        name: Form(name, signer.issuer[name], responder, signer.period) for name in signer.issuer
    }
    step = max(1, len(responses) // SAMPLES)
    for place in range(0, len(responses), step):
        record = responses[place]
        if responses.find(record.serial) != record:
            raise Invalid("the OCSP responses are not sorted")
        number, said = integer(int(record.serial, 16)), status(record.revoked_at, record.reason)
        for name, signature in (("sha1", record.sha1), ("sha256", record.sha256)):
            tbs = forms[name].to_be_signed(number, said)
            if not verifies(key, signature, signature_hash(key), tbs):
                raise Invalid("the signature of an OCSP response does not verify")
