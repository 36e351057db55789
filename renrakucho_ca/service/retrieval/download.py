"""The one download by web: link, claim, fetch.

1. A link identifies a certificate: a mail's for 48 hours, or the short one that
   `authentication.verify` returns. `offer` only reads it: mail scanners and previews open links.
2. `claim` takes the certificate's one download and returns a token for the file.
3. `fetch` returns the file for that token, repeatedly for ten minutes, since the download managers
   of phones ask twice. Then `destroy_expired` destroys it.

Nothing here needs a CA key or the passphrase.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from renrakucho_ca.clock import Randomness
from renrakucho_ca.errors import Conflict, NotFound, RcaError, Refused, Unavailable
from renrakucho_ca.model import Act, Certificate, Container, RetrievalNumber
from renrakucho_ca.pki import x509_certificates
from renrakucho_ca.service import store_state
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.retrieval import rate_limit, retrieval
from renrakucho_ca.service.retrieval.retrieval import Download
from renrakucho_ca.service.store_state import Action
from renrakucho_ca.store.tables import certificates, downloads, hierarchies
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.store.tables.downloads import ClaimedBundle

LINK_LIFETIME = timedelta(hours=48)
"""Lifetime of the link in a mail."""

FETCH_LIFETIME = timedelta(minutes=10)
"""Time after the claim in which the file can be fetched again."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The page for an authenticated user.

    Attributes:
        root: common name under which a device lists the root.
        old: the predecessor that the user must delete from the device; None if there is none or the
            new one replaces it.
    """

    certificate: Certificate
    container: Container
    root: str
    old: Certificate | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A press of the download button.

    Attributes:
        link: the link's token.
        visit: the page view's name, from `new_visit`. The same visit gets the same answer again:
            people press a button twice.
        address: the client's address.
    """

    link: str
    visit: str
    address: rate_limit.Address


def make_link(home: Home, number: RetrievalNumber, lifetime: timedelta = LINK_LIFETIME) -> str:
    """Create a link that replaces number and password; return its token, for `link_path`.

    Raises NotFound if no certificate has that number.
    """
    token = _text(home.random(32))
    downloads.put_link(home.db, token, number, home.clock() + lifetime)
    return token


def link_path(token: str) -> str:
    """Return a link's path below `public_url`."""
    return f"d/{token}"


def offer(home: Home, token: str) -> Offer:
    """Return the offer of a link. Changes nothing.

    Raises the same NotFound for an unknown or expired link, and for a downloaded, revoked or held
    certificate.
    """
    number = _linked(home, token)
    bundle = certificates.bundle(home.db, number)
    if bundle is None:
        raise _spent()
    return describe(home, certificates.get(home.db, number), bundle.container)


def claim(home: Home, claims: Sequence[Claim]) -> list[str | RcaError]:
    """Take the one download of each link; one transaction records the whole group.

    Returns:
        For each claim the token for `fetch`, or NotFound, as from `offer` or because another claim
            was first. The token is derived from link and visit: a second press finds it, and the
            link alone does not reveal it.

    Raises:
        Unavailable: the claims cannot be recorded; then none was taken.
    """
    now = home.clock()
    prepared = [_prepare(home, each, now) for each in claims]
    with home.db.write():
        return [_take(home, *each, now) for each in zip(claims, prepared, strict=True)]


def _fetch_token(claim: Claim) -> str:
    return _text(hashlib.sha256(f"{claim.link} {claim.visit}".encode()).digest())


def _prepare(home: Home, claim: Claim, now: datetime) -> ClaimedBundle | RcaError | None:
    """Do the slow part of a claim; return None if the same visit has claimed before."""
    if downloads.claimed_bundle(home.db, _fetch_token(claim), now) is not None:
        return None
    try:
        number = _linked(home, claim.link)
        certificate = certificates.get(home.db, number)
        bundle = certificates.bundle(home.db, number)
        if bundle is None:
            return _spent()
        content = retrieval.open_bundle(home, certificate, bundle).content
    except RcaError as error:
        return error
    sealed = home.keystore.bundle_sealer().seal(content, _context(number), home.random)
    return ClaimedBundle(number, bundle.container, sealed)


