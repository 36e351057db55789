"""The outside of every mail, and its way into the outbox, where it lies sealed."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from renrakucho_ca.model import RetrievalNumber
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.tables import outbox
from renrakucho_ca.store.tables.outbox import Mail


def envelope(home: Home, recipients: Sequence[str], subject: str, name: str) -> EmailMessage:
    """A mail without content.

    Args:
        name: what is the same for the same mail: a server that gets it twice shows it once.
    """
    sender = home.settings.mail.sender or "rca@localhost"
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Subject"] = subject
    message["Date"] = format_datetime(home.clock())
    message["Message-ID"] = f"<rca.{name}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    return message


def put(
    home: Home, number: RetrievalNumber | None, recipients: tuple[str, ...], message: EmailMessage
) -> None:
    """Puts a mail into the outbox, in the open transaction.

    Args:
        number: of the certificate that it is about; None: for the operator.
    """
    sealed = home.keystore.bundle_sealer().seal(
        message.as_bytes(policy=SMTP), _context(number), home.random
    )
    outbox.put(home.db, number, recipients, sealed, home.clock())


def content(home: Home, mail: Mail) -> bytes:
    """What lies sealed in the outbox, as it goes to the server."""
    assert mail.sealed is not None
    return home.keystore.bundle_sealer().open(mail.sealed, _context(mail.number))


def _context(number: RetrievalNumber | None) -> str:
    return f"mail {number or 'operator'}"
