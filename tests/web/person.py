"""Somebody at a browser: reads pages by their HTML alone, fills in forms and presses buttons."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

from httpx import Response
from starlette.testclient import TestClient

from renrakucho_ca.service.issuance.issuer import Issued

PROXY = "192.0.2.254"
"""The reverse proxy that the settings of the home trust."""


@dataclass
class WebPage(HTMLParser):
    """What a browser makes of a page."""

    response: Response
    url: str
    text: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    action: str | None = None
    links: list[str] = field(default_factory=list)
    refresh: str | None = None
    tags: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.response.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = {name: value or "" for name, value in attrs}
        self.attributes += named
        match tag:
            case "form":
                assert named["method"] == "post"
                self.action = urljoin(self.url, named["action"])
            case "input":
                self.fields[named["name"]] = named.get("value", "")
            case "a":
                self.links.append(urljoin(self.url, named["href"]))
            case "meta" if named.get("http-equiv") == "refresh":
                self.refresh = urljoin(self.url, re.sub(r".*?url=", "", named["content"]))

    def handle_data(self, data: str) -> None:
        self.text += data


class Person:
    """One browser."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def open(self, url: str, **headers: str) -> WebPage:
        response = self.client.get(url, headers=headers)
        return WebPage(response, str(response.request.url))

    def press(self, page: WebPage, **typed: str) -> Response:
        """Presses the page's button; gives the bare answer."""
        assert page.action is not None, page.text
        answer: Response = self.client.post(page.action, data=page.fields | typed)
        return answer

    def follow(self, response: Response) -> WebPage:
        assert response.status_code == 303, response.text
        return self.open(urljoin(str(response.request.url), response.headers["location"]))

    def enter_password(self, number: str, password: str) -> Response:
        return self.press(self.open("/"), number=number, password=password)

    def offered(self, issued: Issued) -> WebPage:
        """The page with the one button, after number and password."""
        return self.follow(self.enter_password(issued.certificate.number, issued.password))

    def claimed(self, issued: Issued) -> WebPage:
        """The page with the steps, after the button."""
        return self.follow(self.press(self.offered(issued)))
