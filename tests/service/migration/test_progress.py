"""How far everyone has come: what `migrate --status` counts, and the page for a manager."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

from renrakucho_ca.locale import Catalogue, Language
from renrakucho_ca.model import RetrievalNumber, RevocationReason, User
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.migration import migration, report
from renrakucho_ca.service.revocation import expiry, revocation
from renrakucho_ca.store.tables import migration_progress
from renrakucho_ca.store.tables.migration_progress import Progress, Scope
from tests.shared.homes import BEGIN, configure, issue

from .town import CUTOFF, PHONE, Town, days

JAPAN = ZoneInfo("Asia/Tokyo")


def only(town: Town) -> Progress:
    (found,) = migration.plan(town.home, Scope("old"))
    return found


def counts(found: Progress) -> tuple[int, int, int, int, int, int]:
    """total, live, pending, issued, downloaded, to go"""
    return (
        *(found.total, found.live, found.pending),
        *(found.issued, found.downloaded, found.to_go),
    )


def waiting(town: Town, old: str) -> None:
    """Nothing happens."""


def moved(town: Town, old: str) -> None:
    town.migrate()
    town.download(town.successor(old))


def issued(town: Town, old: str) -> None:
    town.migrate()


def new_one_lost(town: Town, old: str) -> None:
    moved(town, old)
    town.revoke(town.successor(old))


def new_one_replaced(town: Town, old: str) -> None:
    issued(town, old)
    new = issuance.reissue(town.home, RetrievalNumber(town.successor(old)), keep_old=False)
    town.download(new.certificate.number)


def new_one_held(town: Town, old: str) -> None:
    moved(town, old)
    town.hold(town.successor(old))


def new_one_lapsed(town: Town, old: str) -> None:
    issued(town, old)
    town.clock.advance(days=31)
    expiry.expire(town.home)


def gone(town: Town, old: str) -> None:
    """The user has left before anything was issued."""
    town.revoke(old, RevocationReason.AFFILIATION_CHANGED)


def gone_later(town: Town, old: str) -> None:
    moved(town, old)
    town.revoke(town.successor(old), RevocationReason.AFFILIATION_CHANGED)
    town.revoke(old, RevocationReason.AFFILIATION_CHANGED)


def old_one_given_back(town: Town, old: str) -> None:
    moved(town, old)
    town.revoke(old, RevocationReason.SUPERSEDED)


def cut_off_unmoved(town: Town, old: str) -> None:
    town.migrate(limit=1, stop=lambda: True)
    town.clock.now = CUTOFF
    expiry.expire(town.home)


def cut_off_moved(town: Town, old: str) -> None:
    moved(town, old)
    town.clock.now = CUTOFF
    expiry.expire(town.home)


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (waiting, (1, 1, 1, 0, 0, 1)),
        (issued, (1, 1, 0, 1, 0, 1)),
        (moved, (1, 1, 0, 1, 1, 0)),
        (new_one_held, (1, 1, 0, 1, 1, 0)),
        (new_one_lost, (1, 1, 0, 1, 0, 1)),
        (new_one_lapsed, (1, 1, 0, 1, 0, 1)),
        (new_one_replaced, (1, 1, 0, 1, 1, 0)),
        (old_one_given_back, (1, 0, 0, 1, 1, 0)),
        (cut_off_unmoved, (1, 0, 0, 0, 0, 1)),
        (cut_off_moved, (1, 0, 0, 1, 1, 0)),
    ],
)
def test_each_certificate_of_old_counts_once(
    town: Town,
    story: Callable[[Town, str], None],
    expected: tuple[int, int, int, int, int, int],
) -> None:
    story(town, town.old())
    assert counts(only(town)) == expected


@pytest.mark.parametrize("story", [gone, gone_later])
def test_a_revoked_certificate_is_not_counted(
    town: Town, story: Callable[[Town, str], None]
) -> None:
    story(town, town.old())
    assert migration.plan(town.home, Scope("old")) == []


def test_progress_is_reported_by_network_and_facility(town: Town) -> None:
    town.old("a", network="東", facility="一")
    town.old("b", network="東", facility="二")
    town.old("c", network="東", facility="二")
    town.old("d")
    town.migrate(facility="二")
    found = {
        (each.network, each.facility): counts(each)
        for each in migration.plan(town.home, Scope("old"))
    }
    assert found == {
        (None, None): (1, 1, 1, 0, 0, 1),
        ("東", "一"): (1, 1, 1, 0, 0, 1),
        ("東", "二"): (2, 2, 0, 2, 0, 2),
    }
    narrow = migration.plan(town.home, Scope("old", facility="二"))
    assert [(each.network, each.facility) for each in narrow] == [("東", "二")]


def test_a_day_is_a_day_in_japan(town: Town) -> None:
    old = town.old()
    town.clock.now = BEGIN.replace(hour=14, minute=59)
    town.migrate()
    town.clock.now = BEGIN.replace(hour=15, minute=0)
    town.download(town.successor(old))
    assert migration_progress.by_day(town.home.db, Scope("old"), town.clock.now, JAPAN) == {
        date(2026, 2, 2): (1, 0),
        date(2026, 2, 3): (0, 1),
    }


# -- the page


class ProgressPage(HTMLParser):
    """What a browser would show, and what it would fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.fetched: list[str] = []
        self.points: list[str] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "action") and value:
                self.fetched.append(value)
            if name == "points" and value:
                self.points.append(value)

    def handle_data(self, data: str) -> None:
        if data.strip() and self.tags[-1:] != ["style"]:
            self.text.append(data.strip())


