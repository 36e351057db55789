"""Wrong guesses: all look the same, each costs more, and none locks out those who are right."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from statistics import median
from time import thread_time
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from renrakucho_ca.bundle import password
from renrakucho_ca.cli.app import App
from renrakucho_ca.cli.root import root
from renrakucho_ca.errors import Conflict, NotFound, RcaError
from renrakucho_ca.model import RetrievalNumber, RevocationReason
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.retrieval import authentication, download, rate_limit
from renrakucho_ca.service.retrieval.authentication import Attempt, Wrong
from renrakucho_ca.service.retrieval.download import Claim
from renrakucho_ca.service.retrieval.rate_limit import ADDRESS, NUMBER, Locked
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store.tables.attempts import CounterKind
from tests.shared.homes import Clock, Issue

from .person import PROXY, Person

Visitor = Callable[..., Person]
WRONG = "abcd-efgh-jkmn"
ADDRESSES = [ipaddress.IPv4Address(0xC6336400 + n) for n in range(256)]


def attempt(
    home: Home, number: str, address: rate_limit.Address, typed: str = WRONG
) -> type[RcaError] | None:
    """How a guess ends: None where it was right."""
    (answer,) = authentication.verify(home, [Attempt(RetrievalNumber(number), typed, address)])
    return type(answer) if isinstance(answer, RcaError) else None


def test_unknown_wrong_spent_revoked_held_and_no_number_look_the_same(
    home: Home, issue: Issue, visitor: Visitor
) -> None:
    spent, revoked, held, wrong = (issue() for _ in range(4))
    visitor().claimed(spent)
    revocation.revoke(home, [revoked.certificate.number], RevocationReason.UNSPECIFIED)
    revocation.hold(home, held.certificate.number)
    answers = [
        visitor().enter_password(number, password)
        for number, password in (
            (wrong.certificate.number, WRONG),
            (wrong.certificate.number, ""),
            (wrong.certificate.number, "x" * 200),
            (spent.certificate.number, spent.password),
            (revoked.certificate.number, revoked.password),
            (held.certificate.number, held.password),
            ("10000000", WRONG),
            ("123", WRONG),
            ("", ""),
            ("<script>", "\ud800".encode("utf-8", "replace").decode()),
        )
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(answer.headers.items()) for answer in answers}) == 1


def test_an_attempt_at_an_unknown_number_takes_as_long(home: Home, issue: Issue) -> None:
    known = issue().certificate.number

    def took(number: str) -> float:
        began = thread_time()
        assert attempt(home, number, ADDRESSES[0]) is Wrong
        elapsed = thread_time() - began
        home.db.execute("DELETE FROM guess")
        return elapsed

    pairs = [(took(known), took("10000001")) for _ in range(75)]
    ratio = median(one / other for one, other in pairs)
    # Of the processor's time, which other load does not change, the hash is more than half.
    assert 0.7 < ratio < 1.4, ratio


def test_unknown_spent_and_old_links_look_the_same(
    home: Home, issue: Issue, visitor: Visitor, clock: Clock
) -> None:
    spent, old = issue(), issue()
    links = [download.make_link(home, each.certificate.number) for each in (spent, old)]
    nurse = visitor()
    nurse.press(nurse.open(f"/d/{links[0]}"))
    clock.advance(hours=48)
    answers = [nurse.client.get(f"/d/{link}") for link in (*links, "x" * 43, "x", "%00", "é")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


def test_each_wrong_password_costs_a_number_more_time(
    home: Home, issue: Issue, clock: Clock
) -> None:
    issued = issue()
    number, waits = issued.certificate.number, []
    for address in ADDRESSES[:10]:
        waits.append(0)
        while attempt(home, number, address) is Locked:
            clock.advance(seconds=1)
            waits[-1] += 1
    assert waits == [0, 0, 0, 0, 0, 2, 4, 8, 16, 32]
    clock.advance(minutes=59, seconds=59)
    assert attempt(home, number, ADDRESSES[20], issued.password) is Locked
    clock.advance(seconds=1)
    assert attempt(home, number, ADDRESSES[20], issued.password) is None


def test_attempts_during_a_lockout_do_not_prolong_it(
    home: Home, issue: Issue, clock: Clock
) -> None:
    issued = issue()
    for n in range(10):
        clock.advance(minutes=1)
        assert attempt(home, issued.certificate.number, ADDRESSES[n]) is Wrong
    for n in range(60):
        assert attempt(home, issued.certificate.number, ADDRESSES[100 + n]) is Locked
        clock.advance(minutes=1)
    assert attempt(home, issued.certificate.number, ADDRESSES[0], issued.password) is None


def test_a_lockout_by_web_is_recorded_once_with_the_address_of_the_last_attempt(
    home: Home, issue: Issue, visitor: Visitor, clock: Clock
) -> None:
    number = issue().certificate.number
    for n in range(12):
        clock.advance(minutes=5)
        visitor(f"203.0.113.{n + 1}").enter_password(number, WRONG)
    locked = "SELECT origin FROM audit WHERE act = 'locked' AND object = ?"
    assert [row["origin"] for row in home.db.rows(locked, (number,))] == ["203.0.113.10"]


def test_an_unknown_number_is_locked_like_a_known_one(
    home: Home, issue: Issue, visitor: Visitor
) -> None:
    pages = []
    for number in (issue().certificate.number, "10000002"):
        for n in range(5):
            assert visitor().enter_password(number, WRONG).status_code == 403, n
        pages.append(visitor().enter_password(number, WRONG))
    assert [page.status_code for page in pages] == [429, 429]
    assert pages[0].content == pages[1].content


def test_the_lockout_page_shows_a_minute_after_the_lockout_ends(
    home: Home, issue: Issue, visitor: Visitor, clock: Clock
) -> None:
    number = issue().certificate.number
    for n in range(6):
        attempt(home, number, ADDRESSES[n])
    clock.now = clock.now.replace(second=30)
    attempt(home, number, ADDRESSES[9])
    page = visitor().press(visitor().open("/"), number=number, password=WRONG)
    said = re.search(r"after (\d\d):(\d\d)\.", page.text)
    assert said is not None
    until = home.db.row("SELECT blocked_until FROM guess WHERE kind = 'number'")
    assert until is not None
    hour, minute = map(int, said.groups())
    ends = datetime.fromtimestamp(until[0], ZoneInfo("Asia/Tokyo"))
    shown = ends.replace(hour=hour, minute=minute, second=0)
    # Past midnight, where the lock ends in a day's last minute.
    assert (shown - ends) % timedelta(days=1) < timedelta(minutes=1)


def test_a_lock_survives_a_restart_and_ends_with_rca_unlock(
    home: Home, issue: Issue, clock: Clock
) -> None:
    issued = issue()
    number = issued.certificate.number
    for n in range(10):
        clock.advance(minutes=1)
        attempt(home, number, ADDRESSES[n])
    again = Home(home.path, lambda _: b"", clock)
    assert attempt(again, number, ADDRESSES[30], issued.password) is Locked
    done = CliRunner().invoke(root, ["--home", str(home.path), "unlock", number], obj=App())
    assert done.exit_code == 0, done.output
    assert attempt(again, number, ADDRESSES[30], issued.password) is None


def test_a_number_without_a_lockout_cannot_be_unlocked(home: Home, issue: Issue) -> None:
    with pytest.raises(Conflict):
        download.unlock(home, issue().certificate.number)
    with pytest.raises(NotFound):
        download.unlock(home, RetrievalNumber("10000003"))


def test_a_hundred_concurrent_attempts_count_as_five(home: Home, issue: Issue) -> None:
    issued = issue()

    def one(n: int) -> bool:
        own = Home(home.path, lambda _: b"", home.clock)
        try:
            return attempt(own, issued.certificate.number, ADDRESSES[n]) is Wrong
        finally:
            own.db.close()

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(one, range(100))) == 5


def test_an_address_with_attempts_at_many_numbers_is_locked_out(home: Home, clock: Clock) -> None:
    taken = sum(attempt(home, str(20_000_000 + n), ADDRESSES[0]) is Wrong for n in range(100))
    assert taken == ADDRESS.free + 1
    clock.advance(hours=1)
    assert attempt(home, "20000000", ADDRESSES[0]) is Wrong, "forgotten after an hour"


def test_a_facility_behind_one_address_is_not_punished_for_being_right(
    home: Home, issue: Issue
) -> None:
    for _ in range(ADDRESS.lock_at):
        issued = issue("android")
        assert attempt(home, issued.certificate.number, ADDRESSES[0], issued.password) is None
    taken = sum(attempt(home, str(70_000_000 + n), ADDRESSES[0]) is Wrong for n in range(60))
    assert taken == ADDRESS.free + 1


def test_an_ipv6_household_counts_as_one_address(home: Home) -> None:
    household = ipaddress.IPv6Network("2001:db8:0:1::/64")
    taken = sum(attempt(home, str(30_000_000 + n), household[n * 1000]) is Wrong for n in range(60))
    assert taken == ADDRESS.free + 1
    assert attempt(home, "30000100", ipaddress.ip_address("2001:db8:0:2::1")) is Wrong


def test_an_attack_on_all_numbers_from_everywhere_keeps_no_honest_person_out_for_long(
    home: Home, issue: Issue, clock: Clock
) -> None:
    """200 addresses, 600 numbers; then somebody new types a password, wrong at first."""
    victims = [issue("android") for _ in range(3)]
    for n in range(1500):
        attempt(home, str(40_000_000 + n % 600), ADDRESSES[n % 200])
    nurse = ipaddress.ip_address("203.0.113.9")
    assert attempt(home, victims[0].certificate.number, nurse) is Wrong
    assert attempt(home, victims[0].certificate.number, nurse, victims[0].password) is None
    # Whose own number was attacked waits an hour at most, and a mail's link works all the time.
    for n in range(10):
        clock.advance(minutes=1)
        attempt(home, victims[1].certificate.number, ipaddress.ip_address(f"203.0.114.{n}"))
    link = download.make_link(home, victims[1].certificate.number)
    assert attempt(home, victims[1].certificate.number, nurse, victims[1].password) is Locked
    assert download.offer(home, link).certificate.number == victims[1].certificate.number
    clock.advance(hours=1)
    assert attempt(home, victims[1].certificate.number, nurse, victims[1].password) is None


def test_under_attack_an_address_is_limited_more_strictly(home: Home) -> None:
    home.db.execute(
        "INSERT INTO guess VALUES ('all', '', ?, ?, 0)",
        (rate_limit.ATTACK, int(home.clock().timestamp())),
    )
    taken = sum(attempt(home, str(50_000_000 + n), ADDRESSES[0]) is Wrong for n in range(30))
    assert taken == rate_limit.ADDRESS_UNDER_ATTACK.free + 1


def test_a_right_password_takes_back_no_wrong_attempt_of_its_address(
    home: Home, issue: Issue
) -> None:
    """Who holds one password could else try those of others without end."""
    issued = issue()
    for n in range(15):
        assert attempt(home, str(51_000_000 + n), ADDRESSES[0]) is Wrong
    assert attempt(home, issued.certificate.number, ADDRESSES[0], issued.password) is None
    taken = sum(attempt(home, str(52_000_000 + n), ADDRESSES[0]) is Wrong for n in range(30))
    assert taken == ADDRESS.free + 1 - 15


def test_right_passwords_do_not_count_as_an_attack(home: Home, issue: Issue) -> None:
    issued = issue()
    for n in range(50):
        assert attempt(home, issued.certificate.number, ADDRESSES[n], issued.password) is None
    counts = "SELECT name, failures FROM guess WHERE kind <> 'number' AND failures <> 0"
    assert list(home.db.rows(counts)) == []


@pytest.mark.parametrize(
    ("over_all", "waits"), [(rate_limit.ATTACK - 1, False), (rate_limit.ATTACK, True)]
)
def test_less_patience_begins_with_the_attempt_after_the_last_that_is_borne(
    home: Home, over_all: int, waits: bool
) -> None:
    """An address that was wrong more often than is borne under attack, and less than else."""
    now = int(home.clock().timestamp())
    insert = "INSERT INTO guess VALUES (?, ?, ?, ?, 0)"
    home.db.execute(insert, ("all", "", over_all, now))
    failures = rate_limit.ADDRESS_UNDER_ATTACK.free + 1
    home.db.execute(insert, ("address", str(ADDRESSES[0]), failures, now))
    assert attempt(home, "53000000", ADDRESSES[0]) is Wrong
    assert attempt(home, "53000001", ADDRESSES[0]) is (Locked if waits else Wrong)


def test_all_right_passwords_of_a_moment_are_let_in(home: Home, issue: Issue) -> None:
    people = [issue("android") for _ in range(3)]
    attempts = [
        Attempt(each.certificate.number, typed, ADDRESSES[0])
        for each in people
        for typed in (WRONG, each.password)
    ]
    answers = authentication.verify(home, attempts)
    assert [isinstance(answer, str) for answer in answers] == [False, True] * 3
    offered = [
        download.offer(home, link).certificate.number for link in answers if isinstance(link, str)
    ]
    assert offered == [each.certificate.number for each in people]


def test_no_lock_is_longer_than_an_hour() -> None:
    for policy in (NUMBER, ADDRESS, rate_limit.ADDRESS_UNDER_ATTACK):
        waits = [policy.wait(failures) for failures in range(10_000)]
        assert waits == sorted(waits)
        assert max(waits) <= timedelta(hours=1)


def test_the_counters_do_not_stay_for_ever(home: Home, clock: Clock) -> None:
    attempt(home, "60000000", ADDRESSES[0])
    clock.advance(hours=1)
    download.destroy_expired(home)
    assert home.db.row("SELECT * FROM guess") is None


# -- where a guess comes from


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("198.51.100.1", "203.0.113.7", "198.51.100.1"),
        (PROXY, "203.0.113.7", "203.0.113.7"),
        (PROXY, "1.2.3.4, 203.0.113.7", "203.0.113.7"),
        (PROXY, f"1.2.3.4, 203.0.113.7, {PROXY}", "203.0.113.7"),
        (PROXY, "2001:db8::7", "2001:db8::/64"),
        (PROXY, "::ffff:203.0.113.7", "203.0.113.7"),
        (PROXY, "unknown", PROXY),
        (PROXY, "203.0.113.7, <script>", PROXY),
        (PROXY, "", PROXY),
        ("nonsense", "203.0.113.7", "0.0.0.0"),
    ],
)
def test_the_forwarded_address_is_believed_from_a_configured_proxy_alone(
    home: Home, visitor: Visitor, peer: str, forwarded: str, counted: str
) -> None:
    visitor(peer, **{"X-Forwarded-For": forwarded}).enter_password("10000004", WRONG)
    row = home.db.row("SELECT name FROM guess WHERE kind = ?", (CounterKind.ADDRESS.value,))
    assert row is not None
    assert row["name"] == counted


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::/64"),
        ("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
    ],
)
def test_a_household_counts_as_one_address(address: str, counted: str) -> None:
    assert rate_limit.group(ipaddress.ip_address(address)) == counted


# -- what a guess costs us


def test_every_attempt_costs_the_same_work(
    home: Home, issue: Issue, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One password hash, and one durable transaction: what takes time, and what differs by disk."""
    wrong, spent, revoked, held, expired = (issue() for _ in range(5))
    link = download.make_link(home, spent.certificate.number)
    download.claim(home, [Claim(link, "visit", ADDRESSES[0])])
    revocation.revoke(home, [revoked.certificate.number], RevocationReason.UNSPECIFIED)
    revocation.hold(home, held.certificate.number)
    home.db.execute(
        "UPDATE certificate SET not_before = 0, not_after = ? WHERE number = ?",
        (int(clock().timestamp()), int(expired.certificate.number)),
    )
    work: list[str] = []
    verify, write = password.verify, home.db.write

    def counted_verify(phc: str, typed: str) -> bool:
        work.append("hash")
        return verify(phc, typed)

    def counted_write() -> AbstractContextManager[None]:
        work.append("write")
        return write()

    monkeypatch.setattr(password, "verify", counted_verify)
    monkeypatch.setattr(home.db, "write", counted_write)
    for n, (number, typed) in enumerate(
        [
            (RetrievalNumber("10000009"), WRONG),
            (wrong.certificate.number, WRONG),
            *((each.certificate.number, each.password) for each in (spent, revoked, held, expired)),
        ]
    ):
        work.clear()
        assert attempt(home, number, ADDRESSES[n], typed) is Wrong
        assert work == ["write", "hash"], n


