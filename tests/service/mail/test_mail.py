"""Mails: what stands in them, when they go, and that none goes twice."""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import ip_address
from zoneinfo import ZoneInfo

import pytest

from renrakucho_ca.errors import Invalid, Unavailable
from renrakucho_ca.model import RetrievalNumber, RevocationReason, User
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.mail import compose, deliver, lockout_alert
from renrakucho_ca.service.retrieval import authentication, retrieval
from renrakucho_ca.service.retrieval.authentication import Attempt, Wrong
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store.tables import outbox
from renrakucho_ca.store.tables.outbox import Mail, MailState
from tests.shared.homes import Clock

from .mail_home import everything_in, set_mail
from .post_office import PostOffice, content_of


def issue(home: Home, email: str | None = "tanaka@example.jp", device: str = "iphone") -> Issued:
    request = IssuanceRequest.parse(
        User.parse("tanaka", name="田中 花子", email=email), device, "往診用"
    )
    (issued,) = issuance.issue(home, [request], "new", compose.Letters(home).put)
    assert isinstance(issued, Issued)
    return issued


def mail_of(home: Home, issued: Issued) -> Mail:
    number = issued.certificate.number
    return next(mail for mail in outbox.stream(home.db, None) if mail.number == number)


@pytest.fixture(autouse=True)
def empty_outbox(made: Home) -> None:
    with made.db.write():
        made.db.execute("DELETE FROM outbox")


def test_a_mail_has_number_link_and_instructions(
    home: Home, post_office: PostOffice, clock: Clock
) -> None:
    until = (clock.now + timedelta(hours=48)).astimezone(ZoneInfo("Asia/Tokyo"))
    issued = issue(home)
    deliver.send(home)
    (mail,) = post_office.mails()
    assert mail["From"] == "見本市 <ca@example.jp>"
    assert mail["To"] == "tanaka@example.jp"
    assert mail["Subject"] == "【見本市】証明書の発行のお知らせ（iPhone）"
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        text = part.get_content()
        assert issued.certificate.number in text
        assert issued.password in text
        assert issued.link is not None
        assert issued.link in text
        assert f"https://download.example.jp/?number={issued.certificate.number}" in text
        assert "https://download.example.jp/help/iphone" in text
        assert "https://portal.example.jp" in text
        assert f"{until:%Y/%m/%d %H:%M}" in text
        assert "new.ecn.example.jp" in text


def test_a_mail_names_the_network_of_its_user(home: Home, post_office: PostOffice) -> None:
    user = User.parse("elsewhere", email="e@example.jp", network="別の市")
    request = IssuanceRequest.parse(user, "iphone")
    (issued,) = issuance.issue(home, [request], "new", compose.Letters(home).put)
    assert isinstance(issued, Issued)
    deliver.send(home)
    (mail,) = post_office.mails()
    assert mail["Subject"].startswith("【別の市】")


def test_the_link_of_a_mail_has_256_random_bits(home: Home) -> None:
    links = {issue(home).link for _ in range(3)}
    assert len(links) == 3
    assert all(len(str(link).rpartition("/")[2]) >= 43 for link in links)


def test_names_are_escaped_in_html(home: Home, post_office: PostOffice) -> None:
    issue(home)
    deliver.send(home)
    (mail,) = post_office.mails()
    part = mail.get_body(("html",))
    assert part is not None
    assert "見本市役所 &amp; &lt;co&gt;" in part.get_content()


def test_a_line_feed_in_an_address_or_name_never_becomes_a_header(home: Home) -> None:
    with pytest.raises(Invalid):
        User.parse("x", email="a@example.jp\nBcc: b@example.jp")
    with pytest.raises(Invalid):
        User.parse("x\r\nBcc: b@example.jp")


def test_up_to_three_addresses_get_it(home: Home, post_office: PostOffice) -> None:
    issue(home, "a@example.jp; b@example.jp, c@example.jp")
    deliver.send(home)
    (envelope,) = post_office.received
    assert envelope.rcpt_tos == ["a@example.jp", "b@example.jp", "c@example.jp"]


def test_a_fourth_address_is_refused() -> None:
    with pytest.raises(Invalid):
        User.parse("x", email="a@b.jp c@b.jp d@b.jp e@b.jp")


