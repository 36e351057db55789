"""Request and install an issuing CA whose root is on another machine."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from renrakucho_ca import profiles
from renrakucho_ca.clock import years_after
from renrakucho_ca.errors import Conflict, Invalid, NotFound, Unavailable
from renrakucho_ca.model import Act, Hierarchy, KeyAlgorithm, Tier
from renrakucho_ca.pki import (
    authority_certificate,
    crl,
    csr,
    external_root,
    keys,
    x509,
    x509_certificates,
)
from renrakucho_ca.pki.imported_ca import load_ca
from renrakucho_ca.pki.issue import request_ca
from renrakucho_ca.profiles import subjects
from renrakucho_ca.service import store_state
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.ca import ca_keys, crls
from renrakucho_ca.service.ca.clock_guard import guarded_now
from renrakucho_ca.service.ca.distribution import root_distribution
from renrakucho_ca.service.hierarchy.creation import (
    authority_of,
    ca_profile,
    check_name,
    record,
    refuse_taken,
    words_for,
)
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.store_state import Action
from renrakucho_ca.store import files
from renrakucho_ca.store.tables import ca_certificates, hierarchies
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.store.tables.ca_certificates import CaRequest
from renrakucho_ca.token_uri import TokenUri


def request(
    home: Home,
    name: str,
    out: Path,
    *,
    common_name: str | None = None,
    key_algorithm: KeyAlgorithm | None = None,
    issuing_key: TokenUri | None = None,
) -> CaRequest:
    """Create the key of a hierarchy's issuing CA and write a request for its certificate.

    An existing request is written again.

    Args:
        out: a new file for the request, PEM.
        common_name: the profile's `{common_name}`; by default made of network and name.
        key_algorithm: by default from the profile.
        issuing_key: a key in a token, created if missing.

    Raises:
        Conflict: a hierarchy of that name exists, or a request that was made otherwise.
        Unavailable: wrong passphrase.
    """
    store_state.require(home, Action.SIGN_CA)
    check_name(name)
    with home.lock("hierarchies").exclusive(), home.lock("import").exclusive():
        made = ca_certificates.find_request(home.db, name)
        if made is None:
            made = _make_request(home, name, common_name, key_algorithm, issuing_key)
        elif (common_name, key_algorithm, issuing_key) != (None, None, None):
            raise Conflict(
                "the hierarchy {name} already has a request",
                hint="run it without options to write the same request again, or with --withdraw "
                "to withdraw it",
                name=name,
            )
    pem = csr.to_pem(made.request)
    if not (out.exists() and out.read_bytes() == pem):
        files.write(out, pem, files.PUBLIC_FILE, new=True, outside=True)
    return made


def _make_request(
    home: Home,
    name: str,
    common_name: str | None,
    key_algorithm: KeyAlgorithm | None,
    issuing_key: TokenUri | None,
) -> CaRequest:
    words = words_for(home, name, common_name)
    refuse_taken(home, name, words["common_name"])
    home.keystore.unlock()
    profile = ca_profile(home, Tier.ISSUING, key_algorithm)
    subject = subjects.render(profile.subject, words)
    strictly = key_algorithm is not None
    key = ca_keys.make(home, profile.key_algorithm, issuing_key, strictly=strictly)
    addresses = root_distribution(home.settings, name)
    made = CaRequest(name, request_ca(profile, subject, addresses, key), home.clock())
    ca_keys.keep(home, _key_name(name), key, made.created_at)
    with home.db.write():
        ca_certificates.put_request(home.db, made)
        facts = {"request": b64encode(made.request).decode()}
        recorder.record(home, made.created_at, AuditEntry(Act.CA_REQUESTED, name, facts))
    return made


def withdraw(home: Home, name: str) -> None:
    """Withdraw a request (or raise NotFound), and set its key aside: a certificate may come."""
    with home.lock("hierarchies").exclusive():
        _pending(home, name)
        with home.db.write():
            ca_certificates.delete_request(home.db, name)
            recorder.record(home, home.clock(), AuditEntry(Act.CA_REQUEST_WITHDRAWN, name))
        home.keystore.set_orphaned_key_aside(_key_name(name), home.clock())


def install(
    home: Home, name: str, root: bytes, issuing: bytes, issuing_key: TokenUri | None = None
) -> Hierarchy:
    """Install a requested hierarchy. If it is installed already, return it.

    Args:
        root, issuing: the certificates, PEM or DER.
        issuing_key: the key, if it is in a token.

    Raises:
        NotFound: no request. Conflict: another hierarchy has one of the certificates.
        Invalid: a certificate does not fit; the message lists all faults.
        Unavailable: wrong passphrase, no key, or the clock is behind.
        Refused: the store may not sign.
    """
    store_state.require(home, Action.SIGN_CA)
    now = guarded_now(home)
    root_certificate = load_ca(root, Tier.ROOT)
    issuing_certificate = load_ca(issuing, Tier.ISSUING)
    with home.lock("hierarchies").exclusive(), home.lock("import").exclusive():
        installed = _installed(home, name, root_certificate, issuing_certificate)
        if installed is not None:
            return installed
        pending = _pending(home, name)
        requested = external_root.load_request(pending.request)
        external_root.check_root(root_certificate, now)
        external_root.check_issuing(issuing_certificate, root_certificate, requested, now)
        _refuse_known(home, root_certificate, issuing_certificate)
        key_name = _key_name(name) if issuing_key is None else issuing_key.text
        if not ca_keys.is_here(home, key_name):
            raise Unavailable(
                "the key of the request for {name} is not in the store",
                hint="add --issuing-key URI if it is in a token, else restore a backup",
                name=name,
            )
        key = ca_keys.opened(home, key_name)
        keys.check_pair(key, issuing_certificate)
        return record(
            home,
            authority_of(name, Tier.ROOT, root_certificate, None),
            authority_of(name, Tier.ISSUING, issuing_certificate, key_name),
            {Tier.ISSUING: key},
            now,
        )


def years_too_many(home: Home, made: Hierarchy) -> int | None:
    """Return the longest validity of a device profile in years, if the CA expires before that."""
    names = profiles.names(home.profiles)
    years = max((profiles.load(home.profiles, name).validity_years for name in names), default=0)
    return years if made.issuing.not_after < years_after(home.clock(), years) else None


def take_crl(home: Home, name: str, data: bytes) -> None:
    """Install a CRL (PEM or DER) of a root whose key is off the machine.

    Raises:
        Conflict: the root's key is here, or the store has a newer CRL.
        Invalid: not that root's CRL, no number, or expired.
    """
    root = hierarchies.get(home.db, name).root
    if root.key is not None:
        raise Conflict(
            "the key of {name} is on this machine, which signs its CRL",
            hint="run `rca publish`",
            name=root.name,
        )
    issuer = authority_certificate.of(root)
    content = crl.to_der(data)
    found = crl.verify(content, issuer)
    number = crl.number_of(found)
    this_update, next_update = found.last_update_utc, found.next_update_utc
    assert next_update is not None  # `verify` has seen it
    if next_update <= home.clock():
        raise Invalid("the CRL expired on {end}", end=next_update.date())
    with home.lock("publishing").exclusive():
        path = crls.path_of(home, root)
        if number < crls.number_in(path, issuer):
            raise Conflict("the store has a newer CRL of {name}", name=root.name)
        files.write(path, content)
        with home.db.write():
            hierarchies.take_crl(home.db, root, number, this_update, next_update)


def _key_name(hierarchy: str) -> str:
    return f"{hierarchy}-{Tier.ISSUING}"


def _pending(home: Home, name: str) -> CaRequest:
    pending = ca_certificates.find_request(home.db, name)
    if pending is None:
        raise NotFound(
            "the hierarchy {name} has no request",
            hint="run `rca hierarchy request {name} --out FILE`",
            name=name,
        )
    return pending


def _installed(
    home: Home, name: str, root: x509.Certificate, issuing: x509.Certificate
) -> Hierarchy | None:
    """Return the hierarchy of that name if it has these two certificates."""
    given = [x509_certificates.fingerprint_sha256(each) for each in (root, issuing)]
    for each in hierarchies.all_of(home.db):
        if each.name == name and given == [
            each.root.fingerprint_sha256,
            each.issuing.fingerprint_sha256,
        ]:
            return each
    return None


def _refuse_known(home: Home, *new: x509.Certificate) -> None:
    fingerprints = {x509_certificates.fingerprint_sha256(each) for each in new}
    for each in hierarchies.all_of(home.db):
        if fingerprints & {authority.fingerprint_sha256 for authority in each.authorities}:
            raise Conflict("this CA is already recorded as the hierarchy {name}", name=each.name)
