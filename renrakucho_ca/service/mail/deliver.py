"""Send the mails of the outbox by SMTP, with growing waits between attempts.

An attempt is recorded before it is made, so a crash between the server's reply and our record
causes neither an immediate nor an endless repetition. One mail may then be sent twice, which SMTP
cannot exclude (RFC 5321 §4.1.1.4); both have the same Message-ID.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.service import store_state
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.mail import outgoing
from renrakucho_ca.service.mail.smtp import Server, TlsServer
from renrakucho_ca.service.store_state import Action
from renrakucho_ca.store.tables import outbox
from renrakucho_ca.store.tables.outbox import Mail, MailState

FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=6)
MOST_TRIES = 14
"""With the waits above the last one is after about two days, the lifetime of the link."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Counts of one run."""

    sent: int
    postponed: int
    failed: int


def send(
    home: Home,
    limit: int | None = None,
    report: Callable[[Mail, str | None], None] = lambda *_: None,
) -> Delivery:
    """Send the mails that are due, under a lock: one sender at a time.

    Args:
        report: called for each mail with the problem, or None if it was sent.

    Raises:
        Unavailable: no server is set, it cannot be reached, rejects login or sender, or hangs up.
            Unsent mails stay in the outbox.
        Refused: the store was restored, or the database is older than its journal.
    """
    counts = dict.fromkeys(MailState, 0)
    now = home.clock()
    with home.lock("mail").exclusive():
        if outbox.due(home.db, now) is None:
            return Delivery(0, 0, 0)
        # Mails that went after a backup would go again.
        store_state.require(home, Action.DELIVER)
        with _server(home) as server:
            while limit is None or sum(counts.values()) < limit:
                mail = _begin(home, now)
                if mail is None:
                    break
                state, problem = _send_one(home, server, mail)
                counts[state] += 1
                report(mail, problem)
                if server.sock is None:
                    raise _unusable(home, problem or "it hung up")
    return Delivery(counts[MailState.SENT], counts[MailState.WAITING], counts[MailState.FAILED])


def _begin(home: Home, now: datetime) -> Mail | None:
    """Take the next mail that is due; record this attempt and the time of the next."""
    with home.db.write():
        mail = outbox.due(home.db, now)
        if mail is None:
            return None
        wait = min(FIRST_WAIT * 2**mail.tries, LONGEST_WAIT)
        return outbox.begin(home.db, mail, now + wait)


def _send_one(home: Home, server: Server, mail: Mail) -> tuple[MailState, str | None]:
    """Send one mail and record the result at once."""
    later, never = _deliver(home, server, mail)
    problem = "; ".join({**later, **never}.values()) or None
    with home.db.write():
        if later and mail.tries < MOST_TRIES:
            outbox.postpone(home.db, mail, tuple(later), problem or "")
            return MailState.WAITING, problem
        undelivered = len(later) + len(never) == len(mail.recipients)
        state = MailState.FAILED if undelivered else MailState.SENT
        outbox.finish(home.db, mail, state, problem)
        return state, problem


def _deliver(home: Home, server: Server, mail: Mail) -> tuple[dict[str, str], dict[str, str]]:
    """Pass one mail to the server.

    Returns temporarily and permanently refused recipients, each with the server's reply.
    """
    message = outgoing.content(home, mail)
    sender = parseaddr(home.settings.mail.sender or "")[1]
    refused: dict[str, tuple[int, bytes]] = {}
    server.begin_step()
    try:
        refused = server.sendmail(sender, mail.recipients, message)
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
    except smtplib.SMTPDataError as error:
        refused = dict.fromkeys(mail.recipients, (error.smtp_code, _bytes(error.smtp_error)))
    except (smtplib.SMTPException, OSError) as error:
        # The server hung up, hangs or rejects our sender. All mails would fail: keep this one and
        # close the connection.
        refused = dict.fromkeys(mail.recipients, (421, _reason(error).encode()))
        server.close()
    later: dict[str, str] = {}
    never: dict[str, str] = {}
    for address, (code, text) in refused.items():
        # RFC 5321 §4.2.1: 4yz may be tried again, 5yz should not.
        kind = later if code < 500 else never
        kind[address] = f"{address}: {code} {text.decode(errors='replace')}"[:200]
    return later, never


@contextmanager
def _server(home: Home) -> Iterator[Server]:
    """Connect to the SMTP server of the settings and log in."""
    mail = home.settings.mail
    if mail.host is None:
        raise Unavailable(
            "no mail server is set in rca.yaml", hint="set host: below mail: in rca.yaml"
        )
    with ExitStack() as stack:
        try:
            context = ssl.create_default_context()
            server: Server
            if mail.security == "tls":
                server = TlsServer(mail.host, mail.port, context=context)
            else:
                server = Server(mail.host, mail.port)
            stack.callback(server.close)
            if mail.security == "starttls":
                server.starttls(context=context)
            if mail.user is not None and mail.password_file is not None:
                server.login(mail.user, (home.path / mail.password_file).read_text("ascii").strip())
        except UnicodeError as error:
            # RFC 4616 allows UTF-8, but Python's smtplib does not.
            raise _unusable(home, "user and password of the login have to be ASCII") from error
        except (smtplib.SMTPException, OSError) as error:
            raise _unusable(home, _reason(error)) from error
        yield server
        # An error here does not undo what was sent.
        with suppress(smtplib.SMTPException, OSError):
            server.quit()


def _unusable(home: Home, reason: str) -> Unavailable:
    return Unavailable(
        "cannot use the mail server {host}: {reason}",
        hint="the mails stay in the outbox; run `rca mail send` again",
        host=home.settings.mail.host,
        reason=reason,
    )


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_bytes(error.smtp_error).decode(errors='replace')}"[:200]
    return str(error)[:200] or type(error).__name__


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
