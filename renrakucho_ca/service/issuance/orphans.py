"""Intents that nobody fulfilled: what a run that died may have signed goes on the CRL.

Nobody can know whether it was signed, so it counts as if it had been.
"""

from __future__ import annotations

from datetime import datetime

from renrakucho_ca.model import (
    Act,
    Revocation,
    RevocationReason,
)
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.revocation.revoke import revoke_certificates
from renrakucho_ca.store.sqlite.connection import seconds
from renrakucho_ca.store.tables import hierarchies, pending_issuance
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.store.tables.pending_issuance import PendingIssuance


def abandon_all(home: Home) -> None:
    """Revokes what a run that died may have signed. Only while nobody else issues."""
    if pending_issuance.orphaned(home.db):
        now = home.clock()
        with home.db.write():
            for pending in pending_issuance.orphaned(home.db):
                abandon(home, pending, now)


def abandon(home: Home, pending: PendingIssuance, now: datetime) -> None:
    """Revokes what an intent was for, within the open transaction."""
    reason = RevocationReason.CESSATION_OF_OPERATION
    pending_issuance.abandon(home.db, pending)
    revoke_certificates(home.db, [pending.number], Revocation(now, reason))
    recorder.record(
        home,
        now,
        AuditEntry(
            Act.ABANDONED,
            pending.number,
            {
                "serial": f"{pending.serial:x}",
                "authority": hierarchies.fingerprint(home.db, pending.authority),
                "user": pending.user,
                "device": pending.device,
                "profile": pending.profile,
                "issued_at": seconds(pending.at),
                "not_after": seconds(pending.not_after),
                "reason": reason.value,
            },
        ),
    )
