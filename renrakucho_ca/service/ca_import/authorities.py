"""The imported CA itself: its certificates, its keys, and the hierarchy that records them."""

from __future__ import annotations

from dataclasses import dataclass, field

from renrakucho_ca.errors import Conflict, Invalid
from renrakucho_ca.model import Act, Hierarchy, Tier
from renrakucho_ca.pki import authority_certificate, imported_ca, keys, x509, x509_certificates
from renrakucho_ca.pki.signatures import signed_by
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.ca import ca_keys
from renrakucho_ca.service.hierarchy.creation import (
    authority_of,
    check_name,
    crl_days_of,
    described,
    refuse_requested,
)
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.tables import hierarchies, imports
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.token_uri import TokenUri

CaCertificates = dict[Tier, x509.Certificate]
"""The root first, then the issuing CA, if any."""


@dataclass(frozen=True, slots=True)
class CaFiles:
    """The content of the CA's own files.

    Attributes:
        issuing: None if the root issues, or if an earlier import recorded it.
        issuing_key: the issuing CA's key; in a flat hierarchy the root's.
        root_key: the root's key in a two-tier hierarchy.
    """

    root: bytes
    issuing: bytes | None = None
    issuing_key: bytes | TokenUri | None = field(default=None, repr=False)
    issuing_key_passphrase: bytes | None = field(default=None, repr=False)
    root_key: bytes | TokenUri | None = field(default=None, repr=False)
    root_key_passphrase: bytes | None = field(default=None, repr=False)


def load(home: Home, name: str, ca: CaFiles) -> CaCertificates:
    """Parse the CA certificates and verify their signatures.

    Raises:
        Invalid: one is no CA certificate, or the root did not sign it.
        Conflict: the hierarchy waits for a requested certificate.
    """
    check_name(name)
    refuse_requested(home, name)
    root = imported_ca.load_ca(ca.root, Tier.ROOT)
    if not signed_by(root, root):
        raise Invalid(
            "{subject} is not a root: another CA signed it",
            hint="pass the root as --root and the issuing CA as --issuing",
            subject=x509_certificates.subject_text(root),
        )
    issuing = _recorded_issuing(home, name)
    if ca.issuing is not None:
        issuing = imported_ca.load_ca(ca.issuing, Tier.ISSUING)
        if issuing != root and not signed_by(issuing, root):
            raise Invalid(
                "{issuer} did not issue {subject}",
                hint="pass the certificate that the root signed; for a CA of three tiers, import "
                "its users with `rca user import` and issue with `rca issue --batch`",
                issuer=x509_certificates.subject_text(root),
                subject=x509_certificates.subject_text(issuing),
            )
    found = {Tier.ROOT: root}
    return found if issuing in (None, root) else found | {Tier.ISSUING: issuing}


def _recorded_issuing(home: Home, name: str) -> x509.Certificate | None:
    """Return the issuing CA that an earlier import recorded."""
    for each in hierarchies.all_of(home.db):
        if each.name == name and each.issuing.tier is Tier.ISSUING:
            return authority_certificate.of(each.issuing)
    return None


def load_keys(home: Home, ca: CaFiles, wanted: CaCertificates) -> dict[Tier, keys.SigningKey]:
    """Open the given keys and check that each belongs to its CA.

    Raises:
        Invalid: a key is unreadable, too weak, or another CA's. Unavailable: wrong passphrase.
    """
    found: dict[Tier, keys.SigningKey] = {}
    for tier, given, passphrase in (
        (Tier.ROOT, ca.root_key, ca.root_key_passphrase),
        (list(wanted)[-1], ca.issuing_key, ca.issuing_key_passphrase),
    ):
        if isinstance(given, TokenUri):
            found[tier] = ca_keys.opened(home, given.text)
            keys.check_pair(found[tier], wanted[tier])
        elif given is not None:
            found[tier] = imported_ca.load_key(given, passphrase, wanted[tier])
    return found


def record(home: Home, name: str, wanted: CaCertificates) -> Hierarchy:
    """Return the hierarchy of these CAs; record it, without keys, if it is new.

    Raises Conflict if the name belongs to another CA, or one of the CAs to another hierarchy.
    """
    found = {tier: x509_certificates.fingerprint_sha256(each) for tier, each in wanted.items()}
    with home.db.write():
        for each in hierarchies.all_of(home.db):
            recorded = {a.tier: a.fingerprint_sha256 for a in each.authorities}
            if each.name == name:
                if _lacks_issuing(each, found):
                    return _add(home, name, wanted, lacks_issuing=True)
                if not found.items() <= recorded.items():
                    raise Conflict(
                        "hierarchy {name} already has other CA certificates",
                        hint="for a CA that was renewed with the same key, pass the certificate of "
                        "the first import",
                        name=name,
                    )
                return each
            if set(recorded.values()) & set(found.values()):
                raise Conflict(
                    "this CA already belongs to hierarchy {name}",
                    hint="a root is imported with one issuing CA; for another one, import its "
                    "users with `rca user import` and issue with `rca issue --batch`",
                    name=each.name,
                )
        return _add(home, name, wanted, lacks_issuing=False)


def _add(home: Home, name: str, wanted: CaCertificates, *, lacks_issuing: bool) -> Hierarchy:
    """Record the hierarchy, or the issuing CA that it lacks, in the caller's transaction."""
    added = Hierarchy(
        name=name,
        created_at=home.clock(),
        retired_at=None,
        cutoff=None,
        authorities=tuple(authority_of(name, tier, each, None) for tier, each in wanted.items()),
    )
    days = crl_days_of(home, wanted)
    if lacks_issuing:
        hierarchies.put_authority(home.db, added.issuing, days[Tier.ISSUING])
    else:
        hierarchies.put(home.db, added, days)
    entry = AuditEntry(Act.HIERARCHY_IMPORTED, name, described(added, days))
    recorder.record(home, added.created_at, entry)
    return hierarchies.get(home.db, name)


def _lacks_issuing(recorded: Hierarchy, found: dict[Tier, str]) -> bool:
    """Return whether an earlier import gave only the root, without a key to issue with."""
    return (
        recorded.root == recorded.issuing
        and recorded.root.key is None
        and recorded.root.fingerprint_sha256 == found[Tier.ROOT]
        and Tier.ISSUING in found
    )


def attach_keys(home: Home, hierarchy: Hierarchy, private: dict[Tier, keys.SigningKey]) -> None:
    """Put the keys into the keystore; from then on their CAs can sign."""
    for authority in hierarchy.authorities:
        key = private.get(authority.tier)
        if authority.key is not None or key is None:
            continue
        name = ca_keys.keep(home, authority.name, key, home.clock())
        facts = {"fingerprint": authority.fingerprint_sha256, "key": name}
        with home.db.write():
            imports.attach_key(home.db, authority, name)
            recorder.record(home, home.clock(), AuditEntry(Act.KEY_IMPORTED, authority.name, facts))
