"""The one download by web: proof (number and password, or a link), claim, fetch.

1. A link leads to a certificate: a mail's for 48 hours, or the short one that `proof.verify` gives
   for number and password. Looking at what it leads to (`offer`) changes nothing: mail scanners and
   previews open every link.
2. `claim` takes the certificate's one download. It answers with a token for the file.
3. `fetch` gives the file for that token, the same bytes as often as wanted for ten minutes, since
   the download managers of phones ask twice. Then `destroy_expired` destroys it.

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
"""Of the link in a mail."""

FETCH_LIFETIME = timedelta(minutes=10)
"""How long the file can be fetched again after the claim."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What somebody who has shown a proof is told.

    Attributes:
        root: the common name under which a device lists the root.
        old: the certificate that this one follows and that has to be deleted from the device;
            None where there is none, or where installing the new one replaces it.
    """

    certificate: Certificate
    container: Container
    root: str
    old: Certificate | None


@dataclass(frozen=True, slots=True)
class Claim:
    """The button was pressed.

    Attributes:
        link: the token of the link.
        visit: what `new_visit` gave to the page with the button. The same visit gets the same
            answer again: people press a button twice.
        address: where it was pressed.
    """

    link: str
    visit: str
    address: rate_limit.Address


def make_link(home: Home, number: RetrievalNumber, lifetime: timedelta = LINK_LIFETIME) -> str:
    """Makes a link that stands for number and password; its token goes to the address `d/…`.

    One statement, so that it can be part of the transaction that a caller has open.

    Raises:
        NotFound: no certificate has that number.
    """
    token = _text(home.random(32))
    downloads.put_link(home.db, token, number, home.clock() + lifetime)
    return token


def link_path(token: str) -> str:
    """Where the portal answers a link, below `public_url`."""
    return f"d/{token}"


def offer(home: Home, token: str) -> Offer:
    """What a link leads to. Changes nothing.

    Raises:
        NotFound: nothing: an unknown link, one past its time, a certificate that was downloaded,
            revoked or is held. All look the same.
    """
    number = _linked(home, token)
    bundle = certificates.bundle(home.db, number)
    if bundle is None:
        raise _spent()
    return describe(home, certificates.get(home.db, number), bundle.container)


def claim(home: Home, claims: Sequence[Claim]) -> list[str | RcaError]:
    """Takes the one download of what each link leads to, for as many as press at a moment: one
    durable transaction records them all.

    Returns:
        For each the token for `fetch`. It follows from link and visit, so that a second press finds
        it, and nobody can compute it who has the link alone. Or NotFound, as for `offer`; also
        where another was faster.

    Raises:
        Unavailable: the claims cannot be recorded; then nothing was taken.
    """
    now = home.clock()
    prepared = [_prepare(home, each, now) for each in claims]
    with home.db.write():
        return [_take(home, each, now) if isinstance(each, _Ready) else each for each in prepared]


@dataclass(frozen=True, slots=True)
class _Ready:
    """A claim that only has to be recorded."""

    fetch_token: str
    claimed_bundle: ClaimedBundle
    address: rate_limit.Address


def _prepare(home: Home, claim: Claim, now: datetime) -> _Ready | str | RcaError:
    """All that takes time. Gives the token where the same visit has claimed before."""
    fetch_token = _text(hashlib.sha256(f"{claim.link} {claim.visit}".encode()).digest())
    if downloads.claimed_bundle(home.db, fetch_token, now) is not None:
        return fetch_token
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
    return _Ready(fetch_token, ClaimedBundle(number, bundle.container, sealed), claim.address)


def _take(home: Home, ready: _Ready, now: datetime) -> str | RcaError:
    if certificates.claim(home.db, ready.claimed_bundle.number, now):
        downloads.put_claimed_bundle(
            home.db, ready.fetch_token, ready.claimed_bundle, now + FETCH_LIFETIME
        )
        act = AuditEntry(Act.DOWNLOADED, ready.claimed_bundle.number, origin=str(ready.address))
        recorder.record(home, now, act)
    elif downloads.claimed_bundle(home.db, ready.fetch_token, now) is None:
        return _spent()
    # Else the button was pressed twice within a moment.
    return ready.fetch_token


def fetch(home: Home, fetch_token: str) -> tuple[Offer, Download]:
    """The claimed file, and what it is.

    Raises:
        NotFound: an unknown token, or its ten minutes have passed.
    """
    claimed_bundle = downloads.claimed_bundle(home.db, fetch_token, home.clock())
    if claimed_bundle is None:
        raise _spent()
    content = home.keystore.bundle_sealer().open(
        claimed_bundle.sealed, _context(claimed_bundle.number)
    )
    certificate = certificates.get(home.db, claimed_bundle.number)
    name = f"{claimed_bundle.number}{claimed_bundle.container.suffix}"
    return describe(home, certificate, claimed_bundle.container), Download(name, content)


def destroy_expired(home: Home) -> int:
    """Destroys the claimed files whose ten minutes have passed. Returns how many.

    The portal does this every few seconds, `rca expire` after one that died.
    """
    now = home.clock()
    with home.db.write():
        rate_limit.forget_old(home.db, now)
        return downloads.destroy_expired(home.db, now)


def unlock(home: Home, number: RetrievalNumber) -> None:
    """Lets a number be tried again at once.

    Raises:
        NotFound: no certificate has that number.
        Conflict: nobody was wrong about it.
    """
    with home.db.write():
        certificates.get(home.db, number)
        if not rate_limit.unlock(home.db, number):
            raise Conflict("{number} is not locked", number=number)
        recorder.record(home, home.clock(), AuditEntry(Act.UNLOCKED, number))


def new_visit(random: Randomness) -> str:
    """Names one showing of the page with the button."""
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
    """What its user is to know of a certificate: on the page, in a mail, on a sheet."""
    root = hierarchies.get(home.db, certificate.hierarchy).root
    return Offer(
        certificate=certificate,
        container=container,
        root=_root_name(root.certificate),
        old=_old(home, certificate, container),
    )


@lru_cache(maxsize=16)
def _root_name(certificate: bytes) -> str:
    # Parsed once, not for each of 5,000 sheets.
    return x509_certificates.common_name(x509_certificates.load(certificate))


def _old(home: Home, certificate: Certificate, container: Container) -> Certificate | None:
    if certificate.supersedes is None:
        return None
    old = certificates.get(home.db, certificate.supersedes)
    if container is Container.MOBILECONFIG and old.hierarchy == certificate.hierarchy:
        # The new profile has the identifier of the old one, and takes its place.
        return None
    return old


def check(home: Home) -> None:
    """Whether downloads can be had: the database answers, and the bundles' key is there.

    Raises:
        Unavailable: they cannot.
    """
    downloads.linked(home.db, "", home.clock())
    home.keystore.bundle_sealer()


def root_names(home: Home) -> str:
    """The common names of the roots whose hierarchies issue, for instructions to everybody."""
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
