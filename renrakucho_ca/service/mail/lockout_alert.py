"""Mail the operator when wrong passwords lock a retrieval number."""

from __future__ import annotations

from email.utils import parseaddr

from renrakucho_ca.locale import Catalogue, Language
from renrakucho_ca.model import Act, RetrievalNumber
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.mail import outgoing
from renrakucho_ca.service.retrieval.rate_limit import Address
from renrakucho_ca.store.tables import certificates, outbox
from renrakucho_ca.store.tables.audit_log import AuditEntry

MOST_WAITING = 20
"""Alerts in the outbox at a time: an attack on all numbers must not flood the operator."""


def number_locked(home: Home, number: RetrievalNumber, address: Address) -> None:
    """Record a lockout by a guess from `address`; mail the operator if a download is still
    possible.
    """
    mail = home.settings.mail
    if certificates.bundle(home.db, number) is None:
        return
    with home.db.write():
        recorder.record(home, home.clock(), AuditEntry(Act.LOCKED, number, origin=str(address)))
    if mail.operator is None:
        return
    say = Catalogue(Language(mail.language)).say
    message = outgoing.envelope(
        home,
        [mail.operator],
        say("[{network}] {number} is locked", network=home.settings.network, number=number),
        f"locked.{number}.{home.clock():%Y%m%d%H%M%S}",
    )
    message.set_content(
        say(
            "Too many wrong passwords were typed for the retrieval number {number}; it is locked "
            "for an hour. If the user typed them, run `rca unlock {number}`. If not, run `rca "
            "reissue {number}`: the user gets a new number and password.",
            number=number,
        )
        + "\n"
    )
    with home.db.write():
        if outbox.waiting_for_operator(home.db) < MOST_WAITING:
            outgoing.put(home, None, (parseaddr(mail.operator)[1],), message)
