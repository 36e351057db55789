"""Mail servers as they are: encrypted or not, wrong, slow, gone midway."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from socket import create_server

import pytest

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.model import User
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.mail import compose, deliver, smtp
from renrakucho_ca.store.tables import outbox
from renrakucho_ca.store.tables.outbox import Mail, MailState
from tests.shared.homes import Clock
from tests.shared.waiting import PATIENCE

from .mail_home import PASSPHRASE, PASSWORD, USER, secured, set_mail
from .post_office import PostOffice


@pytest.fixture(autouse=True)
def empty_outbox(made: Home) -> None:
    with made.db.write():
        made.db.execute("DELETE FROM outbox")


def issue(home: Home, email: str = "tanaka@example.jp") -> Issued:
    request = IssuanceRequest.parse(User.parse("tanaka", email=email), "iphone")
    (issued,) = issuance.issue(home, [request], "new", compose.Letters(home).put)
    assert isinstance(issued, Issued)
    return issued


def only_mail(home: Home) -> Mail:
    (mail,) = outbox.stream(home.db, None)
    return mail


# -- who is spoken to


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("implicit", [False, True])
def test_a_login_goes_by_starttls_and_by_tls_from_the_first_byte(
    home: Home,
    tls: tuple[ssl.SSLContext, Path],
    implicit: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[1]))
    with PostOffice(tls=tls[0], implicit=implicit, login=(USER, PASSWORD)) as office:
        home = secured(home, office)
        issue(home)
        assert deliver.send(home).sent == 1
        assert len(office.received) == 1


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("implicit", [False, True])
def test_a_mail_server_with_an_untrusted_certificate_gets_no_mail(
    home: Home, tls: tuple[ssl.SSLContext, Path], implicit: bool
) -> None:
    with PostOffice(tls=tls[0], implicit=implicit, login=(USER, PASSWORD)) as office:
        home = secured(home, office)
        issue(home)
        with pytest.raises(Unavailable, match="certificate verify failed"):
            deliver.send(home)
        assert office.received == []
    assert (only_mail(home).state, only_mail(home).tries) == (MailState.WAITING, 0)


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("password", ["another password", "パスワード"])
def test_a_login_that_is_refused_costs_no_mail_a_try_and_shows_no_password(
    home: Home,
    tls: tuple[ssl.SSLContext, Path],
    password: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[1]))
    with PostOffice(tls=tls[0], login=(USER, PASSWORD)) as office:
        home = secured(home, office, password=password)
        issue(home)
        with pytest.raises(Unavailable) as caught:
            deliver.send(home)
    assert password not in str(caught.value)
    assert only_mail(home).tries == 0


def test_a_server_without_starttls_gets_neither_login_nor_mail(
    home: Home, post_office: PostOffice
) -> None:
    home = secured(home, post_office)
    issue(home)
    with pytest.raises(Unavailable, match="STARTTLS"):
        deliver.send(home)
    assert post_office.received == []


# -- what goes wrong on the way


@contextmanager
def scripted(
    *answers: str, tls: ssl.SSLContext | None = None, drips: bool = False
) -> Iterator[int]:
    """A server that says one line to each of the client's, and after the last one nothing more.

    Args:
        drips: after the last one it says a byte now and then, for ever.
    """
    ended = threading.Event()

    def serve() -> None:
        plain, _ = listener.accept()
        # A client that has heard enough hangs up.
        with suppress(OSError), ExitStack() as stack:
            connection = plain if tls is None else tls.wrap_socket(plain, server_side=True)
            lines = stack.enter_context(stack.enter_context(connection).makefile("rb"))
            for answer in answers:
                connection.sendall(f"{answer}\r\n".encode())
                lines.readline()
            if not drips:
                ended.wait(PATIENCE)
                return
            connection.sendall(b"250-")
            while not ended.wait(0.005):
                connection.sendall(b"x")

    with create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        ended.set()
        thread.join()


@pytest.mark.parametrize(
    ("answers", "tries"),
    [
        pytest.param((), 0, id="before its greeting"),
        pytest.param(("220 x", "250 x"), 1, id="at the sender"),
        pytest.param(("220 x", "250 x", "250 x"), 1, id="at the recipient"),
        pytest.param(("220 x", "250 x", "250 x", "250 x"), 1, id="at the message"),
    ],
)
def test_a_hanging_mail_server_times_out_and_the_mail_waits(
    home: Home, answers: tuple[str, ...], tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than a test stands still between two of its answers on a machine that is busy.
    monkeypatch.setattr(smtp, "SILENCE_SECONDS", 2)
    with scripted(*answers) as port:
        home = set_mail(home, f"host: 127.0.0.1\n  port: {port}\n  security: none")
        issue(home)
        with pytest.raises(Unavailable, match="timed out"):
            deliver.send(home)
    mail = only_mail(home)
    assert (mail.state, mail.tries) == (MailState.WAITING, tries)


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("security", ["none", "tls"])
@pytest.mark.parametrize(
    ("answers", "tries"),
    [
        pytest.param((), 0, id="its greeting"),
        pytest.param(("220 x",), 1, id="its name"),
        pytest.param(("220 x", "250 x"), 1, id="at the sender"),
        pytest.param(("220 x", "250 x", "250 x", "250 x", "354 x"), 1, id="at the message"),
    ],
)
def test_a_slow_mail_server_times_out_and_the_mail_waits(
    home: Home,
    tls: tuple[ssl.SSLContext, Path],
    security: str,
    answers: tuple[str, ...],
    tries: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[1]))
    moments = count(step=smtp.STEP_SECONDS / 12)  # one at each look at the time
    for kind in (smtp.Server, smtp.TlsServer):
        patient = partial(kind, elapsed=lambda: next(moments))
        monkeypatch.setattr(deliver, kind.__name__, patient)
    with scripted(*answers, tls=tls[0] if security == "tls" else None, drips=True) as port:
        home = set_mail(home, f"host: 127.0.0.1\n  port: {port}\n  security: {security}")
        issue(home)
        with pytest.raises(Unavailable, match="timed out"):
            deliver.send(home)
    mail = only_mail(home)
    assert (mail.state, mail.tries) == (MailState.WAITING, tries)


def test_each_mail_has_a_deadline_of_its_own(
    home: Home, post_office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a slow server would never get through a migration's mails."""
    elapsed = 0.0

    def passes(*_: object) -> None:
        nonlocal elapsed
        elapsed += smtp.STEP_SECONDS - 1

    monkeypatch.setattr(deliver, "Server", partial(smtp.Server, elapsed=lambda: elapsed))
    for _ in range(3):
        issue(home)
    assert deliver.send(home, report=passes).sent == 3


