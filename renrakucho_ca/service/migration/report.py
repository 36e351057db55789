"""The page that a manager reads: how far the move has come, by network, facility and day."""

from __future__ import annotations

from collections.abc import Iterable
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
"""Of the chart, in the units of its own coordinates."""


@dataclass(frozen=True, slots=True)
class Part:
    """A network's or a facility's line in the table."""

    name: str | None
    total: int
    issued: int
    downloaded: int

    @property
    def to_go(self) -> int:
        return self.total - self.downloaded

    @property
    def percent(self) -> int:
        """Rounded down: 100 means that no one remains."""
        return 100 if self.total == 0 else 100 * self.downloaded // self.total


@dataclass(frozen=True, slots=True)
class NetworkProgress:
    """A network and its facilities, those with the most people to go first."""

    whole: Part
    facilities: tuple[Part, ...]

    @property
    def lines(self) -> tuple[Part, ...]:
        """As the table shows them."""
        return (self.whole, *self.facilities)


def html(home: Home, scope: Scope, catalogue: Catalogue) -> str:
    """The page, with its chart, in one self-contained file.

    Raises:
        NotFound: no such hierarchy.
    """
    now, zone = home.clock(), home.settings.zone
    progress = plan(home, scope)
    cutoff = hierarchies.get(home.db, scope.source).cutoff
    whole = _sum(None, progress)
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
        networks=_networks(progress, home.settings.network),
        width=WIDTH,
        height=HEIGHT,
        chart=chart,
    )


def _networks(progress: Iterable[Progress], default: str) -> list[NetworkProgress]:
    """Users of whom no network is recorded belong to that of the settings."""
    by_network: dict[str, list[Progress]] = {}
    for each in progress:
        by_network.setdefault(each.network or default, []).append(each)
    return [
        NetworkProgress(
            _sum(name, parts),
            tuple(
                sorted(
                    (_sum(part.facility, [part]) for part in parts),
                    key=lambda part: -part.to_go,
                )
            ),
        )
        for name, parts in by_network.items()
    ]


def _sum(name: str | None, parts: Iterable[Progress]) -> Part:
    parts = list(parts)
    return Part(
        name,
        sum(part.total for part in parts),
        sum(part.issued for part in parts),
        sum(part.downloaded for part in parts),
    )


@dataclass(frozen=True, slots=True)
class Chart:
    """How many had been issued and downloaded by each day, from before the first to the cut-off.

    Attributes:
        first, last: the days at its ends.
        issued, downloaded: the points of SVG polylines.
        today: where today stands, from left.
    """

    first: date
    last: date
    issued: str
    downloaded: str
    today: float


def _chart(
    days: dict[date, tuple[int, int]], total: int, today: date, cutoff: date | None
) -> Chart | None:
    """None where nothing has happened yet."""
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
