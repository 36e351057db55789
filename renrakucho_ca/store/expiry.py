"""What time takes out of use, many at once: a hierarchy at its cut-off, bundles nobody fetched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from renrakucho_ca.model import RetrievalNumber, Revocation
from renrakucho_ca.store.database import Database, seconds


@dataclass(frozen=True, slots=True)
class Due:
    """A live certificate that is to be revoked.

    Attributes:
        superseded: a successor was downloaded.
    """

    id: int
    number: RetrievalNumber
    authority: int
    serial: int
    superseded: bool


_SELECT = """
SELECT c.id, c.number, c.authority, c.serial, EXISTS (
    SELECT 1 FROM certificate AS s
    WHERE s.supersedes = c.number AND s.downloaded_at IS NOT NULL
) AS superseded
FROM certificate AS c
"""
_LIVE = "c.standing <> 'revoked' AND (c.standing = 'held' OR c.not_after > :now)"
_CUT_OFF = f"""
c.authority IN (SELECT id FROM authority WHERE hierarchy = :hierarchy) AND {_LIVE}
"""
# Never downloaded: what is held may be released, and waits.
_LAPSED = """
c.standing = 'issued' AND c.issued_at < :issued_before AND c.not_after > :now
AND EXISTS (SELECT 1 FROM bundle AS b WHERE b.certificate = c.id)
"""


def cut_off(db: Database, hierarchy: str, now: datetime, limit: int) -> list[Due]:
    """The next live certificates of a hierarchy whose cut-off has come."""
    values: dict[str, object] = {"hierarchy": hierarchy, "now": seconds(now), "limit": limit}
    return _due(db, _CUT_OFF, values)


def lapsed(db: Database, issued_before: datetime, now: datetime, limit: int) -> list[Due]:
    """The next live certificates that nobody fetched in time."""
    values: dict[str, object] = {
        "issued_before": seconds(issued_before),
        "now": seconds(now),
        "limit": limit,
    }
    return _due(db, _LAPSED, values)


def count_cut_off(db: Database, hierarchy: str, now: datetime) -> int:
    return _count(db, _CUT_OFF, {"hierarchy": hierarchy, "now": seconds(now)})


def count_lapsed(db: Database, issued_before: datetime, now: datetime) -> int:
    return _count(db, _LAPSED, {"issued_before": seconds(issued_before), "now": seconds(now)})


def revoke(db: Database, revocations: Sequence[tuple[Due, Revocation, bytes]]) -> None:
    """Revokes many for good, and destroys their bundles. The caller has begun to write.

    Args:
        revocations: which, when and why, and the entry for the CRL.
    """
    db.execute_many(
        "UPDATE certificate SET revoked_at = ?, revocation_reason = ? WHERE id = ?",
        [(seconds(why.at), why.reason.value, which.id) for which, why, _ in revocations],
    )
    db.execute_many(
        "INSERT OR REPLACE INTO crl_entry VALUES (?, ?, ?)",
        [(which.authority, which.id, entry) for which, _, entry in revocations],
    )
    db.execute_many(
        "DELETE FROM bundle WHERE certificate = ?", [(which.id,) for which, _, _ in revocations]
    )
    db.execute_many(
        "UPDATE authority SET changes = changes + 1 WHERE id = ?",
        [(authority,) for authority in {which.authority for which, _, _ in revocations}],
    )


def count_ended_bundles(db: Database, now: datetime) -> int:
    return _count(
        db,
        """c.standing <> 'revoked' AND c.not_after <= :now
           AND EXISTS (SELECT 1 FROM bundle AS b WHERE b.certificate = c.id)""",
        {"now": seconds(now)},
    )


def destroy_ended_bundles(db: Database, now: datetime) -> None:
    """Bundles of certificates past their end: nobody can use them any more."""
    db.execute(
        """DELETE FROM bundle WHERE certificate IN
           (SELECT id FROM certificate WHERE not_after <= ?)""",
        (seconds(now),),
    )


def _due(db: Database, condition: str, values: dict[str, object]) -> list[Due]:
    return [
        Due(
            id=row["id"],
            number=RetrievalNumber(row["number"]),
            authority=row["authority"],
            serial=int(row["serial"], 16),
            superseded=bool(row["superseded"]),
        )
        for row in db.rows(f"{_SELECT} WHERE {condition} LIMIT :limit", values)
    ]


def _count(db: Database, condition: str, values: dict[str, object]) -> int:
    row = db.row(f"SELECT count(*) AS count FROM certificate AS c WHERE {condition}", values)
    assert row is not None
    count: int = row["count"]
    return count