@pytest.mark.parametrize("greeting", ["554 no service", "hello", "\0\xff", "220"])
def test_a_server_that_speaks_no_smtp_is_reported_in_one_line(home: Home, greeting: str) -> None:
    with scripted(greeting, "500 what?", "500 what?", "500 what?") as port:
        home = set_mail(home, f"host: 127.0.0.1\n  port: {port}\n  security: none")
        issue(home)
        with pytest.raises(Unavailable):
            deliver.send(home)
    assert only_mail(home).state is MailState.WAITING


def test_a_sender_that_is_refused_gives_up_no_mail(home: Home, post_office: PostOffice) -> None:
    """It is the settings that are wrong: else one slip would erase what thousands wait for."""
    post_office.to_sender = "550 5.7.1 you may not send from here"
    for _ in range(3):
        issue(home)
    with pytest.raises(Unavailable, match="you may not send from here"):
        deliver.send(home)
    mails = list(outbox.stream(home.db, None))
    assert {mail.state for mail in mails} == {MailState.WAITING}
    assert [mail.tries for mail in mails] == [1, 0, 0]


def test_a_yes_that_is_lost_is_asked_for_again_later_with_the_same_message_id(
    home: Home, post_office: PostOffice, clock: Clock
) -> None:
    """The one case in which a mail goes twice; a reader's mail program shows it once."""
    post_office.after_data = ["keep and hang up"]
    issue(home)
    with pytest.raises(Unavailable):
        deliver.send(home)
    assert deliver.send(home).sent == 0, "not at once"
    clock.advance(minutes=5)
    assert deliver.send(home).sent == 1
    first, second = post_office.mails()
    assert first["Message-ID"] == second["Message-ID"]


class DeliveryKilled(BaseException):
    """The machine stops."""


def test_a_sender_that_dies_between_yes_and_note_does_not_send_it_again_at_once(
    home: Home, post_office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(home)
    with monkeypatch.context() as patch:

        def die(*_: object) -> None:
            raise DeliveryKilled

        patch.setattr(outbox, "finish", die)
        with pytest.raises(DeliveryKilled):
            deliver.send(home)
    assert len(post_office.received) == 1
    assert deliver.send(home) == deliver.Delivery(0, 0, 0)
    mail = only_mail(home)
    assert (mail.state, mail.tries) == (MailState.WAITING, 1)
    assert mail.next_try_at - home.clock() == timedelta(minutes=5)


def test_of_several_senders_at_once_each_mail_goes_once(
    home: Home, post_office: PostOffice
) -> None:
    numbers = {issue(home).certificate.number for _ in range(6)}

    def send(_: int) -> int:
        own = Home(home.path, lambda is_new: PASSPHRASE, home.clock)
        try:
            return deliver.send(own).sent
        finally:
            own.db.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(send, range(4))) == 6
    texts = [mail.get_body(("plain",)).get_content() for mail in post_office.mails()]  # type: ignore[union-attr]
    assert len(texts) == 6
    assert all(sum(f": {number}" in text for text in texts) == 1 for number in numbers)


def test_a_servers_words_are_kept_short_and_move_no_cursor(
    home: Home, post_office: PostOffice
) -> None:
    post_office.answers["tanaka@example.jp"] = "550 \x1b[2J" + "x" * 400
    issue(home)
    deliver.send(home)
    problem = only_mail(home).problem
    assert problem is not None
    assert len(problem) <= 200
