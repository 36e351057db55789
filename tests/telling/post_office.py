"""A real SMTP server (aiosmtpd) that can be told to misbehave."""

from __future__ import annotations

from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class PostOffice:
    """Keeps what it gets.

    Attributes:
        answers: what it says to a recipient, instead of taking the mail.
        after_data: what it says to the message itself, once for each.
    """

    received: list[Envelope] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    after_data: list[str] = field(default_factory=list)

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
            if answer == "hang up":
                server.transport.close()
            return answer
        self.received.append(envelope)
        return "250 OK"

    def __enter__(self) -> PostOffice:
        self._controller = Controller(self, hostname="127.0.0.1", port=0)
        # Port 0 cannot be asked for its number before the server runs.
        self._controller.port = _free_port()
        self._controller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        port: int = self._controller.port
        return port

    def mails(self) -> list[EmailMessage]:
        """What came, as Python's own mail reader reads it."""
        return [
            message_from_bytes(bytes(each.content or b""), policy=policy.default)  # type: ignore[misc]
            for each in self.received
        ]


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
