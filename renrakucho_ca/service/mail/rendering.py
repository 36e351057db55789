"""Render the templates of mails and sheets, with all values escaped in HTML."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from renrakucho_ca.errors import Conflict, Invalid, RcaError
from renrakucho_ca.locale import Catalogue
from renrakucho_ca.model import Certificate
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.retrieval import download, instructions
from renrakucho_ca.service.retrieval.instructions import TITLES
from renrakucho_ca.store.tables import certificates


class TemplateRenderer:
    """Templates in one language.

    Args:
        zone: timezone of displayed times.
        own: the operator's folder of templates; they override ours by name.
    """

    def __init__(self, catalogue: Catalogue, zone: tzinfo, own: Path | None = None) -> None:
        ours: jinja2.BaseLoader = jinja2.PackageLoader("renrakucho_ca")
        if own is not None:
            ours = jinja2.ChoiceLoader([jinja2.FileSystemLoader(own), ours])
        self._catalogue, self._zone = catalogue, zone
        # Sandboxed: an operator's template reaches only the values that it is given.
        self._environment = ImmutableSandboxedEnvironment(
            loader=ours,
            autoescape=lambda name: name is None or name.endswith(".html"),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._environment.globals |= {
            "say": catalogue.say,
            "language": catalogue.language.value,
            "titles": TITLES,
            "date": self._date,
            "time": self._time,
        }

    def render(self, template: str, **values: object) -> str:
        """Render a template; raise Invalid if an operator's template is wrong."""
        return "".join(self.stream(template, **values))

    def stream(self, template: str, **values: object) -> Iterator[str]:
        """Render a long template in pieces."""
        try:
            yield from self._environment.get_template(template).generate(**values)
        except RcaError:
            raise
        except Exception as error:  # a template can go wrong in as many ways as a program
            raise Invalid(
                "template {name}: {problem}", name=template, problem=_problem(error)
            ) from error

    def _date(self, moment: datetime) -> str:
        return self._catalogue.date(moment.astimezone(self._zone))

    def _time(self, moment: datetime) -> str:
        return f"{moment.astimezone(self._zone):%H:%M}"


def certificate_values(home: Home, certificate: Certificate) -> dict[str, object]:
    """Return the values for the templates of mails and hand-over sheets.

    Raises Conflict if the certificate can no longer be downloaded.
    """
    bundle = certificates.bundle(home.db, certificate.number)
    if bundle is None:
        raise Conflict("{number} has no bundle to download", number=certificate.number)
    return {
        "certificate": certificate,
        "offer": download.describe(home, certificate, bundle.container),
        "steps": instructions.for_device(certificate.device, bundle.container),
        "file": f"{certificate.number}{bundle.container.suffix}",
    }


def public_address(home: Home, path: str) -> str | None:
    """Return the public URL of a path on the download page; None without `public_url`."""
    base = home.settings.public_url
    return None if base is None else f"{base}/{path}"


def _problem(error: Exception) -> str:
    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"line {error.lineno}: {error.message}"
    return f"{type(error).__name__}: {error}"[:200]