def test_a_user_without_an_address_gets_no_mail_and_no_link(home: Home) -> None:
    request = IssuanceRequest.parse(User.parse("nobody"), "iphone")
    (issued,) = issuance.issue(home, [request], "new", compose.Letters(home).put)
    assert isinstance(issued, Issued)
    assert issued.link is None
    assert list(outbox.stream(home.db, None)) == []


def test_a_mail_is_sent_once(home: Home, post_office: PostOffice) -> None:
    issue(home)
    assert deliver.send(home).sent == 1
    assert deliver.send(home).sent == 0
    assert len(post_office.received) == 1


def test_without_the_setting_the_password_is_not_in_the_mail(
    home: Home, post_office: PostOffice
) -> None:
    home = set_mail(
        home, f"host: 127.0.0.1\n  port: {post_office.port}\n  security: none\n  with_password: no"
    )
    issued = issue(home)
    deliver.send(home)
    (envelope,) = post_office.received
    (mail,) = post_office.mails()
    text = mail.get_body(("plain",))
    assert text is not None
    assert issued.certificate.number in text.get_content()
    assert issued.password not in text.get_content()
    assert issued.password.encode() not in content_of(envelope)


def test_secrets_are_sealed_while_a_mail_waits_and_erased_when_it_is_sent(
    home: Home, post_office: PostOffice
) -> None:
    issued = issue(home)
    waiting = mail_of(home, issued)
    assert waiting.sealed is not None
    secrets = (issued.password.encode(), str(issued.link).rpartition("/")[2].encode())
    stored = everything_in(home.path)
    assert not any(secret in stored for secret in secrets)
    assert waiting.sealed[:200] in stored  # a long value goes on in other pages of the file
    deliver.send(home)
    assert waiting.sealed[:200] not in everything_in(home.path)
    assert mail_of(home, issued).sealed is None


def test_greylisting_is_waited_out_with_growing_waits(
    home: Home, post_office: PostOffice, clock: Clock
) -> None:
    post_office.answers["tanaka@example.jp"] = "451 4.7.1 greylisted, try again later"
    issued = issue(home)
    waits = []
    for _ in range(4):
        before = clock.now
        assert deliver.send(home) == deliver.Delivery(0, 1, 0)
        mail = mail_of(home, issued)
        assert "greylisted" in str(mail.problem)
        waits.append(mail.next_try_at - before)
        clock.now = mail.next_try_at
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]
    post_office.answers.clear()
    assert deliver.send(home).sent == 1
    assert len(post_office.received) == 1


def test_before_its_time_a_postponed_mail_is_not_tried(
    home: Home, post_office: PostOffice, clock: Clock
) -> None:
    post_office.answers["tanaka@example.jp"] = "451 later"
    issue(home)
    deliver.send(home)
    clock.advance(minutes=4)
    assert deliver.send(home) == deliver.Delivery(0, 0, 0)


def test_a_permanently_refused_mail_is_given_up_and_listed(
    home: Home, post_office: PostOffice
) -> None:
    post_office.answers["tanaka@example.jp"] = "550 5.1.1 no such user"
    issued = issue(home)
    assert deliver.send(home).failed == 1
    mail = mail_of(home, issued)
    assert (mail.state, mail.sealed) == (MailState.FAILED, None)
    assert "no such user" in str(mail.problem)


@pytest.mark.parametrize(
    ("answer", "state"),
    [("499 not now", MailState.WAITING), ("500 never", MailState.FAILED)],
)
def test_an_answer_from_500_on_is_for_good(
    home: Home, post_office: PostOffice, answer: str, state: MailState
) -> None:
    """RFC 5321 §4.2.1."""
    post_office.answers["tanaka@example.jp"] = answer
    issued = issue(home)
    deliver.send(home)
    assert mail_of(home, issued).state is state


def test_a_mail_is_tried_fourteen_times(home: Home, post_office: PostOffice, clock: Clock) -> None:
    post_office.answers["tanaka@example.jp"] = "451 later"
    issued = issue(home)
    for count in range(1, 15):
        deliver.send(home)
        assert mail_of(home, issued).tries == count
        clock.now = mail_of(home, issued).next_try_at
    assert mail_of(home, issued).state is MailState.FAILED


