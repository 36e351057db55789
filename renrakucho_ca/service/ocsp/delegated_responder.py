"""The OCSP responder of a CA: its own key, and a certificate for a month (RFC 6960 §4.2.2.2).

The key is in the store, sealed under the passphrase. If `rca.yaml` lets the portal answer nonces, a
copy is sealed under the portal's key for bundles. An attacker with that copy can forge statuses for
a month, but can issue nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from renrakucho_ca.certificate_profile import SubjectAttribute
from renrakucho_ca.clock import is_renewal_due
from renrakucho_ca.model import Act, Authority, Hierarchy, KeyAlgorithm, Revocation, Tier
from renrakucho_ca.pki import authority_certificate, contents, keys, x509_certificates
from renrakucho_ca.pki.contents import Validity, serial_number
from renrakucho_ca.pki.issue import issue_responder
from renrakucho_ca.pki.keys import PrivateKey, SigningKey
from renrakucho_ca.pki.names import LONGEST_ATTRIBUTE
from renrakucho_ca.pki.ocsp import Period, ResponderKey, load_key
from renrakucho_ca.pki.ocsp_request import issuer_hashes
from renrakucho_ca.service import pending
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.ocsp.signer import Signer
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import ocsp_state
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.store.tables.ocsp_state import DelegatedResponder, PendingResponder

LIFE = timedelta(days=30)
"""Short, since no client checks the responder's revocation; renewed at half of it."""

_TITLE = " OCSP responder"


def is_due(home: Home, authority: Authority, now: datetime) -> bool:
    """Return whether a CA needs its first or next responder certificate."""
    newest = ocsp_state.responder(home.db, authority.id)
    return newest is None or is_renewal_due(now, newest.not_before, newest.not_after)


def renew(home: Home, authority: Authority, key: SigningKey, now: datetime) -> None:
    """Issue the certificate of the next responder with the CA's key."""
    issuer = authority_certificate.of(authority)
    own = keys.generate(KeyAlgorithm.EC_P256)
    name = x509_certificates.common_name(issuer)[: LONGEST_ATTRIBUTE - len(_TITLE)].strip() + _TITLE
    request = contents.ResponderContents(
        subject=((SubjectAttribute.COMMON_NAME, name),),
        serial=serial_number(home.random),
        validity=Validity(now, min(now + LIFE, authority.not_after)),
        public_key=own.public_key(),
    )
    issuance = PendingResponder(
        authority.id,
        authority.name,
        request.serial,
        request.validity.not_before,
        request.validity.not_after,
    )

    def signed() -> tuple[bytes, bytes]:
        certificate = issue_responder(request, issuer, key)
        sealer = home.keystore.password_sealer()
        sealed = sealer.seal(keys.to_pkcs8(own), _context(request.serial), home.random)
        return x509_certificates.to_der(certificate), sealed

    pending.issue(home, ResponderIssuances, issuance, now, signed)


class ResponderIssuances:
    """The table of responders (`pending.Issuances`).

    An orphan needs no revocation: its key existed only in the memory of the run that died.
    """

    @staticmethod
    def put(db: Database, each: PendingResponder, /) -> bool:
        ocsp_state.put_pending(db, each)
        return True

    @staticmethod
    def orphaned(_db: Database, /) -> list[PendingResponder]:
        return []

    @staticmethod
    def record(
        db: Database, signed: Sequence[tuple[PendingResponder, tuple[bytes, bytes]]], /
    ) -> list[AuditEntry]:
        for each, (certificate, sealed_key) in signed:
            ocsp_state.record_responder(db, each, certificate, sealed_key)
        return [
            AuditEntry(Act.RESPONDER_SIGNED, each.name, {"serial": f"{each.serial:x}"})
            for each, _ in signed
        ]

    @staticmethod
    def abandon(_db: Database, _each: PendingResponder, _why: Revocation, /) -> list[AuditEntry]:
        return []


def current(home: Home, authority: Authority, now: datetime) -> DelegatedResponder | None:
    """Return the CA's present responder, if any."""
    newest = ocsp_state.responder(home.db, authority.id)
    if newest is None or not newest.not_before <= now < newest.not_after:
        return None
    return newest


def _key_of(home: Home, responder: DelegatedResponder) -> PrivateKey:
    """Unseal a responder's key with the passphrase."""
    sealer = home.keystore.password_sealer()
    return keys.from_pkcs8(sealer.open(responder.sealed_key, _context(responder.serial)))


def sync_portal_key(home: Home, responder: DelegatedResponder) -> None:
    """Store the responder's key for the portal, or remove it, as `rca.yaml` says."""
    if (responder.portal_key is not None) == home.settings.ocsp.nonce:
        return
    sealed = None
    if home.settings.ocsp.nonce:
        pkcs8 = keys.to_pkcs8(_key_of(home, responder))
        sealer = home.keystore.bundle_sealer()
        sealed = sealer.seal(pkcs8, _context(responder.serial), home.random)
    with home.db.write():
        ocsp_state.set_portal_key(home.db, responder.id, sealed)


def portal_key_of(home: Home, responder: DelegatedResponder) -> ResponderKey:
    """Return a responder's key without the passphrase, as the portal opens it.

    Raises:
        Unavailable: `bundle.key` is missing or another one.
    """
    assert responder.portal_key is not None
    sealer = home.keystore.bundle_sealer()
    return load_key(sealer.open(responder.portal_key, _context(responder.serial)))


def own_serials(
    hierarchy: Hierarchy, authority: Authority, responder: DelegatedResponder
) -> set[int]:
    """Return the serials outside the store's certificates: the responder's and a root's issuing
    CA's.
    """
    issuing = hierarchy.issuing
    serials = {responder.serial}
    if authority.tier is Tier.ROOT and issuing != authority:
        serials.add(authority_certificate.of(issuing).serial_number)
    return serials


def period(
    life: timedelta,
    hierarchy: Hierarchy,
    authority: Authority,
    responder: DelegatedResponder,
    now: datetime,
) -> Period:
    """Return the period of a response: not past its signer, its CA, or the cut-off.

    As with CRLs, servers refuse all clients from the cut-off on if publishing stops.
    """
    end = min(now + life, responder.not_after, authority.not_after)
    if hierarchy.cutoff is not None and now < hierarchy.cutoff:
        end = min(end, hierarchy.cutoff)
    return Period(now, end)


def signer(
    home: Home,
    hierarchy: Hierarchy,
    authority: Authority,
    responder: DelegatedResponder,
    now: datetime,
    width: int = 0,
) -> Signer:
    """Return a responder with its unlocked key, and the period of its signatures.

    Args:
        width: as in `Signer`.
    """
    life = timedelta(days=home.settings.ocsp.days)
    return Signer(
        issuer=issuer_hashes(authority.certificate),
        responder=responder.certificate,
        key=keys.to_pkcs8(_key_of(home, responder)),
        period=period(life, hierarchy, authority, responder, now),
        width=width,
    )


def _context(serial: int) -> str:
    return f"responder {serial:x}"
