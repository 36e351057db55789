"""OCSP over HTTP: both ways to ask, and what caches may keep."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from renrakucho_ca.model import RevocationReason
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.web.app import Portal
from tests.shared.homes import Clock, no_passphrase

from .asking import GOOD, MALFORMED, REVOKED, TRY_LATER, OcspClient, ask, read

KIND = {"Content-Type": "application/ocsp-request"}


@pytest.fixture
def site(published: Home, clock: Clock) -> Iterator[TestClient]:
    portal = Portal(lambda: Home(published.path, no_passphrase, clock))
    yield TestClient(portal.asgi, raise_server_exceptions=False)
    portal.close()


@pytest.fixture
def request_der(client: OcspClient, published: Home) -> bytes:
    return ask(client.certificate(client.issue()), client.issuer)


@pytest.mark.parametrize("path", ["/ocsp/new", "/ocsp/new/"])
def test_by_post(site: TestClient, client: OcspClient, request_der: bytes, path: str) -> None:
    answer = site.post(path, content=request_der, headers=KIND)
    assert answer.headers["content-type"] == "application/ocsp-response"
    assert read(answer.content, client.issuer).status == GOOD
    assert "no-store" not in answer.headers["cache-control"]


@pytest.mark.parametrize("form", ["quoted", "plain", "url-safe", "unpadded"])
def test_by_get_however_the_client_writes_base64(
    site: TestClient, client: OcspClient, published: Home, form: str
) -> None:
    for _ in range(5):
        data = ask(client.certificate(client.issue()), client.issuer)
        text = base64.b64encode(data).decode()
        path = {
            "quoted": quote(text, safe=""),
            "plain": text,
            "url-safe": base64.urlsafe_b64encode(data).decode(),
            "unpadded": text.rstrip("="),
        }[form]
        answer = site.get(f"/ocsp/new/{path}")
        assert read(answer.content, client.issuer).status == GOOD


def test_caches_may_keep_it_for_a_minute(
    site: TestClient, client: OcspClient, request_der: bytes, clock: Clock
) -> None:
    """RFC 5019 §6.2."""
    path = f"/ocsp/new/{quote(base64.b64encode(request_der).decode(), safe='')}"
    answer = site.get(path)
    reply = read(answer.content, client.issuer)
    assert answer.headers["cache-control"] == ("max-age=60, public, no-transform, must-revalidate")
    assert parsedate_to_datetime(answer.headers["last-modified"]) == reply.this_update
    expires = parsedate_to_datetime(answer.headers["expires"])
    assert reply.next_update is not None
    assert clock.now < expires <= reply.next_update
    again = site.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("held", ["{}", "W/{}", '"other", W/{}', "*", " * "])
def test_an_unchanged_response_is_not_sent_again(
    site: TestClient, request_der: bytes, held: str
) -> None:
    """RFC 9110 §13.1.2; a POST names no representation that a client could have (§13.2.1)."""
    path = f"/ocsp/new/{quote(base64.b64encode(request_der).decode(), safe='')}"
    etag = site.get(path).headers["etag"]
    having = {"If-None-Match": held.format(etag)}
    for method in ("GET", "HEAD"):
        again = site.request(method, path, headers=having)
        assert (again.status_code, again.headers["etag"], again.content) == (304, etag, b"")
    assert site.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    assert site.post("/ocsp/new", content=request_der, headers=KIND | having).status_code == 200


def test_an_error_response_is_not_cached(site: TestClient, client: OcspClient) -> None:
    answer = site.get("/ocsp/new/AAAA")
    assert read(answer.content, client.issuer).status == MALFORMED
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["", "/", "%00", "a b", "é", "====", "A" * 20_000])
def test_a_malformed_request_is_answered_as_malformed(
    site: TestClient, client: OcspClient, path: str
) -> None:
    answer = site.get(f"/ocsp/new/{path}")
    assert answer.status_code in (200, 404)
    if answer.status_code == 200:
        assert read(answer.content, client.issuer).status == MALFORMED


def test_a_request_that_is_too_long_or_of_another_kind_is_refused(site: TestClient) -> None:
    assert site.post("/ocsp/new", content=b"0" * 9000, headers=KIND).status_code == 413
    assert site.post("/ocsp/new", content=b"0").status_code == 415
    assert site.post("/ocsp/none", content=b"0", headers=KIND).status_code == 200


def test_there_is_no_hierarchy_of_that_name(site: TestClient, request_der: bytes) -> None:
    assert site.post("/ocsp/none", content=request_der, headers=KIND).status_code == 404


def test_a_revocation_is_seen_through_an_open_file(
    site: TestClient, client: OcspClient, published: Home, clock: Clock
) -> None:
    number = client.issue()
    clock.advance(days=4)
    publication.publish(published)
    request = ask(client.certificate(number), client.issuer)

    def reply() -> str:
        answer = site.post("/ocsp/new", content=request, headers=KIND)
        return read(answer.content, client.issuer).status

    assert reply() == GOOD
    revocation.revoke(published, [number], RevocationReason.SUPERSEDED)
    assert reply() == TRY_LATER
    publication.publish(published, if_due=True)
    assert reply() == REVOKED
