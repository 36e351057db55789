"""What the database can tell of its own state."""

from __future__ import annotations

from datetime import datetime

from renrakucho_ca.model import IMPORTED
from renrakucho_ca.store.database import Database, optional_moment, seconds


def damage(db: Database, *, thorough: bool = False) -> list[str]:
    """What SQLite finds wrong with the file and its foreign keys; empty is well.

    Args:
        thorough: also whether every index agrees with its table.
    """
    check = "PRAGMA integrity_check" if thorough else "PRAGMA quick_check"
    found = [row[0] for row in db.rows(check) if row[0] != "ok"]
    found += [f"{row[0]}: {row[2]}" for row in db.rows("PRAGMA foreign_key_check")]
    return found


def newest_signature(db: Database) -> datetime | None:
    """When the newest CRL of a CA whose key is here, or certificate that is not revoked, was
    signed; None where there is none. What another program signed does not count.
    """
    row = db.row(
        """SELECT max(at) AS at FROM (
               SELECT max(crl_this_update) AS at FROM authority WHERE key IS NOT NULL
               UNION ALL
               SELECT * FROM (SELECT issued_at FROM certificate
                              WHERE standing <> 'revoked' AND profile <> :imported
                              ORDER BY issued_at DESC, id DESC LIMIT 1))""",
        {"imported": IMPORTED},
    )
    return None if row is None else optional_moment(row["at"])


def old_intents(db: Database, before: datetime) -> int:
    """Intents from before that moment, which nobody has fulfilled."""
    return _count(db, "SELECT count(*) FROM intent WHERE at < ?", before)


def mails(db: Database, before: datetime) -> tuple[int, int]:
    """How many mails were given up, and how many of before that moment still wait."""
    failed = db.row("SELECT count(*) FROM outbox WHERE state = 'failed'")
    late = "SELECT count(*) FROM outbox WHERE state = 'waiting' AND created_at < ?"
    return (failed[0] if failed else 0), _count(db, late, before)


def _count(db: Database, sql: str, before: datetime) -> int:
    row = db.row(sql, (seconds(before),))
    return 0 if row is None else int(row[0])
