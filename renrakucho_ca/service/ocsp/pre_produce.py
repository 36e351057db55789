"""Pre-produce OCSP responses, so that the web process answers without a key (RFC 5019).

A CA's response file is signed again at half of its validity. Triggers note changes in between,
which are signed one by one into the database. Until then the web process answers tryLater instead
of an outdated status.
"""

from __future__ import annotations

from datetime import datetime

from renrakucho_ca.clock import is_renewal_due
from renrakucho_ca.errors import Unavailable
from renrakucho_ca.model import Authority, Hierarchy
from renrakucho_ca.pki import keys
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.ocsp import delegated_responder, response_file
from renrakucho_ca.store.files import ocsp_responses
from renrakucho_ca.store.tables import ocsp_state

BATCH = 1000
"""Changes signed in one transaction."""

MOST_CHANGES = 10_000
"""Above this and a tenth of all, every response is signed again: a file costs less."""


def is_due(home: Home, hierarchy: Hierarchy, authority: Authority, now: datetime) -> bool:
    """Return whether a CA has anything to sign, including its responder's certificate.

    A CA whose key is off the machine answers until its last responder certificate ends.
    """
    wanted = home.settings.ocsp
    if now >= authority.not_after or not (wanted.sign_ahead or wanted.nonce):
        return False
    has_key = authority.key is not None
    newest = ocsp_state.responder(home.db, authority.id)
    if has_key and delegated_responder.is_due(home, authority, now):
        return True
    if newest is None or now >= newest.not_after:
        return False
    if (newest.portal_key is not None) != wanted.nonce:
        return True
    return wanted.sign_ahead and (
        is_file_due(home, hierarchy, authority, now)
        or bool(ocsp_state.unsigned(home.db, authority.id, 1))
    )


def is_file_due(home: Home, hierarchy: Hierarchy, authority: Authority, now: datetime) -> bool:
    """Return whether all responses of a CA must be signed again."""
    try:
        with ocsp_responses.opened(response_file.path_of(home, authority)) as responses:
            head, count = responses.head, len(responses)
    except (FileNotFoundError, Unavailable):
        return True
    if head.authority != authority.fingerprint_sha256:
        return True
    if hierarchy.cutoff is not None and now < hierarchy.cutoff < head.next_update:
        return True  # it was set since
    if is_renewal_due(now, head.this_update, head.next_update):
        return True
    return ocsp_state.count_changes(home.db, authority.id) > max(MOST_CHANGES, count / 10)


def renew(
    home: Home,
    hierarchy: Hierarchy,
    authority: Authority,
    key: keys.SigningKey | None,
    now: datetime,
) -> int:
    """Sign the due responses of one CA; return the number of certificates. The caller holds the
    lock.

    Args:
        key: the CA's; None if it is off the machine.
    """
    if not (home.settings.ocsp.sign_ahead or home.settings.ocsp.nonce):
        return 0
    if key is not None and delegated_responder.is_due(home, authority, now):
        delegated_responder.renew(home, authority, key, now)
    responder = delegated_responder.current(home, authority, now)
    if responder is None:
        return 0
    delegated_responder.sync_portal_key(home, responder)
    if not home.settings.ocsp.sign_ahead:
        return 0
    count = 0
    if is_file_due(home, hierarchy, authority, now):
        count = response_file.sign_all(home, hierarchy, authority, responder, now)
    return count + _sign_changes(home, hierarchy, authority, now)


def keep_up(home: Home, hierarchy: Hierarchy, authority: Authority, now: datetime) -> None:
    """Sign responses for new issuances if they are few; otherwise `renew` signs them.

    After a migration all responses are signed again anyway, on all cores.
    """
    if not home.settings.ocsp.sign_ahead:
        return
    if ocsp_state.count_changes(home.db, authority.id) <= MOST_CHANGES:
        _sign_changes(home, hierarchy, authority, now)


def _sign_changes(home: Home, hierarchy: Hierarchy, authority: Authority, now: datetime) -> int:
    """Sign the changes since the response file; return the number of certificates.

    Needs no lock: two processes that sign the same change record the same.
    """
    responder = delegated_responder.current(home, authority, now)
    if responder is None:
        return 0
    signer, count = None, 0
    while changes := ocsp_state.unsigned(home.db, authority.id, BATCH):
        if signer is None:
            signer = delegated_responder.signer(home, hierarchy, authority, responder, now)
        signed = [(change, recorded, *signer.sign(recorded)) for change, recorded in changes]
        period = signer.period
        with home.db.write():
            ocsp_state.record_signed(
                home.db, responder.id, period.this_update, period.next_update, signed
            )
        count += len(signed)
    return count