def test_the_locking_attempt_takes_as_long_for_an_unknown_number(
    home: Home, issue: Issue, clock: Clock
) -> None:
    """The operator's mail is written when the guesser has his answer: it cannot be timed."""
    for number in (issue().certificate.number, RetrievalNumber("10000010")):
        for n in range(NUMBER.lock_at):
            clock.advance(minutes=2)
            (answer,) = authentication.verify(home, [Attempt(number, WRONG, ADDRESSES[n])])
            assert isinstance(answer, Wrong)
            assert answer.locks == (n == NUMBER.lock_at - 1)
    assert home.db.row("SELECT * FROM outbox") is None


def test_a_flood_over_many_numbers_and_addresses_with_restarts_is_held_and_honest_people_are_not(
    home: Home, issue: Issue, clock: Clock
) -> None:
    """3,000 guesses in groups of 50, from 100 addresses at 1,000 numbers, each group at a new
    process; and in every tenth group somebody who has the right password."""
    people = [issue("android") for _ in range(6)]
    taken: Counter[str] = Counter()
    for group in range(60):
        again = Home(home.path, lambda _: b"", clock)
        attempts = [
            Attempt(RetrievalNumber(str(80_000_000 + n * 7 % 1000)), WRONG, ADDRESSES[n % 100])
            for n in range(group * 50, group * 50 + 50)
        ]
        person = people[group // 10].certificate.number
        if group % 10 == 9:
            nurse = ipaddress.ip_address(f"203.0.113.{group}")
            attempts.insert(25, Attempt(person, people[group // 10].password, nurse))
        answers = authentication.verify(again, attempts)
        again.db.close()
        assert sum(isinstance(answer, str) for answer in answers) == (group % 10 == 9)
        taken.update(
            str(attempt.address)
            for attempt, answer in zip(attempts, answers, strict=True)
            if isinstance(answer, Wrong)
        )
        clock.advance(seconds=1)
    assert max(taken.values()) <= ADDRESS.free + 1
    assert sum(taken.values()) < 1500
    row = home.db.row("SELECT count(*) FROM guess")
    assert row is not None
    assert row[0] <= 1 + 100 + 1000
    clock.advance(hours=1)
    download.destroy_expired(home)
    assert home.db.row("SELECT * FROM guess") is None
