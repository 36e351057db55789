"""Mails to the people who get a certificate: written when it is issued, sent when a server can.

A mail is put into the outbox by the transaction that records the certificate, sealed, because it
has link and password. What a server refuses for now is tried again with growing waits; what it
refuses for good, or too often, is given up, visibly. Sent or given up, its content is erased.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import parseaddr

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.locale import Catalogue, Language
from renrakucho_ca.model import Certificate
from renrakucho_ca.service import download, instructions, outgoing
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.pages import Pages
from renrakucho_ca.store import certificates, outbox
from renrakucho_ca.store.outbox import Mail, MailState

TIMEOUT_SECONDS = 30
"""For each answer of the server."""

FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=6)
MOST_TRIES = 14
"""With the waits above, given up after about two days: as long as the link is good."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a run of sending did."""

    sent: int
    postponed: int
    failed: int


class Letters:
    """Writes mails in the language and with the templates of a home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._catalogue = Catalogue(Language(home.settings.mail.language))
        self._pages = Pages(self._catalogue, home.settings.zone, home.path / "templates")

    def put(self, certificate: Certificate, password: str) -> str | None:
        """Puts a mail about a new certificate into the outbox, in the open transaction.

        Returns:
            The link that it has; None where the user has no address.
        """
        home, recipients = self._home, certificate.user.addresses
        if not recipients:
            return None
        link = _address(home, download.link_path(download.make_link(home, certificate.number)))
        message = self._message(certificate, password, link)
        outgoing.put(home, certificate.number, recipients, message)
        return link

    def _message(self, certificate: Certificate, password: str, link: str | None) -> EmailMessage:
        home = self._home
        settings, now = home.settings, home.clock()
        bundle = certificates.bundle(home.db, certificate.number)
        assert bundle is not None
        offer = download.describe(home, certificate, bundle.container)
        values = {
            "certificate": certificate,
            "password": password if settings.mail.with_password else None,
            "link": link,
            "link_until": now + download.LINK_LIFETIME,
            "page": _address(home, f"?number={certificate.number}"),
            "help": _address(home, f"help/{certificate.device}"),
            "login": settings.login_url,
            "network": certificate.user.network or settings.network,
            "organization": settings.organization,
            "steps": instructions.for_device(certificate.device, offer.container),
            "offer": offer,
            "file": f"{certificate.number}{offer.container.suffix}",
        }
        subject = self._pages.render("mail.subject.txt", **values).strip()
        message = outgoing.envelope(
            home, certificate.user.addresses, subject, f"{certificate.serial:x}"
        )
        message.set_content(self._pages.render("mail.txt", **values))
        message.add_alternative(self._pages.render("mail.html", **values), subtype="html")
        return message


def send(
    home: Home, limit: int | None = None, told: Callable[[Mail, str | None], None] = lambda *_: None
) -> Delivery:
    """Sends what is due. One sender at a time, so that no mail is sent by two.

    Args:
        told: is told of each mail, and why it was not sent.

    Raises:
        Unavailable: no server is set, or it cannot be reached or wants another login.
    """
    counts = dict.fromkeys(MailState, 0)
    now = home.clock()
    with home.lock("mail").exclusive():
        if outbox.due(home.db, now) is None:
            return Delivery(0, 0, 0)
        with _server(home) as server:
            while limit is None or sum(counts.values()) < limit:
                mail = outbox.due(home.db, now)
                if mail is None:
                    break
                state, problem = _send_one(home, server, mail, now)
                counts[state] += 1
                told(mail, problem)
                if server.sock is None:
                    raise Unavailable(
                        "the mail server {host} hung up: {problem}",
                        hint="the mails wait; run `rca mail send` again",
                        host=home.settings.mail.host,
                        problem=problem,
                    )
    return Delivery(counts[MailState.SENT], counts[MailState.WAITING], counts[MailState.FAILED])


def _send_one(
    home: Home, server: smtplib.SMTP, mail: Mail, now: datetime
) -> tuple[MailState, str | None]:
    """Sends one mail, and records at once what became of it."""
    later, never = _deliver(home, server, mail)
    problem = "; ".join({**later, **never}.values()) or None
    with home.db.write():
        if later and mail.tries + 1 < MOST_TRIES:
            wait = min(FIRST_WAIT * 2**mail.tries, LONGEST_WAIT)
            outbox.postpone(home.db, mail, tuple(later), now + wait, problem or "")
            return MailState.WAITING, problem
        nobody = len(later) + len(never) == len(mail.recipients)
        state = MailState.FAILED if nobody else MailState.SENT
        outbox.finish(home.db, mail, state, problem)
        return state, problem


def _deliver(home: Home, server: smtplib.SMTP, mail: Mail) -> tuple[dict[str, str], dict[str, str]]:
    """Hands one mail to the server.

    Returns:
        Recipients that were refused for now, and for good, and what the server said.
    """
    message = outgoing.content(home, mail)
    sender = parseaddr(home.settings.mail.sender or "")[1]
    refused: dict[str, tuple[int, bytes]] = {}
    try:
        refused = server.sendmail(sender, mail.recipients, message)
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
    except smtplib.SMTPResponseException as error:
        refused = dict.fromkeys(mail.recipients, (error.smtp_code, _bytes(error.smtp_error)))
    except (smtplib.SMTPException, OSError) as error:
        # It hung up or hangs: this mail waits, and no other is tried now.
        refused = dict.fromkeys(mail.recipients, (421, str(error).encode()))
        server.close()
    later: dict[str, str] = {}
    never: dict[str, str] = {}
    for address, (code, text) in refused.items():
        # RFC 5321 §4.2.1: 4yz may be tried again, 5yz should not.
        kind = later if code < 500 else never
        kind[address] = f"{address}: {code} {text.decode(errors='replace')}"[:200]
    return later, never


@contextmanager
def _server(home: Home) -> Iterator[smtplib.SMTP]:
    """A connection to the SMTP server of the settings, logged in."""
    mail = home.settings.mail
    if mail.host is None:
        raise Unavailable("no mail server is set", hint="mail: host: in rca.yaml")
    try:
        context = ssl.create_default_context()
        server: smtplib.SMTP
        if mail.security == "tls":
            server = smtplib.SMTP_SSL(
                mail.host, mail.port, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT_SECONDS)
        with server:
            if mail.security == "starttls":
                server.starttls(context=context)
            if mail.user is not None and mail.password_file is not None:
                password = (home.path / mail.password_file).read_text().rstrip("\n")
                server.login(mail.user, password)
            yield server
    except (smtplib.SMTPException, OSError) as error:
        raise Unavailable(
            "the mail server {host} cannot be used: {reason}",
            hint="the mails wait; run `rca mail send` again",
            host=mail.host,
            reason=_reason(error),
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_bytes(error.smtp_error).decode(errors='replace')}"[:200]
    return str(error)[:200]


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _address(home: Home, path: str) -> str | None:
    """Where the portal answers; None where the home is not public."""
    base = home.settings.public_url
    return None if base is None else f"{base}/{path}"
