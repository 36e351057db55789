"""Publish: renew CRLs, write the files for servers, run the hook, pre-produce OCSP responses.

With a missing or expired CRL nginx answers all clients with 400. So each CRL is verified before it
replaces the previous one, and is renewed at half its life.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.model import Authority, Hierarchy
from renrakucho_ca.service import store_state
from renrakucho_ca.service.audit import checkpoints
from renrakucho_ca.service.ca import ca_keys, crls
from renrakucho_ca.service.ca.ca_keys import ca_key
from renrakucho_ca.service.ca.clock_guard import guarded_now
from renrakucho_ca.service.hierarchy import cross_signing
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.ocsp import pre_produce
from renrakucho_ca.service.publication import artifacts, publish_hook
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.service.store_state import Action
from renrakucho_ca.store import files
from renrakucho_ca.store.tables import hierarchies
from renrakucho_ca.token_uri import KeyPlace


@dataclass(frozen=True, slots=True)
class Publication:
    """The result of `publish`.

    Attributes:
        files: all files for servers, in order.
        renewed: the CAs that signed a new CRL, as `new-issuing`.
        overdue: the CAs whose CRL is due and whose key is not here.
        responses: the number of certificates with newly signed OCSP responses.
    """

    files: tuple[Path, ...]
    renewed: tuple[str, ...]
    overdue: tuple[str, ...]
    responses: int


def publish(
    home: Home,
    *,
    out: Path | None = None,
    if_due: bool = False,
    root_key: KeyPlace | None = None,
    trust_clock: bool = False,
) -> Publication:
    """Renew CRLs, write the files for servers, and run `publish_hook`.

    Args:
        if_due: only CRLs at half their life or behind a revocation are renewed.
        root_key: a file or token with the key of a root that is not kept in the store.
        trust_clock: the operator confirms the clock although signatures are later: it was ahead.

    Raises:
        Refused: the store may not publish, or rca.yaml is open to others.
        Unavailable: wrong passphrase or key, the hook failed, or the clock is behind.
    """
    store_state.require(home, Action.PUBLISH)
    folder = out or home.public
    results: list[_CrlResult] = []
    written: list[Path] = []
    with home.lock("publishing").exclusive():
        # Not before the lock: a process that waited would sign a CRL older than its predecessor.
        now = home.clock() if trust_clock else guarded_now(home)
        everything = hierarchies.all_of(home.db)
        if root_key is not None:
            _refuse_stray(home, root_key, everything)
        files.make_folder(folder, files.PUBLIC_FOLDER)
        if not if_due:
            publish_hook.owe(home)
        for hierarchy in everything:
            own = _renew_crls(home, hierarchy, now, if_due, root_key)
            results += own
            written += _write(home, hierarchy, everything, own, now, folder)
        # Last: for a million certificates it takes half a minute, and the CRLs are out by then.
        publish_hook.run_owed(home)
        responses = _sign_responses(home, root_key)
    return Publication(
        files=tuple(written),
        renewed=tuple(each.authority.name for each in results if each.renewed),
        overdue=tuple(each.authority.name for each in results if each.overdue),
        responses=responses,
    )


@dataclass(frozen=True, slots=True)
class _CrlResult:
    """The state of a CA's CRL in the store; `verified` if its signature was checked in this run."""

    authority: Authority
    renewed: bool
    overdue: bool
    verified: bool


def _renew_crls(
    home: Home, hierarchy: Hierarchy, now: datetime, if_due: bool, root_key: KeyPlace | None
) -> list[_CrlResult]:
    if hierarchy.is_cut_off(now):
        # In case cron has not: a CRL without these would admit them again.
        revocation.revoke_all(home, hierarchy, now)
    return [
        _renew_crl(home, hierarchy, authority, now, if_due, root_key)
        for authority in hierarchy.authorities
    ]


def _write(
    home: Home,
    hierarchy: Hierarchy,
    everything: Sequence[Hierarchy],
    results: Iterable[_CrlResult],
    now: datetime,
    folder: Path,
) -> list[Path]:
    """Write the files of a hierarchy, and remove those of former cross-certificates."""
    checkpoints.write_missing(home, hierarchy)
    cross_certificates = cross_signing.cross_certificates(home.db, hierarchy.name, now)
    verified = [each.authority for each in results if each.verified]
    written = artifacts.write(home, hierarchy, cross_certificates, verified, folder)
    gone = (each.name for each in everything if each.name not in cross_certificates)
    artifacts.remove_cross_certificates(hierarchy, gone, folder)
    return list(written)


def _renew_crl(
    home: Home,
    hierarchy: Hierarchy,
    authority: Authority,
    now: datetime,
    if_due: bool,
    root_key: KeyPlace | None,
) -> _CrlResult:
    """Renew a CA's CRL; with `if_due`, only if it is due or damaged."""
    due = crls.is_due(home, hierarchy, authority, now)
    is_good = if_due and not due and crls.is_whole(home, authority)
    has_ended = now >= authority.not_after
    if not is_good and not has_ended:
        key = ca_key(home, authority, root_key)
        if key is not None:
            publish_hook.owe(home)
            crls.renew(home, hierarchy, authority, key, now)
            return _CrlResult(authority, renewed=True, overdue=False, verified=True)
    verified = is_good or crls.is_whole(home, authority)
    overdue = not has_ended and (due or not verified)
    return _CrlResult(authority, renewed=False, overdue=overdue, verified=verified)


def _sign_responses(home: Home, root_key: KeyPlace | None) -> int:
    """Sign the OCSP responses that are due; return the number of certificates."""
    now = home.clock()
    return sum(
        pre_produce.renew(home, hierarchy, authority, ca_key(home, authority, root_key), now)
        for hierarchy in hierarchies.all_of(home.db)
        for authority in hierarchy.authorities
        if root_key is not None or pre_produce.is_due(home, hierarchy, authority, now)
    )


def _refuse_stray(home: Home, root_key: KeyPlace, everything: Iterable[Hierarchy]) -> None:
    """Refuse a key that fits no CA: the expected CRL would not be signed."""
    authorities = (authority for hierarchy in everything for authority in hierarchy.authorities)
    lacking = (authority for authority in authorities if authority.key is None)
    if not any(ca_keys.fits(home, root_key, each) for each in lacking):
        raise Unavailable("{key} matches no CA with an external key", key=root_key)
