"""The pending-issuance protocol: no certificate is signed before it is recorded.

1. Commit the pending issuance: serial number, number and subject.
2. Lint the certificate under a lint key, then sign it.
3. Commit the record, or abandon the pending issuance if the certificate was refused.

A run that dies in between leaves an orphan. The next run revokes it, since it may have been signed.
Users' devices, CAs and OCSP responders use the same three steps, each with its own tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from renrakucho_ca.errors import RcaError, Unavailable
from renrakucho_ca.model import Revocation, RevocationReason
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.outcome import unwrap
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables.audit_log import AuditEntry

Pending = TypeVar("Pending")
Signed = TypeVar("Signed")
_Signed = TypeVar("_Signed", contravariant=True)


class Issuances(Protocol[Pending, _Signed]):
    """A module with the tables of one kind of certificate. The caller opens the transactions."""

    def put(self, db: Database, pending: Pending, /) -> object:
        """Put a pending issuance."""

    def record(
        self, db: Database, signed: Sequence[tuple[Pending, _Signed]], /
    ) -> list[AuditEntry]:
        """Record the signed certificates in place of the pending issuances."""

    def abandon(self, db: Database, pending: Pending, why: Revocation, /) -> list[AuditEntry]:
        """Revoke a certificate that may have been signed."""

    def orphaned(self, db: Database, /) -> Sequence[Pending]:
        """Return the pending issuances. The caller makes sure that no run is under way."""


def issue(
    home: Home,
    kind: Issuances[Pending, Signed],
    pending: Pending,
    now: datetime,
    sign: Callable[[], Signed],
) -> Signed:
    """Issue one certificate.

    Args:
        sign: lints and signs. If it raises Unavailable, the token may have signed: the pending
            issuance stays for the next run.
    """
    with home.db.write():
        kind.put(home.db, pending)
    result: Signed | RcaError
    try:
        result = sign()
    except Unavailable:
        raise
    except RcaError as error:
        result = error
    with home.db.write():
        complete(home, kind, now, [(pending, result)])
    return unwrap(result)


def complete(
    home: Home,
    kind: Issuances[Pending, Signed],
    now: datetime,
    results: Sequence[tuple[Pending, Signed | RcaError]],
) -> None:
    """Record signed and abandon refused certificates, within the open transaction."""
    signed: list[tuple[Pending, Signed]] = []
    acts: list[AuditEntry] = []
    for each, result in results:
        if isinstance(result, RcaError):
            acts += kind.abandon(home.db, each, _abandoned(now))
        else:
            signed.append((each, result))
    recorder.record(home, now, *acts, *kind.record(home.db, signed))


def abandon_orphans(home: Home, kind: Issuances[Pending, Signed], now: datetime) -> None:
    """Revoke the certificates that a dead run may have signed. The caller excludes other runs."""
    if not kind.orphaned(home.db):
        return
    with home.db.write():
        for each in kind.orphaned(home.db):
            recorder.record(home, now, *kind.abandon(home.db, each, _abandoned(now)))


def _abandoned(now: datetime) -> Revocation:
    return Revocation(now, RevocationReason.CESSATION_OF_OPERATION)
