"""The page for managers: the progress of a migration by network, facility and day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

from renrakucho_ca.locale import Catalogue
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.mail.rendering import TemplateRenderer
from renrakucho_ca.service.migration.migration import plan
from renrakucho_ca.store.tables import hierarchies, migration_progress
from renrakucho_ca.store.tables.migration_progress import Progress, Scope

WIDTH, HEIGHT = 720, 220
"""The size of the chart, in units of its coordinates."""


def html(home: Home, scope: Scope, catalogue: Catalogue) -> str:
    """Return the page with its chart, self-contained; raise NotFound for an unknown hierarchy."""
    now, zone = home.clock(), home.settings.zone
    progress = plan(home, scope)
    cutoff = hierarchies.get(home.db, scope.source).cutoff
    whole = _sum(progress)
    chart = _chart(
        migration_progress.by_day(home.db, scope, now, zone),
        whole.total,
        now.astimezone(zone).date(),
        None if cutoff is None else cutoff.astimezone(zone).date(),
    )
    return TemplateRenderer(catalogue, zone).render(
        "migration.html",
        title=home.settings.organization,
        scope=scope,
        now=now,
        cutoff=cutoff,
        whole=whole,
        networks=_by_network(progress, home.settings.network),
        width=WIDTH,
        height=HEIGHT,
        chart=chart,
    )


def _by_network(progress: Iterable[Progress], default: str) -> dict[str, list[Progress]]:
    """Return the sum of each network, then its facilities, those with the most remaining first.

    Users without a recorded network count for the settings' network.
    """
    found: dict[str, list[Progress]] = {}
    for each in progress:
        found.setdefault(each.network or default, []).append(each)
    return {
        network: [_sum(parts), *sorted(parts, key=lambda part: -part.to_go)]
        for network, parts in found.items()
    }


def _sum(parts: Sequence[Progress]) -> Progress:
    counts = ("total", "live", "pending", "issued", "downloaded")
    return Progress(
        network=None,
        facility=None,
        **{count: sum(getattr(part, count) for part in parts) for count in counts},
    )


@dataclass(frozen=True, slots=True)
class Chart:
    """The certificates issued and downloaded by each day, from before the first to the cut-off.

    Attributes:
        first, last: the days at its ends.
        issued, downloaded: the points of SVG polylines.
        today: x coordinate of today.
    """

    first: date
    last: date
    issued: str
    downloaded: str
    today: float


def _chart(
    days: dict[date, tuple[int, int]], total: int, today: date, cutoff: date | None
) -> Chart | None:
    """Return None before the first issuance."""
    if not days or not total:
        return None
    first = min(days) - timedelta(days=1)
    last = max(today, cutoff or today)

    def x(day: date) -> float:
        return WIDTH * (day - first) / (last - first)

    def line(index: int) -> str:
        sums = accumulate(counts[index] for counts in days.values())
        points = [(first, 0), *zip(days, sums, strict=True)]
        points.append((max(today, points[-1][0]), points[-1][1]))
        return " ".join(
            f"{x(day):.1f},{HEIGHT * (1 - min(count / total, 1)):.1f}" for day, count in points
        )

    return Chart(first, last, line(0), line(1), x(today))
