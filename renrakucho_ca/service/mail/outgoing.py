"""Build a mail's headers, seal it for the outbox and open it for sending."""

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
    """Return a mail without content.

    Args:
        name: for the Message-ID, so that a repeated mail is shown once.
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
    """Seal a mail and put it into the outbox, in the open transaction.

    Args:
        number: the certificate's; None for a mail to the operator.
    """
    sealed = home.keystore.bundle_sealer().seal(
        message.as_bytes(policy=SMTP), _context(number), home.random
    )
    outbox.put(home.db, number, recipients, sealed, home.clock())


def content(home: Home, mail: Mail) -> bytes:
    """Open a sealed mail: its bytes as they go to the server."""
    assert mail.sealed is not None
    return home.keystore.bundle_sealer().open(mail.sealed, _context(mail.number))


def _context(number: RetrievalNumber | None) -> str:
    return f"mail {number or 'operator'}"
