"""The progress of a migration between hierarchies: certificates with and without successor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

from renrakucho_ca.model import Certificate
from renrakucho_ca.store.sqlite.connection import Database, moment, seconds
from renrakucho_ca.store.tables.certificates import SELECT, from_row
from renrakucho_ca.store.tables.listing import PAGE


@dataclass(frozen=True, slots=True)
class Scope:
    """The certificates of a hierarchy, or of one facility or network in it."""

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
    """The progress of a facility. Each certificate of the old hierarchy counts once.

    Its followers are its successor, the successor's successor, and so on: a new certificate may
    have been re-issued without a download.

    Attributes:
        total: those that are live, were live until the cut-off, or have a live follower.
        live: neither revoked nor expired; a held one is live.
        pending: live without a successor, for the next run of the migration.
        issued: with a successor.
        downloaded: with a live follower that was downloaded: they have moved.
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
        """Return the number of users who could not log in after the cut-off."""
        return self.total - self.downloaded

    @property
    def percent(self) -> int:
        """Return the migrated share, rounded down: 100 only if all have moved."""
        return 100 if self.total == 0 else 100 * self.downloaded // self.total


_OF_SCOPE = """
    c.authority IN (SELECT id FROM authority WHERE hierarchy = :source)
    AND (:facility IS NULL OR u.facility = :facility)
    AND (:network IS NULL OR u.network = :network)
"""
LIVE = "c.standing <> 'revoked' AND (c.standing = 'held' OR c.not_after > :now)"
FOLLOWING = """
    WITH RECURSIVE following (number) AS (
        SELECT number FROM certificate WHERE supersedes = c.number
        UNION ALL
        SELECT n.number FROM following AS f JOIN certificate AS n ON n.supersedes = f.number
    )
    SELECT {value} FROM following JOIN certificate AS s USING (number)
"""
"""A value over all followers of the certificate `c`; null without followers."""

_LIVE_FOLLOWER = "s.standing <> 'revoked' AND s.not_after > :now"


def pending(db: Database, scope: Scope, now: datetime) -> Iterator[Certificate]:
    """Yield live certificates without a successor, oldest first, a page at a time.

    Each page reads the present state, and skips those with a successor by then.
    """
    authorities = list(db.rows("SELECT id FROM authority WHERE hierarchy = ?", (scope.source,)))
    for authority in authorities:
        yield from _pending_of(db, authority["id"], scope, now)


def _pending_of(db: Database, authority: int, scope: Scope, now: datetime) -> Iterator[Certificate]:
    """Read each page from an index: the last one costs as much as the first."""
    values = scope.values(now) | {"authority": authority, "page": PAGE}
    # An old CA with a wrong clock has issued before 1970.
    values |= {"issued_at": seconds(datetime.min.replace(tzinfo=UTC)), "after": 0}
    while True:
        rows = list(
            db.rows(
                f"""{SELECT}
                    WHERE c.authority = :authority
                      AND (c.issued_at, c.id) > (:issued_at, :after)
                      AND (:facility IS NULL OR u.facility = :facility)
                      AND (:network IS NULL OR u.network = :network)
                      AND {LIVE}
                      AND NOT EXISTS (
                          SELECT 1 FROM certificate AS s WHERE s.supersedes = c.number
                      )
                    ORDER BY c.issued_at, c.id LIMIT :page""",
                values,
            )
        )
        yield from map(from_row, rows)
        if len(rows) < PAGE:
            return
        values |= {"issued_at": rows[-1]["issued_at"], "after": rows[-1]["id"]}


def progress(db: Database, scope: Scope, now: datetime) -> list[Progress]:
    """Return the progress by network and facility, in one pass over the old hierarchy."""
    best = f"""max(CASE WHEN NOT ({_LIVE_FOLLOWER}) THEN 0
                        WHEN s.downloaded_at IS NULL THEN 1 ELSE 2 END)"""
    rows = db.rows(
        f"""WITH one AS MATERIALIZED (
                SELECT u.network, u.facility, {LIVE} AS live,
                       c.revoked_at >= h.cutoff AS cut_off,
                       ({FOLLOWING.format(value=best)}) AS best
                FROM certificate AS c
                JOIN user AS u ON u.id = c.user
                JOIN hierarchy AS h ON h.name = :source
                WHERE {_OF_SCOPE}
            )
            SELECT network, facility, count(*) AS total, sum(live) AS live,
                   sum(live AND best IS NULL) AS pending, count(best) AS issued,
                   sum(best IS 2) AS downloaded
            FROM one WHERE live OR cut_off OR best > 0
            GROUP BY network, facility ORDER BY network, facility""",
        scope.values(now),
    )
    return [Progress(**dict(row)) for row in rows]


def by_day(db: Database, scope: Scope, now: datetime, zone: tzinfo) -> dict[date, tuple[int, int]]:
    """Return the numbers of new successors and of moves for each local day."""
    days: dict[date, tuple[int, int]] = {}
    moved = f"CASE WHEN {_LIVE_FOLLOWER} THEN s.downloaded_at END"
    for index, what in enumerate(("s.issued_at", moved)):
        # By the half hour in SQL, by the day here: timezones are half hours off UTC.
        rows = db.rows(
            f"""SELECT ({FOLLOWING.format(value=f"min({what})")}) / 1800 * 1800 AS at,
                       count(*) AS count
                FROM certificate AS c
                JOIN user AS u ON u.id = c.user
                WHERE {_OF_SCOPE} GROUP BY 1 HAVING at IS NOT NULL""",
            scope.values(now),
        )
        for row in rows:
            day = moment(row["at"]).astimezone(zone).date()
            counts = list(days.get(day, (0, 0)))
            counts[index] += row["count"]
            days[day] = (counts[0], counts[1])
    return dict(sorted(days.items()))
