"""The download by web: for how long each link leads to it, and when the store may not give it."""

from __future__ import annotations

import ipaddress
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from renrakucho_ca.errors import NotFound, RcaError, Refused, Unavailable
from renrakucho_ca.model import RetrievalNumber, User
from renrakucho_ca.service import user_records
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.retrieval import authentication, download
from renrakucho_ca.service.retrieval.authentication import Attempt
from renrakucho_ca.service.retrieval.download import Claim
from tests.shared.homes import Clock, issue, open_home, record_of, rows

ADDRESS = ipaddress.ip_address("198.51.100.1")


def claim(home: Home, link: str) -> str | RcaError:
    (answer,) = download.claim(home, [Claim(link, "visit", ADDRESS)])
    return answer


def link_by_password(home: Home) -> str:
    issued = issue(home, "android")
    attempt = Attempt(issued.certificate.number, issued.password, ADDRESS)
    (token,) = authentication.verify(home, [attempt])
    assert isinstance(token, str)
    return token


def link_by_mail(home: Home) -> str:
    return download.make_link(home, issue(home, "android").certificate.number)


@pytest.mark.parametrize(
    ("make", "lifetime"),
    [(link_by_password, timedelta(minutes=30)), (link_by_mail, timedelta(hours=48))],
)
def test_a_link_works_until_the_last_second_of_its_lifetime(
    home: Home, clock: Clock, make: Callable[[Home], str], lifetime: timedelta
) -> None:
    token = make(home)
    clock.now += lifetime - timedelta(seconds=1)
    download.offer(home, token)
    clock.advance(seconds=1)
    with pytest.raises(NotFound):
        download.offer(home, token)
    assert isinstance(claim(home, token), NotFound)


def test_a_link_to_a_certificate_past_its_end_leads_nowhere(home: Home, clock: Clock) -> None:
    """Also where the link itself is young: a mail may be sent again years later."""
    certificate = issue(home, "android").certificate
    clock.now = certificate.not_after - timedelta(seconds=1)
    token = download.make_link(home, certificate.number)
    download.offer(home, token)
    clock.advance(seconds=1)
    with pytest.raises(NotFound):
        download.offer(home, token)
    assert isinstance(claim(home, token), NotFound)


def test_a_claimed_file_can_be_fetched_for_ten_minutes(home: Home, clock: Clock) -> None:
    token = claim(home, link_by_mail(home))
    assert isinstance(token, str)
    clock.advance(minutes=9, seconds=59)
    _, first = download.fetch(home, token)
    _, second = download.fetch(home, token)
    assert first == second
    clock.advance(seconds=1)
    with pytest.raises(NotFound):
        download.fetch(home, token)


@pytest.mark.parametrize("used_since", [False, True])
def test_an_older_database_copied_back_offers_and_delivers_nothing(
    home: Home, clock: Clock, tmp_path: Path, used_since: bool
) -> None:
    """It does not know what was downloaded or revoked since it was copied."""
    number = issue(home, "android").certificate.number
    link = download.make_link(home, number)
    older = shutil.copy(home.database, tmp_path / "older")
    assert isinstance(claim(home, link), str)
    home.db.close()
    shutil.copy(older, home.database)
    again = open_home(home.path, clock)
    if used_since:
        user_records.add(again, User("somebody"))
    with pytest.raises((Refused, Unavailable)):
        download.offer(again, link)
    assert isinstance(claim(again, link), Refused | Unavailable)
    assert record_of(again, number).downloaded_at is None
    assert rows(again, "SELECT count(*) FROM bundle") == [(1,)]


def test_a_refused_claim_takes_no_download(home: Home) -> None:
    number = issue(home, "android").certificate.number
    assert isinstance(claim(home, "x" * 43), NotFound)
    assert record_of(home, number).downloaded_at is None
    assert isinstance(claim(home, download.make_link(home, number)), str)
    assert isinstance(claim(home, download.make_link(home, number)), NotFound)
    assert rows(home, "SELECT count(*) FROM handout") == [(1,)]


def test_a_link_to_an_unknown_number_is_not_made(home: Home) -> None:
    with pytest.raises(NotFound):
        download.make_link(home, RetrievalNumber("12345678"))


def test_links_that_lead_nowhere_are_destroyed(home: Home, clock: Clock) -> None:
    """A spent one at once, whatever its age; an unused one at its end; no other."""
    spent, unused = (issue(home, "android").certificate.number for _ in range(2))
    link = download.make_link(home, spent)
    download.make_link(home, spent)
    download.make_link(home, unused)
    claim(home, link)
    count = "SELECT count(*) FROM download_link"
    download.destroy_expired(home)
    assert rows(home, count) == [(1,)]
    clock.advance(hours=47, minutes=59, seconds=59)
    download.destroy_expired(home)
    assert rows(home, count) == [(1,)]
    clock.advance(seconds=1)
    download.destroy_expired(home)
    assert rows(home, count) == [(0,)]
