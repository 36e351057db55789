"""Render the pages in the reader's language."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from importlib import resources
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from renrakucho_ca.locale import Catalogue, Language
from renrakucho_ca.service.retrieval.instructions import TITLES
from renrakucho_ca.settings import Settings

_FOLDER = resources.files("renrakucho_ca.web")
CSS = (_FOLDER / "portal.css").read_bytes()
_CSS_VERSION = hashlib.sha256(CSS).hexdigest()[:12]


class Pages:
    """Renders the pages of one home; all values are escaped."""

    def __init__(self, settings: Settings) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("renrakucho_ca.web"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._settings = settings
        self._catalogues = {language: Catalogue(language) for language in Language}

    def show(
        self, request: Request, template: str, status: int = 200, /, **values: Any
    ) -> Response:
        """Render a page from the template `template` (without suffix) and its variables."""
        language = language_of(request)
        catalogue = self._catalogues[language]
        text = self._environment.get_template(f"{template}.html").render(
            values,
            say=catalogue.say,
            titles=TITLES,
            date=lambda moment: catalogue.date(moment.astimezone(self._settings.zone)),
            from_time=self._from_time,
            network=self._settings.network,
            organization=self._settings.organization,
            language=language.value,
            other=_OTHER[language],
            top=_top(request),
            keep=keep(request),
            css_version=_CSS_VERSION,
        )
        headers = {"Content-Language": language.value, "Vary": "Accept-Language"}
        return HTMLResponse(text, status, headers)

    def _from_time(self, moment: datetime) -> str:
        """Round up to a whole minute, so that no user returns seconds too early."""
        whole = moment + timedelta(seconds=-moment.second % 60)
        return f"{whole.astimezone(self._settings.zone):%H:%M}"


_OTHER = {
    Language.JAPANESE: (Language.ENGLISH, "English"),
    Language.ENGLISH: (Language.JAPANESE, "日本語"),
}


def language_of(request: Request) -> Language:
    """Return the language chosen on the page, then the browser's preference, then Japanese."""
    chosen = request.query_params.get("lang")
    if chosen in set(Language):
        return Language(chosen)
    wishes: list[tuple[float, Language]] = []
    for wish in request.headers.get("accept-language", "")[:200].split(","):
        tag, _, weight = wish.strip().partition(";q=")
        prefix = tag.split("-")[0].lower()
        if prefix == "*" or not prefix:
            continue
        language = Language.JAPANESE if prefix == "ja" else Language.ENGLISH
        try:
            wishes.append((float(weight or 1), language))
        except ValueError:
            continue
    return max(wishes, key=lambda each: each[0])[1] if wishes else Language.JAPANESE


def _top(request: Request) -> str:
    """Return the relative path to the first page: a proxy may serve us below a path."""
    return "../" * (request.url.path.count("/") - 1) or "./"


def keep(request: Request) -> str:
    """Return the query that keeps the chosen language on the next page."""
    chosen = request.query_params.get("lang")
    return f"?lang={chosen}" if chosen in set(Language) else ""
