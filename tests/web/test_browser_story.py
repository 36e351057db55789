"""The whole story in Chromium: on a phone, on a desk, and on a phone at 200 % zoom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from renrakucho_ca.service.home import Home
from tests.shared.homes import Issue
from tests.shared.serving import RunningServer
from tests.shared.waiting import until

from .serving import start

webdriver = pytest.importorskip("selenium.webdriver")
webdriver_errors = pytest.importorskip("selenium.common.exceptions")

pytestmark = pytest.mark.needs("chromium", "chromedriver")

WIDTHS = {"phone": 360, "desk": 1280, "phone at 200 %": 180}


@pytest.fixture
def serving(home: Home, tmp_path: Path) -> Iterator[RunningServer]:
    serving = start(home, tmp_path)
    yield serving
    serving.stop()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[object]:
    options = webdriver.ChromeOptions()
    for switch in ("headless=new", "no-sandbox", "disable-gpu", "lang=ja", "accept-lang=ja"):
        options.add_argument(f"--{switch}")
    options.add_experimental_option("prefs", {"download.default_directory": str(tmp_path / "dl")})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(
        options=options, service=webdriver.ChromeService("/usr/bin/chromedriver")
    )
    yield browser
    browser.quit()


@pytest.mark.parametrize("screen", WIDTHS)
def test_a_nurse_gets_her_file(
    issue: Issue, serving: RunningServer, browser: object, screen: str, tmp_path: Path
) -> None:
    issued = issue("windows", name="鈴木 花子")
    width = WIDTHS[screen]
    browser.execute_cdp_cmd(  # type: ignore[attr-defined]
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 740, "deviceScaleFactor": 2, "mobile": width < 400},
    )

    def fits(name: str) -> None:
        """Nothing stands out to the side, and what can be pressed is large enough (WCAG 2.5.8)."""
        script = """return [document.documentElement.scrollWidth,
            Math.min(...[...document.querySelectorAll('button, .button, input[type=text]')]
                     .map(each => each.getBoundingClientRect().height))]"""
        scroll, least = browser.execute_script(script)  # type: ignore[attr-defined]
        assert scroll <= width, name
        assert least >= 44, name

    def typed(**fields: str) -> None:
        for name, text in fields.items():
            browser.find_element("name", name).send_keys(text)  # type: ignore[attr-defined]
        page = browser.find_element("tag name", "html").id  # type: ignore[attr-defined]
        browser.find_element("css selector", "button").click()  # type: ignore[attr-defined]

        # A tap on a phone is not a click at once, and between two pages there is none.
        def leads_on() -> bool:
            with suppress(webdriver_errors.WebDriverException):
                html = browser.find_element("tag name", "html")  # type: ignore[attr-defined]
                state = browser.execute_script("return document.readyState")  # type: ignore[attr-defined]
                return bool(html.id != page and state == "complete")
            return False

        assert until(leads_on)

    browser.get(serving.url)  # type: ignore[attr-defined]
    fits("form")
    typed(number=issued.certificate.number, password="abcd-efgh-jkmn")
    fits("wrong")
    typed(number=issued.certificate.number, password=issued.password.upper())
    fits("offer")
    assert "鈴木 花子" in browser.page_source  # type: ignore[attr-defined]
    typed()
    fits("done")
    file = tmp_path / "dl" / f"{issued.certificate.number}.p12"
    until(file.exists)
    assert file.read_bytes()[:1] == b"\x30"
    problems = [
        entry["message"]
        for entry in browser.get_log("browser")  # type: ignore[attr-defined]
        if "Content Security Policy" in json.dumps(entry)
    ]
    assert not problems
