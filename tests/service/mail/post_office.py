"""A real SMTP server (aiosmtpd) that can be told to misbehave."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.shared.waiting import PATIENCE, free_port


@dataclass
class PostOffice:
    """Keeps what it gets.

    Attributes:
        answers: what it says to a recipient, instead of taking the mail.
        after_data: what it says to the message itself, once for each. "hang up" instead of an
            answer; "keep and hang up" where the answer alone is lost.
        to_sender: what it says to the sender, if that is to be refused.
        tls: its certificate and key.
        implicit: whether TLS begins with the first byte; else it wants STARTTLS, if it has `tls`.
        login: user and password that it wants.
    """

    received: list[Envelope] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    after_data: list[str] = field(default_factory=list)
    to_sender: str | None = None
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    login: tuple[str, str] | None = None

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_sender is not None:
            return self.to_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.after_data:
            answer = self.after_data.pop(0)
            if answer == "keep and hang up":
                self.received.append(envelope)
            if answer.endswith("hang up"):
                assert server.transport is not None
                server.transport.close()
            return answer
        self.received.append(envelope)
        return "250 OK"

    def __enter__(self) -> PostOffice:
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            # Port 0 cannot be asked for its number before the server runs.
            port=free_port(),
            ready_timeout=PATIENCE,
            ssl_context=self.tls if self.implicit else None,
            tls_context=None if self.implicit else self.tls,
            require_starttls=self.tls is not None and not self.implicit,
            authenticator=self._authenticate,
            auth_required=self.login is not None,
            auth_require_tls=not self.implicit,
        )
        self._controller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._controller.stop()

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self.login, handled=False)

    @property
    def port(self) -> int:
        port: int = self._controller.port
        return port

    def mails(self) -> list[EmailMessage]:
        """What came, as Python's own mail reader reads it."""
        return [
            message_from_bytes(content_of(each), policy=policy.default) for each in self.received
        ]


def content_of(envelope: Envelope) -> bytes:
    """A mail's bytes, as they came."""
    assert isinstance(envelope.content, bytes)
    return envelope.content
