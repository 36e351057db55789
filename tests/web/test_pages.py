"""What every page is: in the reader's language, readable by everybody, closed to other sites."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from renrakucho_ca.errors import NotFound
from renrakucho_ca.model import RetrievalNumber
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.retrieval import download
from renrakucho_ca.web.app import LARGEST_FORM
from renrakucho_ca.web.pages import CSS
from tests.shared.homes import Clock, Issue

from .person import PROXY, Person

Visitor = Callable[..., Person]

ADDRESSES = ("/", "/d/x", "/f/x", "/f/x/y", "/help/iphone", "/nothing", "/portal.css", "/healthz")


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_answer_is_private(visitor: Visitor, address: str) -> None:
    headers = visitor().client.get(address).headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
    )
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    expected = "public, max-age=31536000, immutable" if address == "/portal.css" else "no-store"
    assert headers["cache-control"] == expected
    assert "set-cookie" not in headers


def test_hsts_is_sent_over_tls_alone(visitor: Visitor) -> None:
    def is_secure(peer: str, **headers: str) -> bool:
        answer = visitor(peer, **headers).client.get("/")
        return "strict-transport-security" in answer.headers

    assert is_secure(PROXY, **{"X-Forwarded-Proto": "https"})
    assert not is_secure(PROXY, **{"X-Forwarded-Proto": "http"})
    assert not is_secure("198.51.100.1", **{"X-Forwarded-Proto": "https"})
    direct = visitor()
    assert "strict-transport-security" in direct.client.get("https://portal.example/").headers


@pytest.mark.parametrize(
    ("wish", "language"),
    [
        ("", "ja"),
        ("ja", "ja"),
        ("en-US,en;q=0.9,ja;q=0.8", "en"),
        ("en;q=0.4, ja-JP;q=0.9", "ja"),
        ("fr-FR,fr;q=0.9", "en"),
        ("*", "ja"),
        (";;q=x,,ja;q=", "ja"),
        ("x" * 5000, "en"),
    ],
)
def test_a_page_speaks_the_browsers_language(visitor: Visitor, wish: str, language: str) -> None:
    page = visitor(**{"Accept-Language": wish}).open("/")
    assert page.response.headers["content-language"] == language
    assert f'<html lang="{language}">' in page.response.text
    assert page.response.headers["vary"] == "Accept-Language"


def test_a_language_that_was_chosen_stays_to_the_end(issue: Issue, visitor: Visitor) -> None:
    nurse, issued = visitor(**{"Accept-Language": "ja"}), issue()
    form = nurse.open("/?lang=en")
    offer = nurse.follow(
        nurse.press(form, number=issued.certificate.number, password=issued.password)
    )
    done = nurse.follow(nurse.press(offer))
    for page in (form, offer, done):
        assert page.response.headers["content-language"] == "en"
    assert nurse.open("/?lang=fr").response.headers["content-language"] == "ja"


def test_links_are_relative_so_that_a_proxy_can_put_the_portal_under_a_path(
    issue: Issue, visitor: Visitor
) -> None:
    nurse, issued = visitor(), issue()
    verified = nurse.enter_password(issued.certificate.number, issued.password)
    claimed = nurse.press(nurse.follow(verified))
    for answer in (verified, claimed):
        assert not re.match(r"/|[a-z]+:", answer.headers["location"])
    for page in (nurse.open("/"), nurse.follow(verified), nurse.follow(claimed)):
        assert not re.search(r'(href|action|url)="?(/|https?:)', page.response.text)


def test_names_and_notes_are_text_and_nothing_else(issue: Issue, visitor: Visitor) -> None:
    evil = "<script>alert(1)</script> {{ 7*7 }} \" onload='x'"
    issued = issue("windows", user=evil, name=evil)
    nurse = visitor()
    offer = nurse.offered(issued)
    done = nurse.follow(nurse.press(offer))
    assert evil in offer.text
    for page in (offer, done):
        assert "script" not in page.tags
        assert not {name for name in page.attributes if name.startswith("on")}
        assert "49" not in page.text.replace(issued.certificate.number, "")
    file = nurse.client.get(done.refresh or "")
    assert file.headers["content-disposition"].endswith(f'"{issued.certificate.number}.p12"')


@pytest.mark.parametrize("number", ['"><script>', "{{ 7*7 }}", "67075623"])
def test_a_qr_code_can_fill_in_the_number(visitor: Visitor, number: str) -> None:
    page = visitor().open("/?number=" + number)
    assert page.fields["number"] == number
    assert "script" not in page.tags


def test_no_page_has_script_inline_style_or_anything_from_elsewhere(
    home: Home, issue: Issue, visitor: Visitor
) -> None:
    nurse = visitor()
    offer = nurse.offered(issue())
    pages = [nurse.open(a) for a in ADDRESSES[:6]] + [offer, nurse.follow(nurse.press(offer))]
    for page in pages:
        assert not {"script", "style", "iframe", "img", "object"} & set(page.tags)
        assert "style" not in page.attributes
        assert "http" not in page.response.text.replace("http-equiv", "")


def test_every_field_has_a_label_and_every_page_one_heading(issue: Issue, visitor: Visitor) -> None:
    nurse = visitor()
    form = nurse.open("/")
    for name in form.fields:
        assert f'<label for="{name}">' in form.response.text
    offer = nurse.offered(issue())
    for page in (form, offer, nurse.follow(nurse.press(offer)), nurse.open("/x")):
        assert page.tags.count("h1") == 1
        assert page.tags.count("main") == 1


def colours(scheme: str) -> dict[str, str]:
    blocks = re.findall(r":root\s*\{([^}]*)\}", CSS.decode())
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme == "dark"]))


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "paper", "least"),
    [
        ("ink", "paper", 7),
        ("ink", "card", 7),
        ("ink", "notice", 7),
        ("ink", "problem", 7),
        ("soft", "paper", 4.5),
        ("soft", "card", 4.5),
        ("action", "card", 4.5),
        ("action", "paper", 4.5),
        ("action", "notice", 4.5),
        ("action-ink", "action", 4.5),
        ("action-ink", "action-pressed", 4.5),
        ("field", "card", 3),
        ("focus", "card", 3),
        ("focus", "paper", 3),
    ],
)
def test_colours_have_the_contrast_of_wcag(scheme: str, ink: str, paper: str, least: float) -> None:
    lightness = [luminance(colours(scheme)[name]) for name in (ink, paper)]
    assert (max(lightness) + 0.05) / (min(lightness) + 0.05) >= least


# -- what others may send


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_of_another_site_is_refused(issue: Issue, visitor: Visitor, site: str) -> None:
    nurse, issued = visitor(**{"Sec-Fetch-Site": site}), issue()
    assert nurse.enter_password(issued.certificate.number, issued.password).status_code == 403
    own = visitor(**{"Sec-Fetch-Site": "same-origin", "Origin": "null"})
    assert own.enter_password(issued.certificate.number, issued.password).status_code == 303


@pytest.mark.parametrize(
    "body",
    [
        b"x" * (LARGEST_FORM + 1),
        b"&".join(b"a=1" for _ in range(100)),
    ],
)
def test_a_form_that_is_none_is_refused(visitor: Visitor, body: bytes) -> None:
    assert visitor().client.post("/", content=body).status_code == 400


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"number=%00&password=%ff", b"number", b"="])
def test_a_malformed_form_is_a_failed_attempt(visitor: Visitor, body: bytes) -> None:
    assert visitor().client.post("/", content=body).status_code == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods_are_not_allowed(visitor: Visitor, method: str) -> None:
    assert visitor().client.request(method, "/").status_code == 405


# -- CRLs, certificates, health


def test_crls_and_certificates_have_their_types_and_may_be_kept(
    home: Home, visitor: Visitor
) -> None:
    client = visitor().client
    for address, name, kind in (
        ("/crl/new-issuing.crl", "new-issuing.crl", "application/pkix-crl"),
        ("/ca/old-root.cer", "old-root.cer", "application/pkix-cert"),
    ):
        answer = client.get(address)
        assert answer.content == (home.public / name).read_bytes()
        assert answer.headers["content-type"] == kind
        assert answer.headers["cache-control"] == "public, max-age=600"
        again = client.get(address, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "address",
    [
        "/crl/none.crl",
        "/crl/../ca-store/keys/bundle.key",
        "/crl/..%2f..%2fca-store%2frca.sqlite%00.crl",
        "/ca/..%2fnew-root.cer",
        "/ca/.hidden.cer",
        "/crl/new-crl.pem",
        "/crl/%e6%96%b0.crl",
        "/help/toaster",
    ],
)
def test_there_is_nothing_else(visitor: Visitor, address: str) -> None:
    assert visitor().client.get(address).status_code == 404


def test_a_file_has_its_own_name_alone(issue: Issue, visitor: Visitor) -> None:
    """A link with another name would tell a device to take it for something else."""
    nurse, issued = visitor(), issue("android")
    done = nurse.claimed(issued)
    assert done.refresh is not None
    folder, _, name = done.refresh.rpartition("/")
    assert name == f"{issued.certificate.number}.p12"
    assert nurse.client.get(f"{folder}/{name}").status_code == 200
    for other in ("other.p12", f"{issued.certificate.number}.exe", f"{name}x"):
        assert nurse.client.get(f"{folder}/{other}").status_code == 404


def test_health_is_asked_of_the_database(home: Home, visitor: Visitor) -> None:
    key = home.store / "keys" / "bundle.key"
    assert visitor().client.get("/healthz").text == "ok\n"
    hidden = key.rename(key.with_suffix(".away"))
    try:
        assert visitor().client.get("/healthz").status_code == 503
    finally:
        hidden.rename(key)


def test_a_failed_claim_uses_up_no_download(
    home: Home, issue: Issue, visitor: Visitor, clock: Clock
) -> None:
    nurse, issued = visitor(), issue()
    page = nurse.offered(issued)
    key = home.store / "keys" / "bundle.key"
    hidden = key.rename(key.with_suffix(".away"))
    try:
        answer = nurse.press(page)
    finally:
        hidden.rename(key)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert nurse.follow(nurse.press(page)).refresh is not None


def test_a_link_needs_a_certificate(home: Home) -> None:
    with pytest.raises(NotFound):
        download.make_link(home, RetrievalNumber("10000005"))
