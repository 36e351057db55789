"""Sign another home's issuing CA, or cross-certify a hierarchy, with a root's key."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from renrakucho_ca import profiles
from renrakucho_ca.errors import Conflict, Invalid, Refused, Unavailable
from renrakucho_ca.model import Authority, Hierarchy, Revocation, RevocationReason, Tier
from renrakucho_ca.pki import (
    authority_certificate,
    contents,
    external_root,
    x509,
    x509_certificates,
)
from renrakucho_ca.pki.contents import Ca, Validity
from renrakucho_ca.pki.issue import issue_ca
from renrakucho_ca.pki.keys import SigningKey, public_key_of
from renrakucho_ca.service import pending, store_state
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.ca.ca_keys import ca_key
from renrakucho_ca.service.ca.clock_guard import guarded_now
from renrakucho_ca.service.ca.distribution import root_distribution
from renrakucho_ca.service.hierarchy import ca_issuances
from renrakucho_ca.service.hierarchy.creation import validity_of
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.revocation.revoke import revoke_ca
from renrakucho_ca.service.store_state import Action
from renrakucho_ca.store import files
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import ca_certificates, hierarchies
from renrakucho_ca.store.tables.ca_certificates import CaCertificate
from renrakucho_ca.token_uri import KeyPlace


def sign(
    home: Home, hierarchy: str, request: bytes, out: Path, root_key: KeyPlace | None = None
) -> CaCertificate:
    """Sign the issuing CA of another home.

    Name and key come from the request, everything else from `profiles/issuing.yaml`.

    Args:
        hierarchy: whose root signs.
        request: PKCS #10, PEM or DER.
        out: a new file for the certificate, PEM.
        root_key: a file or token with the root's key, if the store does not have it.

    Raises:
        Invalid: not a request for a CA. Conflict: `out` exists. And as `_signed`.
    """
    store_state.require(home, Action.SIGN_CA)
    asked = external_root.load_request(request)
    by = hierarchies.get(home.db, hierarchy)
    now = guarded_now(home, by)
    profile = profiles.load_ca(home.profiles, Tier.ISSUING)
    if out.exists() or out.is_symlink():
        raise Conflict("{path} exists already", path=out)
    to_sign = Ca(
        profile=profile,
        subject=asked.subject,
        serial=contents.serial_number(home.random),
        validity=validity_of(home, now, profile),
        public_key=public_key_of(asked),
        distribution=root_distribution(home.settings, hierarchy),
    )
    signed = _signed(home, by, to_sign, asked.subject, root_key)
    assert signed.der is not None
    pem = x509_certificates.to_pem(x509_certificates.load(signed.der))
    files.write(out, pem, files.PUBLIC_FILE, new=True, outside=True)
    return signed


def cross(
    home: Home,
    name: str,
    by: str,
    not_after: datetime | None = None,
    root_key: KeyPlace | None = None,
) -> CaCertificate:
    """Cross-certify the hierarchy `name` for servers that trust the root of `by`.

    The root of `by` certifies the root of `name`, or its issuing CA if the path length requires it.

    Args:
        not_after: by default the end of the CA that ends first.
        root_key: a file or token with the key of the root of `by`, if the store does not have it.

    Raises:
        NotFound: no such hierarchy. Conflict: `by` has cross-certified `name`, or is `name`.
        Refused: the path length allows no subject CA, or `not_after` is too late. And as `_signed`.
    """
    store_state.require(home, Action.SIGN_CA)
    certified, signer = hierarchies.get(home.db, name), hierarchies.get(home.db, by)
    if certified.name == signer.name:
        raise Conflict("a hierarchy cannot cross-certify itself")
    now = guarded_now(home, signer)
    ca = _subject_ca(certified, signer)
    certificate = authority_certificate.of(ca)
    # The CAs that are below the subject CA now.
    below = len(certified.authorities) - 1 if ca.tier is Tier.ROOT else 0
    profile = replace(profiles.load_ca(home.profiles, ca.tier), path_length=below)
    longest = validity_of(home, now, profile).not_after
    end = min(ca.not_after, signer.root.not_after, longest)
    if not_after is not None and not_after > end:
        raise Refused("the cross-certificate can be valid until {end} at most", end=end.date())
    to_sign = Ca(
        profile=profile,
        subject=certificate.subject,
        serial=contents.serial_number(home.random),
        validity=Validity(now, not_after or end),
        public_key=public_key_of(certificate),
        distribution=root_distribution(home.settings, by),
        identifier=x509_certificates.extension(certificate, x509.SubjectKeyIdentifier),
    )
    return _signed(home, signer, to_sign, certificate.subject, root_key, crosses=name)


def revoke(home: Home, serial: int, reason: RevocationReason) -> CaCertificate:
    """Revoke a CA's certificate permanently; raise NotFound or, if it is revoked, Conflict."""
    now = home.clock()
    with home.db.write():
        certificate = ca_certificates.get(home.db, serial)
        act = revoke_ca(home.db, certificate, Revocation(now, reason))
        if act is None:
            raise Conflict("{serial} is already revoked", serial=f"{serial:x}")
        recorder.record(home, now, act)
        return ca_certificates.get(home.db, serial)


