"""Create and close hierarchies: a root CA and its issuing CA."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from renrakucho_ca import profiles
from renrakucho_ca.certificate_profile import CaProfile
from renrakucho_ca.clock import years_after
from renrakucho_ca.errors import Conflict, Invalid
from renrakucho_ca.model import Act, Authority, Hierarchy, KeyAlgorithm, Tier
from renrakucho_ca.pki import authority_certificate, contents, keys, x509, x509_certificates
from renrakucho_ca.pki.contents import Ca, Validity
from renrakucho_ca.pki.issue import issue_ca, issue_root
from renrakucho_ca.pki.keys import SigningKey
from renrakucho_ca.profiles import subjects
from renrakucho_ca.service import store_state
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.ca import ca_keys, crls
from renrakucho_ca.service.ca.clock_guard import guarded_now
from renrakucho_ca.service.ca.distribution import root_distribution
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.service.store_state import Action
from renrakucho_ca.store.sqlite.connection import seconds
from renrakucho_ca.store.tables import ca_certificates, expiry, hierarchies
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.text import clean_text
from renrakucho_ca.token_uri import TokenUri

LONGEST_COMMON_NAME = 53
"""RFC 5280 appendix A.1 allows 64; the issuing CA's name is the root's and " Issuing CA"."""


@dataclass(frozen=True, slots=True)
class NewCa:
    """A new CA with its key."""

    key: SigningKey
    certificate: x509.Certificate


def create(
    home: Home,
    name: str,
    *,
    common_name: str | None = None,
    key_algorithm: KeyAlgorithm | None = None,
    root_key_out: Path | None = None,
    root_key: TokenUri | None = None,
    issuing_key: TokenUri | None = None,
) -> Hierarchy:
    """Create a root and its issuing CA, and the first CRL of each.

    Args:
        common_name: of the root; by default made of network and name.
        key_algorithm: of both keys; by default from the profiles.
        root_key_out: a file for the root's key, which the store then does not keep.
        root_key, issuing_key: keys in a token, created if missing.

    Raises:
        Conflict: the name, the common name or a key belongs to another CA.
        Unavailable: wrong passphrase or PIN, or the clock is behind.
        Refused: the store may not sign.
    """
    store_state.require(home, Action.SIGN_CA)
    check_name(name)
    words = words_for(home, name, common_name)
    now = guarded_now(home)
    with home.lock("hierarchies").exclusive():
        refuse_taken(home, name, words["common_name"])
        home.keystore.unlock()
        root = _make(home, Tier.ROOT, words, key_algorithm, root_key, now)
        issuing = _make(home, Tier.ISSUING, words, key_algorithm, issuing_key, now, root)
        root_name = _keep_root_key(home, name, root.key, root_key_out, now)
        issuing_name = ca_keys.keep(home, f"{name}-issuing", issuing.key, now)
        return record(
            home,
            authority_of(name, Tier.ROOT, root.certificate, root_name),
            authority_of(name, Tier.ISSUING, issuing.certificate, issuing_name),
            {Tier.ROOT: root.key, Tier.ISSUING: issuing.key},
            now,
        )


def record(
    home: Home,
    root: Authority,
    issuing: Authority,
    signing_keys: dict[Tier, SigningKey],
    now: datetime,
) -> Hierarchy:
    """Record a hierarchy, delete its request, and sign the first CRLs.

    The caller has stored the keys, and holds the lock `hierarchies`.

    Args:
        signing_keys: of the CAs that sign a CRL; a root's key may be off the machine.
    """
    name = root.hierarchy
    hierarchy = Hierarchy(name, now, retired_at=None, cutoff=None, authorities=(root, issuing))
    crl_days = crl_days_of(home, Tier)
    with home.db.write():
        hierarchies.put(home.db, hierarchy, crl_days)
        ca_certificates.delete_request(home.db, name)
        facts = described(hierarchy, crl_days)
        recorder.record(home, now, AuditEntry(Act.HIERARCHY_CREATED, name, facts))
    recorded = hierarchies.get(home.db, name)
    with home.lock("publishing").exclusive():
        for tier, key in signing_keys.items():
            crls.renew(home, recorded, recorded.authority(tier), key, now)
    return recorded


def _make(
    home: Home,
    tier: Tier,
    words: dict[str, str],
    key_algorithm: KeyAlgorithm | None,
    uri: TokenUri | None,
    now: datetime,
    root: NewCa | None = None,
) -> NewCa:
    """Make a root, or the issuing CA under `root`."""
    profile = ca_profile(home, tier, key_algorithm)
    key = ca_keys.make(
        home,
        profile.key_algorithm,
        uri,
        strictly=key_algorithm is not None,
        other=None if root is None else root.key,
    )
    subject = subjects.render(profile.subject, words)
    serial = contents.serial_number(home.random)
    validity = validity_of(home, now, profile)
    if root is None:
        return NewCa(key, issue_root(profile, subject, serial, validity, key))
    distribution = root_distribution(home.settings, words["hierarchy"])
    request = Ca(profile, subject, serial, validity, key.public_key(), distribution)
    return NewCa(key, issue_ca(request, root.certificate, root.key))


def _keep_root_key(
    home: Home, hierarchy: str, key: SigningKey, out: Path | None, now: datetime
) -> str | None:
    """Store the root's key, or write it to `out`; return its name for the database."""
    name = f"{hierarchy}-root"
    if out is None:
        return ca_keys.keep(home, name, key, now)
    home.keystore.set_orphaned_key_aside(name, now)
    key.store(name, partial(home.keystore.write_outside, out))
    return None


