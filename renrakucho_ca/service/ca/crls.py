"""Decide when a CA's next CRL is due, and sign it into the store."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from renrakucho_ca.clock import is_renewal_due
from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import Act, Authority, Hierarchy
from renrakucho_ca.pki import authority_certificate, crl, x509
from renrakucho_ca.pki.keys import SigningKey
from renrakucho_ca.service import store_state
from renrakucho_ca.service.audit import checkpoints, recorder
from renrakucho_ca.service.home import Home
from renrakucho_ca.store import files
from renrakucho_ca.store.sqlite.connection import seconds
from renrakucho_ca.store.tables import hierarchies, recovery
from renrakucho_ca.store.tables.audit_log import AuditEntry


def path_of(home: Home, authority: Authority) -> Path:
    """Return the path of a CA's newest CRL, in DER."""
    return home.store / "crl" / f"{authority.name}.crl"


def is_due(home: Home, hierarchy: Hierarchy, authority: Authority, now: datetime) -> bool:
    """Return whether a CA's CRL is missing, lacks a revocation, or is past half its life.

    A CRL that would outlive a new cut-off is due too.
    """
    if now >= authority.not_after:
        return False
    state = hierarchies.crl_state(home.db, authority)
    if state.this_update is None or state.next_update is None:
        return True
    if state.carried != state.changes or not path_of(home, authority).exists():
        return True
    outlives = hierarchy.cutoff is not None and now < hierarchy.cutoff < state.next_update
    if outlives and authority == hierarchy.issuing:
        # The cut-off was set later. One CRL of the chain that ends then is enough: a root's key may
        # be in a safe.
        return True
    return is_renewal_due(now, state.this_update, state.next_update)


def is_whole(home: Home, authority: Authority) -> bool:
    """Return whether a CA's CRL file exists, is complete and has a valid signature."""
    try:
        verify(authority_certificate.of(authority), path_of(home, authority))
    except (FileNotFoundError, Invalid):
        return False
    return True


def renew(
    home: Home, hierarchy: Hierarchy, authority: Authority, key: SigningKey, now: datetime
) -> None:
    """Sign a CA's next CRL into the store and, for the issuing CA, a checkpoint of the audit log.

    The caller holds the lock. Before a cut-off no CRL outlives it: servers without a newer CRL then
    refuse that hierarchy's clients.

    Raises:
        Refused: the database is an older copy that lacks entries of the previous CRL.
    """
    issuer = authority_certificate.of(authority)
    path = path_of(home, authority)
    # The number is recorded before the signature: a store that lacks it may lack more.
    unknown = number_in(path, issuer, above=recovery.crl_number(home.db, authority) + 1)
    if unknown:
        store_state.require_listed(home, authority, path)
    with home.db.write():
        number = hierarchies.next_crl_number(home.db, authority, now, unknown)
    with home.db.read():
        state = hierarchies.crl_state(home.db, authority)
        end = _end(hierarchy, authority, now, state.days)
        # An anonymous file: its entries are freed with the last piece, before the list is read
        # back. Writers wait only until they are read.
        pieces = crl.assemble(
            issuer, key, number, now, end, hierarchies.crl_entries(home.db, authority)
        )
    files.write(path, pieces, check=partial(verify, issuer))
    with home.db.write():
        hierarchies.record_crl(home.db, authority, now, end, state.changes)
        recorder.record(
            home,
            now,
            AuditEntry(
                Act.CRL_SIGNED,
                authority.name,
                {"number": number, "next_update": seconds(end), "changes": state.changes},
            ),
        )

    if authority == hierarchy.issuing:
        checkpoints.sign(home, authority, key, now)


def verify(issuer: x509.Certificate, file: Path) -> None:
    """Raise Invalid unless the file is a complete CRL with a valid signature of the issuer."""
    crl.verify(files.read(file), issuer)


def _end(hierarchy: Hierarchy, authority: Authority, now: datetime, days: int) -> datetime:
    end = min(now + timedelta(days=days), authority.not_after)
    if hierarchy.cutoff is not None and now < hierarchy.cutoff:
        return min(end, hierarchy.cutoff)
    return end


def number_in(path: Path, issuer: x509.Certificate, above: int = 0) -> int:
    """Return the number of the CRL that servers may have; 0 if the issuer has none.

    Args:
        above: the caller ignores lower numbers; these are not verified and count as 0.
    """
    try:
        with files.opened(path) as file:
            if crl.claimed_number(file) < above:
                return 0
        return crl.number_of(crl.verify(files.read(path), issuer))
    except (FileNotFoundError, Invalid):
        return 0
