"""Hand-over sheets: a page a person, with what that person needs and nothing of anybody else's."""

from __future__ import annotations

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from renrakucho_ca.errors import Conflict, NotFound
from renrakucho_ca.locale import Catalogue, Language
from renrakucho_ca.model import User
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.mail import handover_sheets
from renrakucho_ca.service.migration import migration
from renrakucho_ca.service.migration.migration import MigrationOptions
from renrakucho_ca.service.retrieval import retrieval
from renrakucho_ca.store.tables.migration_progress import Scope
from tests.shared.waiting import PATIENCE

JAPANESE = Catalogue(Language.JAPANESE)


class Sheets(HTMLParser):
    """The text of each article."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.articles: list[str] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "article":
            self._inside = True
            self.articles.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.articles[-1] += data


def issue(home: Home, user: str, facility: str, device: str = "android") -> Issued:
    request = IssuanceRequest.parse(User.parse(user, facility=facility), device)
    (issued,) = issuance.issue(home, [request], "new")
    assert isinstance(issued, Issued)
    return issued


def write(home: Home, out: Path, *issued: Issued) -> str:
    handover_sheets.write(home, [each.certificate.number for each in issued], out, JAPANESE)
    return out.read_text(encoding="utf-8")


def test_each_person_gets_a_page_with_their_own_secrets_alone(home: Home, tmp_path: Path) -> None:
    first, second = issue(home, "a", "F1"), issue(home, "b", "F1")
    articles = Sheets(write(home, tmp_path / "s.html", first, second)).articles
    assert len(articles) == 2
    for own, other, article in ((first, second, articles[0]), (second, first, articles[1])):
        assert own.password in article
        assert re.sub(r"\s", "", own.certificate.number) in re.sub(r"\s", "", article)
        assert other.password not in article


def test_sheets_are_sorted_by_facility_then_by_user(home: Home, tmp_path: Path) -> None:
    made = [issue(home, "z", "A"), issue(home, "b", "B"), issue(home, "a", "B")]
    articles = Sheets(write(home, tmp_path / "s.html", *reversed(made))).articles
    assert [made[0].password, made[2].password, made[1].password] == [
        next(each.password for each in made if each.password in article) for article in articles
    ]


def test_the_file_is_for_its_owner_alone(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "s.html"
    write(home, out, issue(home, "a", "F"))
    assert out.stat().st_mode & 0o777 == 0o600


def test_every_page_has_a_qr_code_of_the_download_page(home: Home, tmp_path: Path) -> None:
    html = write(home, tmp_path / "s.html", issue(home, "a", "F"), issue(home, "b", "F"))
    assert html.count("<svg") == 2


def test_the_file_loads_nothing_from_elsewhere(home: Home, tmp_path: Path) -> None:
    html = write(home, tmp_path / "s.html", issue(home, "a", "F"))
    assert not re.search(r"(src|href)=", html)
    assert "<script" not in html


def test_names_are_escaped(home: Home, tmp_path: Path) -> None:
    html = write(home, tmp_path / "s.html", issue(home, "<script>alert(1)</script>", "F & <b>"))
    assert "<script>" not in html
    assert "F &amp; &lt;b&gt;" in html


def test_a_certificate_that_cannot_be_claimed_gets_no_sheet(home: Home, tmp_path: Path) -> None:
    issued = issue(home, "gone", "F")
    retrieval.export(home, [issued.certificate.number], tmp_path / "out")
    with pytest.raises(Conflict):
        write(home, tmp_path / "s.html", issued)
    assert not (tmp_path / "s.html").exists()


def test_a_facilitys_sheets_are_those_that_wait(home: Home, tmp_path: Path) -> None:
    waits, fetched = issue(home, "w", "only here"), issue(home, "f", "only here")
    retrieval.export(home, [fetched.certificate.number], tmp_path / "out")
    assert handover_sheets.waiting(home, facility="only here") == [waits.certificate.number]
    with pytest.raises(NotFound):
        handover_sheets.waiting(home, facility="nowhere")


def test_a_migrated_user_whose_old_file_waited_gets_a_sheet_for_the_new_one_alone(
    home: Home, tmp_path: Path
) -> None:
    """The migration withdraws the old file; the old certificate is valid until the cut-off."""
    request = IssuanceRequest.parse(User.parse("slow", facility="waits here"), "android")
    (old,) = issuance.issue(home, [request], "old")
    assert isinstance(old, Issued)
    moved: list[Issued] = []
    scope = Scope("old", facility="waits here")
    options = MigrationOptions(home.clock().replace(year=2027), scope)
    migration.migrate(home, options, issued=moved.append)
    waiting = handover_sheets.waiting(home, facility="waits here")
    assert waiting == [moved[0].certificate.number]
    assert handover_sheets.write(home, waiting, tmp_path / "s.html", JAPANESE) == 1


def test_every_printed_password_is_recorded_as_revealed(home: Home, tmp_path: Path) -> None:
    first, second, other = (issue(home, user, "recorded") for user in ("a", "b", "c"))
    numbers = [each.certificate.number for each in (first, second, first)]
    assert handover_sheets.write(home, numbers, tmp_path / "s.html", JAPANESE) == 2
    revealed = "SELECT object FROM audit WHERE act = 'revealed' AND object IN (?, ?, ?)"
    objects = [each.certificate.number for each in (first, second, other)]
    assert sorted(row["object"] for row in home.db.rows(revealed, objects)) == sorted(
        [first.certificate.number, second.certificate.number]
    )


def test_no_password_is_recorded_as_revealed_where_no_sheet_is_written(
    home: Home, tmp_path: Path
) -> None:
    waits, fetched = issue(home, "w", "none"), issue(home, "f", "none")
    retrieval.export(home, [fetched.certificate.number], tmp_path / "out")
    with pytest.raises(Conflict):
        write(home, tmp_path / "s.html", waits, fetched)
    row = home.db.row(
        "SELECT count(*) FROM audit WHERE act = 'revealed' AND object = ?",
        (waits.certificate.number,),
    )
    assert row is not None
    assert row[0] == 0


def test_a_migrated_user_gets_instructions_to_delete_the_old_certificate(
    home: Home, tmp_path: Path
) -> None:
    request = IssuanceRequest.parse(User.parse("mover", facility="moves"), "android")
    (old,) = issuance.issue(home, [request], "old")
    assert isinstance(old, Issued)
    retrieval.export(home, [old.certificate.number], tmp_path / "out")
    moved: list[Issued] = []
    scope = Scope("old", facility="moves")
    options = MigrationOptions(home.clock().replace(year=2027), scope)
    migration.migrate(home, options, issued=moved.append)
    (article,) = Sheets(write(home, tmp_path / "s.html", *moved)).articles
    assert JAPANESE.say("Then delete the old certificate") in article


@pytest.mark.needs("chromium", "pdfinfo")
@pytest.mark.parametrize("language", list(Language))
def test_the_longest_sheet_is_one_page_of_a4_when_printed(
    home: Home, tmp_path: Path, language: Language
) -> None:
    """A long name and note, an iPhone's steps, and those for what is to be deleted."""
    facility = f"{language}訪問看護ステーション".ljust(64, "長")
    user = User.parse(f"long-{language}", name="鈴木 花子" * 12, facility=facility)
    (old,) = issuance.issue(home, [IssuanceRequest.parse(user, "iphone", "備考" * 40)], "old")
    assert isinstance(old, Issued)
    retrieval.export(home, [old.certificate.number], tmp_path / "out")
    moved: list[Issued] = []
    options = MigrationOptions(home.clock().replace(year=2027), Scope("old", facility=facility))
    migration.migrate(home, options, issued=moved.append)
    numbers = [moved[0].certificate.number, issue(home, "short", facility).certificate.number]
    sheets, printed = tmp_path / "s.html", tmp_path / "s.pdf"
    handover_sheets.write(home, numbers, sheets, Catalogue(language))
    switches = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer")
    subprocess.run(
        ["chromium", *switches, f"--print-to-pdf={printed}", sheets.as_uri()],
        check=True,
        capture_output=True,
        timeout=2 * PATIENCE,
    )
    about = subprocess.run(["pdfinfo", printed], check=True, capture_output=True, text=True).stdout
    assert re.search(r"Pages: +2\n", about)
    assert re.search(r"Page size: .*A4", about)
