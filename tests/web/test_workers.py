"""Groups of callers: who shares a transaction, and what each hears."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from renrakucho_ca.errors import NotFound, RcaError, Unavailable
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.retrieval import download
from renrakucho_ca.service.retrieval.download import Claim
from renrakucho_ca.web.workers import Grouped
from tests.shared.homes import Issue, no_passphrase
from tests.shared.waiting import PATIENCE

HERE = ip_address("192.0.2.7")


class Service:
    """Doubles numbers; knows no odd ones. The first group waits until it is let go."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.let_go = threading.Event()

    def __call__(self, home: Home, items: Sequence[int]) -> list[int | RcaError]:
        self.groups.append(list(items))
        self.let_go.wait(PATIENCE)
        if 13 in items:
            raise ZeroDivisionError
        return [NotFound("odd") if item % 2 else item * 2 for item in items]


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def grouped(service: Service, tmp_path: Path) -> Iterator[Grouped[int, int]]:
    grouped = Grouped(lambda: Home(tmp_path, no_passphrase), service, largest=5, waiting=20)
    yield grouped
    grouped.close()


def ask(grouped: Grouped[int, int], service: Service, items: Sequence[int]) -> list[object]:
    """All ask at once, while the first one's group is at work."""

    async def run() -> list[object]:
        tasks = [asyncio.create_task(grouped.run(items[0]))]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        tasks += [asyncio.create_task(grouped.run(item)) for item in items[1:]]
        await asyncio.sleep(0)
        service.let_go.set()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    return asyncio.run(run())


def test_calls_during_a_group_share_the_next_group(
    grouped: Grouped[int, int], service: Service
) -> None:
    assert ask(grouped, service, range(0, 16, 2)) == list(range(0, 32, 4))
    assert service.groups == [[0], [2, 4, 6, 8, 10], [12, 14]]


def test_one_failed_call_affects_no_other(grouped: Grouped[int, int], service: Service) -> None:
    first, odd, even = ask(grouped, service, (2, 3, 4))
    assert (first, even) == (4, 8)
    assert isinstance(odd, NotFound)


def test_a_bug_reaches_its_group_alone(grouped: Grouped[int, int], service: Service) -> None:
    answers = ask(grouped, service, (2, 13, 4, 6, 8, 10, 12))
    assert answers[0] == 4
    assert [type(each) for each in answers[1:6]] == [ZeroDivisionError] * 5
    assert answers[6] == 24


def test_a_full_queue_refuses_at_once(grouped: Grouped[int, int], service: Service) -> None:
    answers = ask(grouped, service, [2] * 31)
    assert answers[:21] == [4] * 21
    assert {type(each) for each in answers[21:]} == {Unavailable}


def test_of_one_group_a_link_is_claimed_once_and_its_button_may_be_pressed_twice(
    home: Home, issue: Issue
) -> None:
    link = download.make_link(home, issue().certificate.number)
    other = download.make_link(home, issue().certificate.number)
    presses = [(link, "a"), (link, "a"), (link, "b"), (other, "a"), ("x" * 43, "a")]
    first, again, second, elsewhere, nothing = download.claim(
        home, [Claim(*each, HERE) for each in presses]
    )
    assert isinstance(first, str)
    assert first == again
    assert isinstance(elsewhere, str)
    assert elsewhere != first
    assert [type(each) for each in (second, nothing)] == [NotFound, NotFound]