def test_after_two_days_of_refusals_it_is_given_up(
    home: Home, post_office: PostOffice, clock: Clock
) -> None:
    post_office.answers["tanaka@example.jp"] = "451 later"
    issued = issue(home)
    begin = clock.now
    while deliver.send(home).failed == 0:
        clock.now = mail_of(home, issued).next_try_at
    assert 1 <= (clock.now - begin).days <= 2


def test_delivery_is_retried_for_refused_recipients_alone(
    home: Home, post_office: PostOffice, clock: Clock
) -> None:
    post_office.answers["b@example.jp"] = "451 later"
    issue(home, "a@example.jp, b@example.jp")
    deliver.send(home)
    post_office.answers.clear()
    clock.advance(hours=1)
    assert deliver.send(home).sent == 1
    assert [each.rcpt_tos for each in post_office.received] == [["a@example.jp"], ["b@example.jp"]]


def test_a_server_that_hangs_up_stops_the_run_and_loses_nothing(
    home: Home, post_office: PostOffice, clock: Clock
) -> None:
    post_office.after_data = ["hang up"]
    issue(home)
    clock.advance(seconds=1)
    issue(home)
    with pytest.raises(Unavailable):
        deliver.send(home)
    clock.advance(hours=1)
    assert deliver.send(home).sent == 2
    assert len(post_office.received) == 2


def test_a_server_that_is_not_there_is_unavailable_and_the_mail_waits(home: Home) -> None:
    home = set_mail(home, "host: 127.0.0.1\n  port: 1\n  security: none")
    issued = issue(home)
    with pytest.raises(Unavailable):
        deliver.send(home)
    assert mail_of(home, issued).state is MailState.WAITING


def test_a_mail_is_void_once_its_certificate_is_revoked(
    home: Home, post_office: PostOffice
) -> None:
    issued = issue(home)
    revocation.revoke(home, [issued.certificate.number], RevocationReason.UNSPECIFIED)
    deliver.send(home)
    assert post_office.received == []
    assert mail_of(home, issued).state is MailState.VOID


def test_a_mail_is_void_once_its_certificate_is_downloaded(
    home: Home, post_office: PostOffice
) -> None:
    issued = issue(home)
    retrieval.export(home, [issued.certificate.number], home.path / "out")
    deliver.send(home)
    assert post_office.received == []


def test_an_operators_template_stands_in_for_ours(home: Home, post_office: PostOffice) -> None:
    own = home.path / "templates"
    own.mkdir(exist_ok=True)
    (own / "mail.subject.txt").write_text("{{ certificate.number }} です\n", encoding="utf-8")
    try:
        issued = issue(home)
        deliver.send(home)
    finally:
        (own / "mail.subject.txt").unlink()
    (mail,) = post_office.mails()
    assert mail["Subject"] == f"{issued.certificate.number} です"


def test_a_mistake_in_an_operators_template_issues_nothing(home: Home) -> None:
    own = home.path / "templates"
    own.mkdir(exist_ok=True)
    (own / "mail.txt").write_text("{{ pasword }}", encoding="utf-8")
    before = home.db.row("SELECT count(*) AS n FROM certificate")
    try:
        with pytest.raises(Invalid, match="pasword"):
            issue(home)
    finally:
        (own / "mail.txt").unlink()
    after = home.db.row("SELECT count(*) AS n FROM certificate")
    assert before is not None
    assert after is not None
    assert before["n"] == after["n"]


@pytest.mark.parametrize(
    ("template", "content"),
    [
        ("mail.txt", b"{{ 1 / 0 }}"),
        ("mail.txt", b"{% if %}"),
        ("mail.txt", b"{% include 'mail.txt' %}"),
        ("mail.txt", b"{% include '../rca.yaml' %}"),
        ("mail.txt", b"{{ say('{nothing}') }}"),
        ("mail.txt", b"{{ date('yesterday') }}"),
        ("mail.txt", b"{{ certificate.__class__.__mro__ }}"),
        ("mail.txt", b"{{ certificate.user.parse.__func__.__globals__ }}"),
        ("mail.html", b"{% for n in range(10 ** 9) %}x{% endfor %}"),
        ("mail.html", b"\x93\xfa\x96\x7b"),
        ("mail.subject.txt", b"{{ password"),
    ],
)
def test_a_broken_template_is_reported_in_one_line(
    home: Home, template: str, content: bytes
) -> None:
    own = home.path / "templates"
    own.mkdir(exist_ok=True)
    (own / template).write_bytes(content)
    try:
        with pytest.raises(Invalid, match=template) as caught:
            issue(home)
    finally:
        (own / template).unlink()
    assert "\n" not in str(caught.value)


