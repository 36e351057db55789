"""The move from one hierarchy to another, as the store sees it: who has a successor, who not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from renrakucho_ca.model import Certificate
from renrakucho_ca.store.certificates import PAGE, SELECT, from_row
from renrakucho_ca.store.database import Database, moment, seconds


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose certificates: those of a hierarchy, perhaps of one facility or network alone."""

    source: str
    facility: str | None = None
    network: str | None = None

    def values(self, now: datetime) -> dict[str, object]:
        return {
            "source": self.source,
            "facility": self.facility,
            "network": self.network,
            "now": seconds(now),
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a facility has come.

    Attributes:
        total: certificates of the old hierarchy that are live or have a successor.
        live: those of them that still let someone in.
        pending: live ones without a successor: what a migration takes up.
        issued: have a successor.
        downloaded: whose successor was downloaded: they have moved.
    """

    network: str | None
    facility: str | None
    total: int
    live: int
    pending: int
    issued: int
    downloaded: int

    @property
    def to_go(self) -> int:
        """Who cannot log in after the cut-off as it stands."""
        return self.total - self.downloaded


_OF_SCOPE = """
    c.authority IN (SELECT id FROM authority WHERE hierarchy = :source)
    AND (:facility IS NULL OR u.facility = :facility)
    AND (:network IS NULL OR u.network = :network)
"""
_LIVE = "c.standing <> 'revoked' AND (c.standing = 'held' OR c.not_after > :now)"
_HAS_SUCCESSOR = "EXISTS (SELECT 1 FROM certificate AS s WHERE s.supersedes = c.number)"


def pending(db: Database, scope: Scope, now: datetime) -> Iterator[Certificate]:
    """Live ones without a successor, oldest first, a page at a time.

    It looks at what is there when it reads: what gets a successor meanwhile is passed over.
    """
    after = 0
    while True:
        rows = list(
            db.rows(
                f"""{SELECT} WHERE c.id > :after AND {_OF_SCOPE} AND {_LIVE}
                    AND NOT {_HAS_SUCCESSOR} ORDER BY c.id LIMIT :page""",
                scope.values(now) | {"after": after, "page": PAGE},
            )
        )
        yield from map(from_row, rows)
        if len(rows) < PAGE:
            return
        after = rows[-1]["id"]


def progress(db: Database, scope: Scope, now: datetime) -> list[Progress]:
    """By network and facility, in one pass over the old hierarchy."""
    rows = db.rows(
        f"""SELECT u.network, u.facility, count(*) AS total,
                   sum({_LIVE}) AS live,
                   sum(s.number IS NULL) AS pending,
                   count(s.number) AS issued,
                   count(s.downloaded_at) AS downloaded
            FROM certificate AS c
            JOIN user AS u ON u.id = c.user
            LEFT JOIN certificate AS s ON s.supersedes = c.number
            WHERE {_OF_SCOPE} AND (s.number IS NOT NULL OR {_LIVE})
            GROUP BY u.network, u.facility ORDER BY u.network, u.facility""",
        scope.values(now),
    )
    return [
        Progress(
            network=row["network"],
            facility=row["facility"],
            total=row["total"],
            live=row["live"],
            pending=row["pending"],
            issued=row["issued"],
            downloaded=row["downloaded"],
        )
        for row in rows
    ]


def by_day(db: Database, scope: Scope, now: datetime, zone: tzinfo) -> dict[date, tuple[int, int]]:
    """How many successors were issued, and how many downloaded, on each day as people count."""
    days: dict[date, tuple[int, int]] = {}
    for column, index in (("issued_at", 0), ("downloaded_at", 1)):
        # By the hour in SQL, by the day here: timezones are whole or half hours off UTC.
        rows = db.rows(
            f"""SELECT s.{column} / 1800 * 1800 AS at, count(*) AS count
                FROM certificate AS c
                JOIN user AS u ON u.id = c.user
                JOIN certificate AS s ON s.supersedes = c.number
                WHERE {_OF_SCOPE} AND s.{column} IS NOT NULL GROUP BY 1""",
            scope.values(now),
        )
        for row in rows:
            day = moment(row["at"]).astimezone(zone).date()
            counts = list(days.get(day, (0, 0)))
            counts[index] += row["count"]
            days[day] = (counts[0], counts[1])
    return dict(sorted(days.items()))