def retire(home: Home, name: str, at: datetime | None) -> Hierarchy:
    """Close a hierarchy and set its cut-off; a past one revokes its live certificates at once."""
    now = home.clock()
    with home.db.write():
        hierarchy = hierarchies.get(home.db, name)
        if hierarchies.retire(home.db, name, now, at):
            cutoff = None if at is None else seconds(at)
            recorder.record(home, now, AuditEntry(Act.HIERARCHY_RETIRED, name, {"cutoff": cutoff}))
    if at is not None and at <= now:
        revocation.revoke_all(home, hierarchy, now)
    return hierarchies.get(home.db, name)


def would_retire(home: Home, name: str, at: datetime | None) -> tuple[Hierarchy, int]:
    """Return the hierarchy after `retire`, and the number of certificates to revoke."""
    now = home.clock()
    found = hierarchies.get(home.db, name)
    closed = replace(found, retired_at=found.retired_at or now, cutoff=at or found.cutoff)
    live = 0 if closed.cutoff is None else expiry.count_cut_off(home.db, name, now)
    return closed, live


def described(hierarchy: Hierarchy, crl_days: dict[Tier, int]) -> dict[str, object]:
    """Return the facts for the audit log, from which a replay restores the hierarchy."""
    return {
        "authorities": [
            {
                "tier": each.tier.value,
                "subject": each.subject,
                "fingerprint": each.fingerprint_sha256,
                "certificate": b64encode(each.certificate).decode(),
                "key": each.key,
                "crl_days": crl_days[each.tier],
            }
            for each in hierarchy.authorities
        ]
    }


def check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", name):
        raise Invalid(
            "{name} is not a valid hierarchy name",
            hint="use up to 32 of a-z, 0-9 and -, such as new",
            name=repr(name[:40]),
        )


def words_for(home: Home, name: str, common_name: str | None) -> dict[str, str]:
    """Return the values of the placeholders in CA profiles.

    Raises Invalid if the common name is too long or unprintable.
    """
    settings = home.settings
    text = common_name if common_name is not None else f"{settings.network} {name.upper()} CA"
    return {
        "common_name": clean_text(text, what="common name", longest=LONGEST_COMMON_NAME),
        "organization": settings.organization,
        "network": settings.network,
        "hierarchy": name,
    }


def ca_profile(home: Home, tier: Tier, key_algorithm: KeyAlgorithm | None) -> CaProfile:
    profile = profiles.load_ca(home.profiles, tier)
    return profile if key_algorithm is None else replace(profile, key_algorithm=key_algorithm)


def crl_days_of(home: Home, tiers: Iterable[Tier]) -> dict[Tier, int]:
    """Return the validity of each CA's CRL in days, by its profile."""
    return {tier: profiles.load_ca(home.profiles, tier).crl_days for tier in tiers}


def validity_of(home: Home, now: datetime, profile: CaProfile) -> Validity:
    local = now.astimezone(home.settings.zone)
    return Validity(now, years_after(local, profile.validity_years).astimezone(UTC))


def refuse_taken(home: Home, name: str, common_name: str) -> None:
    """Raise Conflict if the hierarchy or its request exists, or a root has that common name.

    People and browsers could not distinguish two roots with one name.
    """
    refuse_requested(home, name)
    for other in hierarchies.all_of(home.db):
        if other.name == name:
            raise Conflict("the hierarchy {name} already exists", name=name)
        if x509_certificates.common_name(authority_certificate.of(other.root)) == common_name:
            raise Conflict(
                "the root of {other} already has the name {common_name}",
                hint="choose another --common-name",
                other=other.name,
                common_name=common_name,
            )


def refuse_requested(home: Home, name: str) -> None:
    """Refuse a requested hierarchy, which waits for its certificate."""
    if ca_certificates.find_request(home.db, name) is not None:
        raise Conflict(
            "the hierarchy {name} waits for its requested certificate",
            hint="run `rca hierarchy install {name}` with the certificates, or `rca hierarchy "
            "request {name} --withdraw`",
            name=name,
        )


def authority_of(
    hierarchy: str, tier: Tier, certificate: x509.Certificate, key: str | None
) -> Authority:
    """Return the record of a CA.

    Args:
        key: its name in the keystore, or a token's URI; None if it is off the machine.
    """
    return Authority(
        id=0,
        hierarchy=hierarchy,
        tier=tier,
        certificate=x509_certificates.to_der(certificate),
        fingerprint_sha256=x509_certificates.fingerprint_sha256(certificate),
        subject=x509_certificates.subject_text(certificate),
        not_after=certificate.not_valid_after_utc,
        key_algorithm=keys.describe(certificate.public_key()),
        key=key,
    )
