"""Every filter of `rca list`, and paging, against the same filter over plain records."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Callable, Generator, Mapping
from itertools import product
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renrakucho_ca.model import LIVE, Certificate, RetrievalNumber, RevocationReason, Status, User
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import certificates, hierarchies, listing
from renrakucho_ca.store.tables.listing import ListQuery, Order

from .stock import CERTIFICATE, HOLD, NOW, SUPERSEDED, add, days, make_store, numbered, revoked

USERS = [
    User("hanako", "佐藤 花子", None, "見本訪問看護", "見本市"),
    User("taro", "山田 太郎", None, "見本訪問看護", "見本市"),
    User("jiro", "100%_確か\\な人", None, "Klinik", "別の市"),
    User("nobody"),
]
NOTES = [None, "ガラスの端末", "100%", "a_b", "佐藤さんの"]


def make_certificates() -> list[Certificate]:
    """Every state before, at and after its end, spread over users, devices, notes and dates."""
    random = Random(20260501)
    states = [
        (downloaded, revocation, end)
        for downloaded, revocation, end in product(
            (None, NOW - days(2)),
            (None, revoked(reason=SUPERSEDED), revoked(reason=HOLD)),
            (NOW - days(1), NOW, NOW + days(1), NOW + days(40)),
        )
    ]
    numbers = random.sample(range(10_000_000, 99_999_999), 6 * len(states))
    return [
        numbered(
            number,
            hierarchy=random.choice(["old", "new"]),
            user=random.choice(USERS),
            device=random.choice(["windows", "iphone"]),
            note=random.choice(NOTES),
            # Few dates, so that the order within one is put to the test.
            issued_at=NOW - days(random.randrange(300, 305)),
            not_before=NOW - days(400),
            not_after=end,
            downloaded_at=downloaded,
            revocation=revocation,
        )
        for number, (downloaded, revocation, end) in zip(numbers, states * 6, strict=True)
    ]


FACTS = make_certificates()


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Database:
    db = make_store(tmp_path_factory.mktemp("listing") / "rca.sqlite")
    with db.write():
        for certificate in FACTS:
            add(db, certificate)
    return db


def list_numbers(db: Database, **query: object) -> list[str]:
    found = listing.stream(db, ListQuery(**({"now": NOW} | query)))  # type: ignore[arg-type]
    return [certificate.number for certificate in found]


# -- the right rows

Filter = tuple[dict[str, object], Callable[[Certificate], bool]]


def text_filter(text: str) -> Filter:
    def has_text(each: Certificate) -> bool:
        fields = (each.number, each.user.id, each.user.name or "", each.note or "")
        return any(text in field for field in fields)

    return {"text": text}, has_text


FILTERS: list[Filter] = [
    ({}, lambda _: True),
    ({"user": "hanako"}, lambda c: c.user.id == "hanako"),
    ({"user": "not there"}, lambda _: False),
    ({"device": "iphone"}, lambda c: c.device == "iphone"),
    ({"hierarchy": "old"}, lambda c: c.hierarchy == "old"),
    ({"hierarchy": "not there"}, lambda _: False),
    ({"facility": "見本訪問看護"}, lambda c: c.user.facility == "見本訪問看護"),
    ({"network": "別の市"}, lambda c: c.user.network == "別の市"),
    ({"issued_from": NOW - days(302)}, lambda c: c.issued_at >= NOW - days(302)),
    ({"issued_before": NOW - days(302)}, lambda c: c.issued_at < NOW - days(302)),
    (
        {"expires_from": NOW, "expires_before": NOW + days(40)},
        lambda c: NOW <= c.not_after < NOW + days(40),
    ),
    *(text_filter(text) for text in ("佐藤", "花子", "100%", "_", "%", "\\", "jiro", "端末")),
    text_filter(FACTS[0].number[2:6]),
    text_filter("0"),
]
STATUS_SETS = [None, *(frozenset({each}) for each in Status), LIVE, frozenset(Status)]
STATUS_SETS += [
    frozenset({Status.ISSUED, Status.REVOKED}),
    frozenset({Status.HELD, Status.EXPIRED}),
]


@pytest.mark.parametrize("statuses", STATUS_SETS, ids=lambda s: "-".join(sorted(s or {"any"})))
@pytest.mark.parametrize(
    ("query", "is_wanted"), FILTERS, ids=["-".join(query) or "everything" for query, _ in FILTERS]
)
def test_each_filter_with_each_state_gives_the_rows_of_a_plain_filter(
    stocked: Database,
    query: dict[str, object],
    is_wanted: Callable[[Certificate], bool],
    statuses: frozenset[Status] | None,
) -> None:
    wanted = {
        each.number
        for each in FACTS
        if is_wanted(each) and (statuses is None or each.status(NOW) in statuses)
    }
    found = list_numbers(stocked, **({"statuses": statuses} | query))
    assert len(found) == len(set(found))
    assert set(found) == wanted


def test_every_filter_of_the_table_finds_something_and_leaves_something_out() -> None:
    trivial = [q for q, wanted in FILTERS if len({wanted(each) for each in FACTS}) == 1]
    assert trivial == [{}, {"user": "not there"}, {"hierarchy": "not there"}]


KEYS: dict[Order, Callable[[Certificate], tuple[object, ...]]] = {
    Order.ISSUED: lambda c: (c.issued_at,),
    Order.EXPIRES: lambda c: (c.not_after,),
    Order.NUMBER: lambda c: (c.number,),
    Order.USER: lambda c: (c.user.id, c.issued_at),
}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("order", list(Order))
def test_each_order_sorts_and_the_newer_record_follows_the_older(
    stocked: Database, order: Order, descending: bool
) -> None:
    in_order = sorted(enumerate(FACTS), key=lambda pair: (*KEYS[order](pair[1]), pair[0]))
    wanted = [certificate.number for _, certificate in in_order]
    found = list_numbers(stocked, order=order, descending=descending)
    assert found == (wanted[::-1] if descending else wanted)


@settings(max_examples=60)
@given(
    order=st.sampled_from(Order),
    descending=st.booleans(),
    statuses=st.sampled_from(STATUS_SETS),
    limit=st.integers(0, len(FACTS) + 5),
    offset=st.integers(0, len(FACTS) + 5),
)
def test_limit_and_offset_cut_a_piece_out_of_the_whole(
    stocked: Database,
    order: Order,
    descending: bool,
    statuses: frozenset[Status] | None,
    limit: int,
    offset: int,
) -> None:
    query = {"order": order, "descending": descending, "statuses": statuses}
    whole = list_numbers(stocked, **query)
    piece = list_numbers(stocked, **query, limit=limit, offset=offset)
    assert piece == whole[offset : offset + limit]


def test_a_name_in_nfd_finds_the_same_name_in_nfc(stocked: Database) -> None:
    """ガ as one letter, and as カ with a mark: the same to people, two byte strings."""
    decomposed = unicodedata.normalize("NFD", "ガラス")
    assert decomposed != "ガラス"
    assert list_numbers(stocked, text=decomposed) == list_numbers(stocked, text="ガラス") != []


@pytest.mark.parametrize("text", ["' OR 1=1 --", '"', ")", "?", ":now"])
def test_no_text_is_taken_for_sql(stocked: Database, text: str) -> None:
    for field in ("text", "user", "device", "hierarchy", "facility", "network"):
        assert list_numbers(stocked, **{field: text}) == []


# -- states


@pytest.mark.parametrize("at", [NOW - days(1), NOW, NOW + days(1)])
def test_sql_and_python_agree_on_every_combination_of_facts(db: Database, at: object) -> None:
    facts = [
        numbered(20_000_000 + i, downloaded_at=downloaded, revocation=revocation, not_after=end)
        for i, (downloaded, revocation, end) in enumerate(
            product(
                (None, NOW - days(9)),
                (None, *(revoked(reason=each) for each in RevocationReason)),
                (NOW - days(1), NOW, NOW + days(1), NOW + days(2)),
            )
        )
    ]
    with db.write():
        for each in facts:
            add(db, each_before_its_end(each))
    for status in Status:
        wanted = {each.number for each in facts if each.status(at) is status}  # type: ignore[arg-type]
        assert wanted
        assert set(list_numbers(db, now=at, statuses=frozenset({status}))) == wanted


def each_before_its_end(certificate: Certificate) -> Certificate:
    return numbered(int(certificate.number), certificate, not_before=NOW - days(10))


# -- pages


def test_paging_by_key_loses_and_repeats_nothing_while_rows_come_and_change(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 7)
    db = make_store(path)
    first = [
        numbered(20_000_000 + i, issued_at=NOW + days(i // 5), not_after=NOW + days(900))
        for i in range(60)
    ]
    with db.write():
        for each in first:
            add(db, each)
    seen = []
    for i, certificate in enumerate(listing.stream(db, ListQuery(now=NOW, statuses=LIVE))):
        seen.append(certificate.number)
        with db.write():
            # Behind and before the reader: a new one, and the one just read is revoked.
            add(db, numbered(30_000_000 + i, issued_at=NOW - days(1)))
            certificates.revoke(db, [certificate.number], revoked(), lambda _: b"entry")
    assert seen == [each.number for each in first]


def test_a_page_that_has_been_read_keeps_no_writer_waiting(
    db: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    with db.write():
        for i in range(10):
            add(db, numbered(20_000_000 + i))
    stream = listing.stream(db, ListQuery(now=NOW))
    next(stream)
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    other.execute("UPDATE certificate SET note = 'changed'")
    assert len(list(stream)) == 9


def test_going_on_after_a_number_is_going_on_in_the_list(stocked: Database) -> None:
    for order, descending in product(Order, (False, True)):
        whole = list_numbers(stocked, order=order, descending=descending)
        after = RetrievalNumber(whole[50])
        rest = list_numbers(stocked, order=order, descending=descending, after=after)
        assert rest == whole[51:]


# -- indexes


@pytest.fixture(scope="module")
def plans(stocked: Database) -> Callable[..., list[str]]:
    """How SQLite goes about a query, by its own account."""

    def explain(**query: object) -> list[str]:
        seen: list[list[str]] = []
        rows = stocked.rows

        class Explaining(Database):
            def rows(self, sql: str, values: object = ()) -> Generator[sqlite3.Row, None, None]:
                if sql.lstrip().startswith("SELECT c.*"):
                    plan = rows(f"EXPLAIN QUERY PLAN {sql}", values)  # type: ignore[arg-type]
                    seen.append([row["detail"] for row in plan])
                return rows(sql, values)  # type: ignore[arg-type]

        list_numbers(Explaining(stocked._connection), **query)
        return seen[-1]

    return explain


LISTS: list[Mapping[str, object]] = [
    {},
    {"statuses": None},
    {"user": "hanako"},
    {"device": "iphone"},
    {"hierarchy": "old"},
    {"network": "見本市"},
    {"issued_from": NOW},
    {"issued_before": NOW},
    {"expires_from": NOW, "expires_before": NOW + days(30), "order": Order.EXPIRES},
    {"statuses": frozenset({Status.ISSUED, Status.DOWNLOADED})},
    *({"statuses": frozenset({status})} for status in Status),
    *({"order": order, "descending": each} for order in Order for each in (False, True)),
    *({"order": order, "after": FACTS[0].number} for order in Order),
]
# What is asked for is looked up by an index, and it is little: that is then put in order.
SORTED_LISTS: list[Mapping[str, object]] = [
    {"facility": "見本訪問看護"},
    {"expires_from": NOW, "expires_before": NOW + days(30)},
]


@pytest.mark.parametrize("query", LISTS + SORTED_LISTS, ids="-".join)
def test_every_list_is_read_by_index(
    plans: Callable[..., list[str]], query: dict[str, object]
) -> None:
    steps = plans(**({"statuses": LIVE, "limit": 50} | query))
    assert [step for step in steps if step.startswith("SCAN") and "USING" not in step] == []
    assert ("USE TEMP B-TREE FOR ORDER BY" in steps) == (query in SORTED_LISTS)


def test_a_range_or_a_name_is_looked_up_and_not_searched(plans: Callable[..., list[str]]) -> None:
    for query in SORTED_LISTS:
        assert not any(step.startswith("SCAN") for step in plans(**query))


def test_a_search_for_text_reads_indexes_and_users_alone(plans: Callable[..., list[str]]) -> None:
    steps = plans(statuses=LIVE, text="佐藤", limit=50)
    scans = [step for step in steps if step.startswith("SCAN") and "COVERING INDEX" not in step]
    assert scans == ["SCAN c USING INDEX certificate_live", "SCAN user"]


def test_a_look_up_by_number_or_serial_searches(db: Database) -> None:
    for condition in ("c.number = 67075623", "c.serial = '1234'"):
        plan = db.rows(f"EXPLAIN QUERY PLAN {certificates.SELECT} WHERE {condition}")
        assert not any(row["detail"].startswith("SCAN") for row in plan)


# -- looking up


def test_one_serial_of_two_cas_finds_both(db: Database) -> None:
    with db.write():
        add(db, CERTIFICATE)
        add(db, numbered(20_000_000, hierarchy="old"))
        add(db, numbered(20_000_001))
        db.execute("UPDATE certificate SET serial = '1234' WHERE number = 20000000")
    found = certificates.by_serial(db, 0x1234)
    assert {(each.number, each.hierarchy) for each in found} == {
        ("67075623", "new"),
        ("20000000", "old"),
    }
    assert certificates.by_serial(db, 0x9999) == []


def test_a_certificate_is_read_as_recorded(db: Database) -> None:
    wanted = numbered(
        20_000_000,
        user=USERS[0],
        note="備考",
        downloaded_at=NOW + days(1),
        revocation=revoked(NOW + days(2)),
        fingerprint_sha256="ab" * 32,
    )
    with db.write():
        add(db, CERTIFICATE)
        add(db, wanted)
        add(db, numbered(20_000_001, supersedes=RetrievalNumber("20000000")))
    found = certificates.get(db, RetrievalNumber("20000000"))
    assert found.superseded_by == "20000001"
    assert (found.serial, found.revocation) == (20_000_000, wanted.revocation)
    for field in ("user", "note", "issued_at", "not_after", "downloaded_at", "fingerprint_sha256"):
        assert getattr(found, field) == getattr(wanted, field)
    assert hierarchies.get(db, "new").issuing.id == 4


def test_rows_left_out_at_the_beginning_are_left_out_once_however_many_pages_follow(
    db: Database,
) -> None:
    count = 2 * listing.PAGE + 10
    with db.write():
        for number in range(count):
            add(db, numbered(20_000_000 + number))
    whole = list_numbers(db)
    assert len(whole) == count
    assert list_numbers(db, offset=7) == whole[7:]
    assert list_numbers(db, offset=7, limit=listing.PAGE + 5) == whole[7 : listing.PAGE + 12]
    assert list_numbers(db, limit=2 * listing.PAGE) == whole[: 2 * listing.PAGE]
