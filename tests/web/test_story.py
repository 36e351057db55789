"""From number and password, or a link, to the file: once, and only by the button."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from asn1crypto import pkcs12

from renrakucho_ca.errors import NotFound
from renrakucho_ca.model import RevocationReason, Status
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.retrieval import download, retrieval
from renrakucho_ca.service.retrieval.download import Claim
from renrakucho_ca.service.revocation import expiry, revocation
from renrakucho_ca.store.tables import certificates
from tests.shared.homes import Clock, Issue

from .person import Person

Visitor = Callable[..., Person]


def status(home: Home, issued: Issued) -> Status:
    return certificates.get(home.db, issued.certificate.number).status(home.clock())


@pytest.mark.parametrize("device", ["windows", "mac", "android"])
def test_a_p12_is_saved_under_its_number(issue: Issue, visitor: Visitor, device: str) -> None:
    nurse, issued = visitor(), issue(device)
    done = nurse.claimed(issued)
    assert done.refresh is not None
    file = nurse.client.get(done.refresh)
    name = f"{issued.certificate.number}.p12"
    assert done.refresh.endswith(f"/{name}")
    assert file.headers["content-type"] == "application/x-pkcs12"
    assert file.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert pkcs12.Pfx.load(file.content)["version"].native == "v3"


@pytest.mark.parametrize("device", ["iphone", "ipad"])
def test_safari_gets_a_profile_to_open_not_to_save(
    issue: Issue, visitor: Visitor, device: str
) -> None:
    nurse, issued = visitor(), issue(device)
    file = nurse.client.get(nurse.claimed(issued).refresh or "")
    assert file.headers["content-type"] == "application/x-apple-aspen-config"
    assert file.headers["content-disposition"].startswith("inline; filename=")
    assert issued.certificate.number in plistlib.loads(file.content)["PayloadDescription"]


@pytest.mark.parametrize(
    "way", [str.upper, lambda text: text.replace("-", ""), lambda text: text.replace("-", "ー ")]
)
def test_a_password_counts_however_its_letters_were_typed(
    issue: Issue, visitor: Visitor, way: Callable[[str], str]
) -> None:
    nurse, issued = visitor(), issue()
    full_width = issued.certificate.number.translate({48 + n: 0xFF10 + n for n in range(10)})
    assert nurse.enter_password(full_width, way(issued.password)).status_code == 303


def test_viewing_the_page_never_uses_up_the_download(
    home: Home, issue: Issue, visitor: Visitor
) -> None:
    nurse, issued = visitor(), issue()
    link = f"/{download.link_path(download.make_link(home, issued.certificate.number))}"
    for _ in range(3):
        assert nurse.client.get(link).status_code == 200
        assert nurse.client.head(link).status_code == 200
        assert nurse.client.get(link, headers={"Sec-Purpose": "prefetch"}).status_code == 200
        assert nurse.client.options(link).status_code == 405
    assert status(home, issued) is Status.ISSUED
    assert nurse.follow(nurse.press(nurse.open(link))).refresh is not None
    assert status(home, issued) is Status.DOWNLOADED


def test_a_button_pressed_twice_finds_the_same_file(issue: Issue, visitor: Visitor) -> None:
    nurse = visitor()
    page = nurse.offered(issue())
    first, second = nurse.press(page), nurse.press(page)
    assert first.headers["location"] == second.headers["location"]
    assert nurse.follow(second).refresh is not None


def test_a_second_person_with_the_same_link_gets_nothing(
    home: Home, issue: Issue, visitor: Visitor
) -> None:
    link = f"/{download.link_path(download.make_link(home, issue().certificate.number))}"
    nurse, other = visitor(), visitor()
    pages = nurse.open(link), other.open(link)
    assert nurse.press(pages[0]).status_code == 303
    assert other.press(pages[1]).status_code == 404
    assert other.client.post(link).status_code == 404, "without the page's field"


def test_of_32_concurrent_claims_one_succeeds(home: Home, issue: Issue, clock: Clock) -> None:
    issued = issue()
    links = [download.make_link(home, issued.certificate.number) for _ in range(32)]

    def claim(link: str) -> bool:
        own = Home(home.path, lambda _: b"", clock)
        try:
            (answer,) = download.claim(own, [Claim(link, "visit", ip_address("192.0.2.7"))])
        finally:
            own.db.close()
        assert isinstance(answer, str | NotFound)
        return isinstance(answer, str)

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(claim, links)) == 1


def test_the_file_can_be_fetched_for_ten_minutes_and_then_is_destroyed(
    home: Home, issue: Issue, visitor: Visitor, clock: Clock
) -> None:
    nurse = visitor()
    file = nurse.claimed(issue()).refresh or ""
    first = nurse.client.get(file)
    clock.advance(minutes=9, seconds=59)
    assert nurse.client.get(file).content == first.content
    assert download.destroy_expired(home) == 0
    clock.advance(seconds=1)
    assert nurse.client.get(file).status_code == 404
    assert download.destroy_expired(home) == 1
    assert home.db.row("SELECT * FROM handout") is None


def test_rca_expire_destroys_the_claimed_bundles_of_a_killed_portal(
    home: Home, issue: Issue, visitor: Visitor, clock: Clock
) -> None:
    visitor().claimed(issue())
    expiry.expire(home)
    assert home.db.row("SELECT * FROM handout") is not None
    clock.advance(minutes=10)
    expiry.expire(home)
    assert home.db.row("SELECT * FROM handout") is None


@pytest.mark.parametrize(("seconds", "answer"), [(-1, 200), (0, 404), (1, 404)])
def test_a_mails_link_is_good_for_48_hours(
    home: Home, issue: Issue, visitor: Visitor, clock: Clock, seconds: int, answer: int
) -> None:
    issued = issue()
    token = download.make_link(home, issued.certificate.number)
    clock.advance(hours=48, seconds=seconds)
    assert visitor().client.get(f"/{download.link_path(token)}").status_code == answer
    assert visitor().enter_password(issued.certificate.number, issued.password).status_code == 303


def test_a_bundle_revoked_after_its_claim_is_destroyed_at_once(
    home: Home, issue: Issue, visitor: Visitor
) -> None:
    nurse, issued = visitor(), issue()
    file = nurse.claimed(issued).refresh or ""
    (outcome,) = revocation.revoke(
        home, [issued.certificate.number], RevocationReason.KEY_COMPROMISE
    )
    outcome.unwrap()
    assert home.db.row("SELECT * FROM handout") is None
    assert nurse.client.get(file).status_code == 404


def test_a_held_certificate_is_neither_offered_nor_delivered(
    home: Home, issue: Issue, visitor: Visitor
) -> None:
    nurse, issued = visitor(), issue()
    link = nurse.offered(issued).url
    file = nurse.claimed(other := issue()).refresh or ""
    for each in (issued, other):
        revocation.hold(home, each.certificate.number)
    assert nurse.open(link).response.status_code == 404
    assert nurse.client.get(file).status_code == 404
    for each in (issued, other):
        revocation.release(home, each.certificate.number)
    assert nurse.open(link).response.status_code == 200
    assert nurse.client.get(file).status_code == 200


def test_an_exported_bundle_cannot_be_claimed(
    home: Home, issue: Issue, visitor: Visitor, tmp_path: Path
) -> None:
    nurse, issued = visitor(), issue()
    page = nurse.offered(issued)
    retrieval.export(home, [issued.certificate.number], tmp_path)
    assert nurse.press(page).status_code == 404


def test_a_migrated_user_gets_instructions_to_delete_the_old_certificate(
    home: Home, issue: Issue, visitor: Visitor
) -> None:
    old = issue("iphone", hierarchy="old")
    request = IssuanceRequest.parse(old.certificate.user, "iphone")
    moved = replace(request, supersedes=old.certificate.number)
    (new,) = issuance.issue(home, [moved], "new")
    assert isinstance(new, Issued)
    assert "Remove Profile" in visitor().claimed(new).text
    again = replace(request, supersedes=new.certificate.number)
    (same,) = issuance.issue(home, [again], "new")
    assert isinstance(same, Issued)
    # Its profile takes the old one's place: deleting "the old one" would delete the new.
    assert "Remove Profile" not in visitor().claimed(same).text


def test_the_steps_are_those_of_the_device(issue: Issue, visitor: Visitor) -> None:
    words = {
        "windows": "Import Wizard",
        "mac": "Keychain",
        "iphone": "new.ecn.example.jp",
        "android": "VPN & app user certificate",
    }
    for device, word in words.items():
        page = visitor().claimed(issue(device))
        assert [each for each in words.values() if each in page.text] == [word]


# -- parts of a file


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-99", 206, slice(0, 100)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-50", 206, slice(-50, None)),
        ("bytes=0-999999", 206, slice(0, None)),
        ("bytes=-999999", 206, slice(0, None)),
        ("bytes=5-4", 200, slice(0, None)),
        ("bytes=0-1,5-6", 200, slice(0, None)),
        ("lines=0-1", 200, slice(0, None)),
        ("bytes=-", 200, slice(0, None)),
        ("bytes=999999-", 416, slice(0, 0)),
        ("bytes=-0", 416, slice(0, 0)),
    ],
)
def test_a_download_that_broke_off_goes_on(
    issue: Issue, visitor: Visitor, asked: str, status: int, part: slice
) -> None:
    nurse = visitor()
    file = nurse.claimed(issue("windows")).refresh or ""
    whole = nurse.client.get(file)
    answer = nurse.client.get(file, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (status, whole.content[part])
    if status == 206:
        place, _, size = answer.headers["content-range"].removeprefix("bytes ").partition("/")
        first, last = map(int, place.split("-"))
        assert whole.content[first : last + 1] == answer.content
        assert (last - first + 1, int(size)) == (len(answer.content), len(whole.content))
    stale = nurse.client.get(file, headers={"Range": asked, "If-Range": '"other"'})
    assert stale.status_code == 200
    head = nurse.client.head(file)
    assert (head.headers["content-length"], head.content) == (str(len(whole.content)), b"")


def test_a_part_that_begins_at_the_end_of_a_file_is_not_there(
    issue: Issue, visitor: Visitor
) -> None:
    """RFC 9110 §14.1.2: a download that was complete already."""
    nurse = visitor()
    file = nurse.claimed(issue("windows")).refresh or ""
    size = len(nurse.client.get(file).content)
    last = nurse.client.get(file, headers={"Range": f"bytes={size - 1}-"})
    assert (last.status_code, len(last.content)) == (206, 1)
    after = nurse.client.get(file, headers={"Range": f"bytes={size}-"})
    assert (after.status_code, after.content) == (416, b"")
    assert after.headers["content-range"] == f"bytes */{size}"


def test_a_file_has_its_one_name(issue: Issue, visitor: Visitor) -> None:
    nurse = visitor()
    file = nurse.claimed(issue()).refresh or ""
    assert nurse.client.get(file.rsplit("/", 1)[0] + "/setup.exe").status_code == 404