def page(town: Town, language: Language = Language.JAPANESE) -> tuple[ProgressPage, str]:
    html = report.html(town.home, Scope("old"), Catalogue(language))
    return ProgressPage(html), html


def test_the_page_needs_nothing_but_itself(town: Town) -> None:
    moved(town, town.old())
    shown, html = page(town)
    assert shown.fetched == []
    assert "<script" not in html
    assert "url(" not in html


def test_the_page_shows_how_many_have_migrated(town: Town) -> None:
    for i in range(3):
        town.old(f"user{i}", network="東", facility="一")
    town.migrate()
    town.download(next(iter(town.successors().values())))
    shown, _ = page(town, Language.ENGLISH)
    text = " ".join(shown.text)
    assert re.search(r"33 % ?migrated", text)
    assert "of 3 certificates" in text
    assert re.search(r"2 ?remaining", text)
    assert "2026-08-01" in text


def test_a_hundred_percent_means_all_have_migrated(town: Town) -> None:
    """199 of 200 are 99 %."""
    assert Progress(None, None, 200, 0, 0, 200, 199).percent == 99
    assert Progress(None, None, 200, 0, 0, 200, 200).percent == 100
    assert Progress(None, None, 0, 0, 0, 0, 0).percent == 100


def test_the_chart_ends_where_the_table_does(town: Town) -> None:
    for i in range(4):
        town.old(f"user{i}")
    town.clock.advance(days=2)
    town.migrate()
    town.clock.advance(days=2)
    town.download(next(iter(town.successors().values())))
    shown, _ = page(town)
    issued_line, moved_line = shown.points
    assert issued_line.split()[-1].endswith(",0.0")
    assert float(moved_line.split()[-1].partition(",")[2]) == report.HEIGHT * 0.75
    for line in (issued_line, moved_line):
        across = [float(point.partition(",")[0]) for point in line.split()]
        assert across == sorted(across)
        assert 0 <= across[0] <= across[-1] <= report.WIDTH


@pytest.mark.parametrize("day", [days(-1), timedelta(), days(1), days(200)])
def test_there_is_a_page_on_every_day(town: Town, day: timedelta) -> None:
    """Before anything is there, on the first day, at the cut-off and after it."""
    page(town)
    town.old()
    page(town)
    town.migrate()
    town.clock.now = CUTOFF + day
    expiry.expire(town.home)
    page(town)


def test_html_in_names_is_escaped(town: Town) -> None:
    town.old("a", network="<script>alert(1)</script>", facility='"><b>&')
    shown, html = page(town)
    assert "<script" not in html
    assert "<script>alert(1)</script>" in shown.text


def test_a_user_without_a_network_counts_in_the_settings_network(town: Town) -> None:
    configure(town.home, "network: 北町")
    issue(town.home, PHONE, "old", User("a"))
    issue(town.home, PHONE, "old", User("b", network="北町"))
    shown, _ = page(town)
    assert shown.text.count("北町") == 1


def test_a_release_counts_again(town: Town) -> None:
    old = town.old()
    town.hold(old)
    assert only(town).live == 1
    revocation.release(town.home, RetrievalNumber(old))
    assert only(town).live == 1