def cross_certificates(db: Database, hierarchy: str, now: datetime) -> dict[str, bytes]:
    """Return the newest valid cross-certificate of a hierarchy by each issuer, in DER."""
    return {
        each.issuer: each.der
        for each in ca_certificates.all_of(db)
        if each.crosses == hierarchy
        and each.der is not None
        and each.revocation is None
        and now < each.not_after
    }


def _subject_ca(certified: Hierarchy, signer: Hierarchy) -> Authority:
    """Choose the CA to certify by the path length of the signer's root (RFC 5280 §4.2.1.9)."""
    room = x509_certificates.path_length(authority_certificate.of(signer.root))
    if room is None or room >= len(certified.authorities):
        return certified.root
    if room >= 1:
        return certified.issuing
    raise Refused("the path length of the root of {name} allows no subject CA", name=signer.name)


def _signed(
    home: Home,
    by: Hierarchy,
    to_sign: Ca,
    subject: x509.Name,
    root_key: KeyPlace | None,
    crosses: str | None = None,
) -> CaCertificate:
    """Issue a CA certificate under a root, through a pending issuance.

    Raises:
        Unavailable: the passphrase is wrong, or the key is not here. Invalid: it is another CA's.
        Refused: the certificate would outlive the root.
    """
    now, not_after = to_sign.validity.not_before, to_sign.validity.not_after
    if not_after > by.root.not_after:
        raise Refused(
            "the certificate would outlive the root of {name}, which expires on {end}",
            hint="shorten validity_years in profiles/issuing.yaml",
            name=by.name,
            end=by.root.not_after.date(),
        )
    with home.lock("hierarchies").exclusive():
        pending.abandon_orphans(home, ca_issuances, now)
        _refuse_second(home.db, crosses, by, now)
        key = _key_of(home, by.root, root_key)
        issuance = CaCertificate(
            authority=by.root.id,
            issuer=by.name,
            serial=to_sign.serial,
            subject=subject.rfc4514_string(),
            crosses=crosses,
            at=now,
            not_after=not_after,
            der=None,
            revocation=None,
        )

        def signed() -> bytes:
            issuer = authority_certificate.of(by.root)
            return x509_certificates.to_der(issue_ca(to_sign, issuer, key))

        return replace(issuance, der=pending.issue(home, ca_issuances, issuance, now, signed))


def _refuse_second(db: Database, crosses: str | None, by: Hierarchy, now: datetime) -> None:
    if crosses is not None and by.name in cross_certificates(db, crosses, now):
        raise Conflict(
            "{by} has already cross-certified {name}",
            hint="run `rca hierarchy signed` to list it, `rca hierarchy revoke SERIAL` to "
            "revoke it",
            name=crosses,
            by=by.name,
        )


def _key_of(home: Home, root: Authority, given: KeyPlace | None) -> SigningKey:
    """Return the key of a root: from the store, or from the given place."""
    key = ca_key(home, root, given)
    if key is not None:
        return key
    if given is not None:
        raise Invalid("{key} is not the key of {name}", key=given, name=root.subject)
    raise Unavailable(
        "the key of {name} is not on this machine",
        hint="add --root-key FILE|URI",
        name=root.subject,
    )
