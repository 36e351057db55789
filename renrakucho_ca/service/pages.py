"""Pages made to be kept or printed: one HTML file each, with everything in it."""

from __future__ import annotations

from datetime import datetime, tzinfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from renrakucho_ca.locale import Catalogue


def render(template: str, catalogue: Catalogue, zone: tzinfo, **values: object) -> str:
    """Fills a template in. Whatever comes from outside is escaped.

    Args:
        template: a file's name in `renrakucho_ca/templates`.
        zone: in which moments are shown.
    """
    environment = Environment(
        loader=PackageLoader("renrakucho_ca", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["day"] = lambda moment: _day(moment, zone)
    environment.globals["say"] = catalogue.say
    environment.globals["language"] = catalogue.language.value
    return environment.get_template(template).render(**values)


def _day(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d}"
