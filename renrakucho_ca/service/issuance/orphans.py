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
from renrakucho_ca.pki import crl
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.sqlite.connection import seconds
from renrakucho_ca.store.tables import hierarchies, pending_issuance
from renrakucho_ca.store.tables.audit import Entry
from renrakucho_ca.store.tables.pending_issuance import Intent


def abandon_all(home: Home) -> None:
    """Revokes what a run that died may have signed. Only while nobody else issues."""
    if pending_issuance.left_over(home.db):
        now = home.clock()
        with home.db.write():
            for intent in pending_issuance.left_over(home.db):
                abandon(home, intent, now)


def abandon(home: Home, intent: Intent, now: datetime) -> None:
    """Revokes what an intent was for, within the open transaction."""
    reason = RevocationReason.CESSATION_OF_OPERATION
    entry = crl.entry(intent.serial, now, reason)
    pending_issuance.abandon(home.db, intent, Revocation(now, reason), entry)
    recorder.record(
        home,
        now,
        Entry(
            Act.ABANDONED,
            intent.number,
            {
                "serial": f"{intent.serial:x}",
                "authority": hierarchies.fingerprint(home.db, intent.authority),
                "user": intent.user,
                "device": intent.device,
                "profile": intent.profile,
                "issued_at": seconds(intent.at),
                "not_after": seconds(intent.not_after),
                "reason": reason.value,
            },
        ),
    )
