"""Find certificates past their cut-off or never downloaded, and expired bundles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from renrakucho_ca.model import RetrievalNumber
from renrakucho_ca.store.sqlite.connection import Database, seconds
from renrakucho_ca.store.tables.migration_progress import FOLLOWING, LIVE

PAGE = 1000
"""Revocations in one transaction, few enough for other writers."""


@dataclass(frozen=True, slots=True)
class Due:
    """A live certificate to revoke. `superseded`: a successor was downloaded."""

    id: int
    number: RetrievalNumber
    superseded: bool


_SELECT = f"""
SELECT c.id, c.number,
       ({FOLLOWING.format(value="count(s.downloaded_at)")}) > 0 AS superseded
FROM certificate AS c NOT INDEXED
"""
"""In the order of the rows: with an index, SQLite would sort every page."""
_CUT_OFF = f"""
c.authority IN (SELECT id FROM authority WHERE hierarchy = :hierarchy) AND {LIVE}
"""
# Never downloaded: a held certificate waits, because it may be released.
_LAPSED = """
c.standing = 'issued' AND c.issued_at < :issued_before AND c.not_after > :now
AND EXISTS (SELECT 1 FROM bundle AS b WHERE b.certificate = c.id)
"""


def cut_off(db: Database, hierarchy: str, now: datetime, after: int) -> list[Due]:
    """Return the next live certificates of a hierarchy past its cut-off.

    Args:
        after: the last id of the page before, here and in `lapsed`; 0 at first.
    """
    return _due(db, _CUT_OFF, {"hierarchy": hierarchy, "now": seconds(now), "after": after})


def lapsed(db: Database, issued_before: datetime, now: datetime, after: int) -> list[Due]:
    """Return the next live certificates not downloaded in time."""
    earliest = seconds(issued_before)
    return _due(db, _LAPSED, {"issued_before": earliest, "now": seconds(now), "after": after})


def count_cut_off(db: Database, hierarchy: str, now: datetime) -> int:
    return _count(db, _CUT_OFF, {"hierarchy": hierarchy, "now": seconds(now)})


def count_lapsed(db: Database, issued_before: datetime, now: datetime) -> int:
    return _count(db, _LAPSED, {"issued_before": seconds(issued_before), "now": seconds(now)})


def count_ended_bundles(db: Database, now: datetime) -> int:
    return _count(
        db,
        """c.standing <> 'revoked' AND c.not_after <= :now
           AND EXISTS (SELECT 1 FROM bundle AS b WHERE b.certificate = c.id)""",
        {"now": seconds(now)},
    )


def destroy_ended_bundles(db: Database, now: datetime) -> None:
    """Destroy the bundles of expired certificates."""
    db.execute(
        """DELETE FROM bundle WHERE certificate IN
           (SELECT id FROM certificate WHERE not_after <= ?)""",
        (seconds(now),),
    )


def _due(db: Database, condition: str, values: dict[str, object]) -> list[Due]:
    """Return a page. All pages together are one pass over the table, whatever was revoked."""
    sql = f"{_SELECT} WHERE c.id > :after AND {condition} ORDER BY c.id LIMIT {PAGE}"
    return [
        Due(row["id"], RetrievalNumber(row["number"]), bool(row["superseded"]))
        for row in db.rows(sql, values)
    ]


def _count(db: Database, condition: str, values: dict[str, object]) -> int:
    return int(db.value(f"SELECT count(*) FROM certificate AS c WHERE {condition}", values))