def _take(
    home: Home, claim: Claim, prepared: ClaimedBundle | RcaError | None, now: datetime
) -> str | RcaError:
    if isinstance(prepared, RcaError):
        return prepared
    token = _fetch_token(claim)
    if prepared is not None and certificates.claim(home.db, prepared.number, now):
        downloads.put_claimed_bundle(home.db, token, prepared, now + FETCH_LIFETIME)
        act = AuditEntry(Act.DOWNLOADED, prepared.number, origin=str(claim.address))
        recorder.record(home, now, act)
    elif prepared is not None and downloads.claimed_bundle(home.db, token, now) is None:
        return _spent()
    # Otherwise the same visit claimed it, maybe a moment ago.
    return token


def fetch(home: Home, fetch_token: str) -> tuple[Offer, Download]:
    """Return the claimed file and its offer.

    Raises NotFound if the token is unknown or older than ten minutes.
    """
    claimed = downloads.claimed_bundle(home.db, fetch_token, home.clock())
    if claimed is None:
        raise _spent()
    content = home.keystore.bundle_sealer().open(claimed.sealed, _context(claimed.number))
    certificate = certificates.get(home.db, claimed.number)
    name = f"{claimed.number}{claimed.container.suffix}"
    return describe(home, certificate, claimed.container), Download(name, content)


def destroy_expired(home: Home) -> int:
    """Destroy the claimed files whose ten minutes have passed; return their number.

    `rca serve` calls this every few seconds, `rca expire` daily.
    """
    now = home.clock()
    with home.db.write():
        rate_limit.forget_old(home.db, now)
        return downloads.destroy_expired(home.db, now)


def unlock(home: Home, number: RetrievalNumber) -> None:
    """Unlock a number. Raises NotFound, or Conflict if it has no wrong guesses."""
    with home.db.write():
        certificates.get(home.db, number)
        if not rate_limit.unlock(home.db, number):
            raise Conflict("{number} is not locked", number=number)
        recorder.record(home, home.clock(), AuditEntry(Act.UNLOCKED, number))


def new_visit(random: Randomness) -> str:
    """Return a random name for one view of the page with the button."""
    return _text(random(16))


def _linked(home: Home, token: str) -> RetrievalNumber:
    try:
        store_state.require(home, Action.DELIVER)
    except Refused as error:  # to a visitor, the page is not available for now
        raise Unavailable("{problem}", hint=error.hint, problem=error) from error
    number = downloads.linked(home.db, token, home.clock())
    if number is None:
        raise _spent()
    return number


def describe(home: Home, certificate: Certificate, container: Container) -> Offer:
    """Build the offer of a certificate, for the page, a mail or a sheet."""
    root = _root_name(hierarchies.get(home.db, certificate.hierarchy).root.certificate)
    return Offer(certificate, container, root, _old(home, certificate, container))


@lru_cache(maxsize=16)
def _root_name(certificate: bytes) -> str:
    # Parse once, not for each of 5,000 sheets.
    return x509_certificates.common_name(x509_certificates.load(certificate))


def _old(home: Home, certificate: Certificate, container: Container) -> Certificate | None:
    if certificate.supersedes is None:
        return None
    old = certificates.get(home.db, certificate.supersedes)
    if container is Container.MOBILECONFIG and old.hierarchy == certificate.hierarchy:
        # Both profiles have the same identifier: installing the new one replaces the old.
        return None
    return old


def check(home: Home) -> None:
    """Raise Unavailable unless the database answers and the bundles' key is readable."""
    downloads.linked(home.db, "", home.clock())
    home.keystore.bundle_sealer()


def root_names(home: Home) -> str:
    """Return the common names of the roots that issue now, for the public instructions."""
    now = home.clock()
    return " / ".join(
        _root_name(hierarchy.root.certificate)
        for hierarchy in hierarchies.all_of(home.db)
        if hierarchy.is_open(now)
    )


def _spent() -> NotFound:
    return NotFound("this link is unknown, used or expired")


def _context(number: RetrievalNumber) -> str:
    return f"handout {number}"


def _text(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()