def test_a_subject_of_several_lines_becomes_one(home: Home, post_office: PostOffice) -> None:
    own = home.path / "templates"
    own.mkdir(exist_ok=True)
    (own / "mail.subject.txt").write_text("証明書\nBcc: x@example.jp\r\n\r\n本文")
    try:
        issue(home)
    finally:
        (own / "mail.subject.txt").unlink()
    deliver.send(home)
    (mail,) = post_office.mails()
    assert mail["Subject"] == "証明書 Bcc: x@example.jp 本文"
    assert mail["Bcc"] is None


def test_braces_tags_and_feeds_in_names_and_notes_stay_text(
    home: Home, post_office: PostOffice
) -> None:
    note = "{{ password }} {% if %} <script>alert(1)</script>"
    name = "{network} {0} %s"
    user = User.parse("<b>{{ 7 * 7 }}</b>", name=name, email="tanaka@example.jp")
    request = IssuanceRequest.parse(user, "iphone", note)
    issuance.issue(home, [request], "new", compose.Letters(home).put)
    deliver.send(home)
    (mail,) = post_office.mails()
    plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    assert note in plain.get_content()
    assert "<script" not in html.get_content()
    assert "{{ password }}" in html.get_content()


def test_headers_are_encoded_as_every_reader_knows(home: Home, post_office: PostOffice) -> None:
    """Header lines are ASCII, encoded words of 75 letters at most (RFC 2047 §2), and short."""
    issue(home)
    deliver.send(home)
    (envelope,) = post_office.received
    head = content_of(envelope).partition(b"\r\n\r\n")[0]
    assert head.isascii()
    lines = head.split(b"\r\n")
    assert max(map(len, lines)) <= 78
    words = re.findall(rb"=\?[^?\s]+\?[bqBQ]\?[^?\s]*\?=", head)
    assert {word.split(b"?")[1].lower() for word in words} == {b"utf-8"}
    assert max(map(len, words)) <= 75


def attempt(home: Home, number: str, times: int) -> None:
    address = ip_address("192.0.2.7")
    for _ in range(times):
        (answer,) = authentication.verify(
            home, [Attempt(RetrievalNumber(number), "wrong", address)]
        )
        if isinstance(answer, Wrong) and answer.locks:
            lockout_alert.number_locked(home, RetrievalNumber(number), address)
        home.clock.advance(minutes=3)  # type: ignore[attr-defined]  # past every delay


def test_the_operator_gets_one_mail_about_a_lockout(
    home: Home, post_office: PostOffice, clock: Clock
) -> None:
    home = set_mail(
        home,
        f"host: 127.0.0.1\n  port: {post_office.port}\n  security: none\n"
        "  operator: boss@example.jp",
    )
    issued = issue(home)
    attempt(home, issued.certificate.number, 12)
    deliver.send(home)
    (mail,) = (each for each in post_office.mails() if each["To"] == "boss@example.jp")
    assert issued.certificate.number in mail["Subject"]
    assert issued.password not in mail.as_string()


def test_a_lockout_of_an_unknown_number_sends_no_mail(home: Home, post_office: PostOffice) -> None:
    home = set_mail(
        home,
        f"host: 127.0.0.1\n  port: {post_office.port}\n  security: none\n"
        "  operator: boss@example.jp",
    )
    attempt(home, "99999998", 12)
    assert deliver.send(home).sent == 0


def test_twenty_lockout_mails_at_most_wait_for_the_operator(
    home: Home, post_office: PostOffice
) -> None:
    """Those that were sent do not count, nor do mails to users."""
    home = set_mail(
        home,
        f"host: 127.0.0.1\n  port: {post_office.port}\n  security: none\n"
        "  operator: boss@example.jp",
    )
    address = ip_address("192.0.2.7")
    number = issue(home).certificate.number
    for _ in range(25):
        lockout_alert.number_locked(home, number, address)
    assert deliver.send(home).sent == 20 + 1
    for _ in range(25):
        lockout_alert.number_locked(home, number, address)
    assert deliver.send(home).sent == 20
