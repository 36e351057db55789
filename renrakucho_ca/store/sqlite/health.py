"""The condition of the database, for `rca doctor`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from renrakucho_ca.model import IMPORTED, Status
from renrakucho_ca.store.sqlite.connection import Database, moment, optional_moment, seconds, word
from renrakucho_ca.store.tables.outbox import MailState

OPERATORS_NEWS = timedelta(days=7)
"""The age from which a failed mail to the operator is ignored."""

_BROKEN_SIGNATURES = (
    # The AlgorithmIdentifiers md5WithRSAEncryption and sha1WithRSAEncryption (RFC 3279 §2.2.1) and
    # ecdsa-with-SHA1 (§2.2.3), as a certificate's DER has them.
    bytes.fromhex("06092a864886f70d010104"),
    bytes.fromhex("06092a864886f70d010105"),
    bytes.fromhex("06072a8648ce3d0401"),
)


@dataclass(frozen=True, slots=True)
class LastAct:
    """The newest row of the audit log."""

    id: int
    at: datetime


# -- the file


def damage(db: Database) -> list[str]:
    """Return the defects that SQLite finds in the file, its indexes and foreign keys.

    For a million certificates it takes 25 s, during which writers wait.
    """
    found = [row[0] for row in db.rows("PRAGMA integrity_check") if row[0] != "ok"]
    found += [f"{row[0]}: {row[2]}" for row in db.rows("PRAGMA foreign_key_check")]
    return found


def alterations(db: Database) -> list[str]:
    """Return the parts of the schema that are missing or altered, and foreign triggers.

    A foreign trigger could undo a revocation. Foreign tables, such as Litestream's, do no harm.
    """
    from renrakucho_ca.store.sqlite import schema

    with closing(sqlite3.connect(":memory:")) as connection:
        schema.apply(connection)
        made = _parts(connection.execute(_PARTS))
    found = _parts(db.rows(_PARTS))
    altered = [part for part, sql in made.items() if found.get(part) != sql]
    return altered + [part for part in found.keys() - made.keys() if part.startswith("trigger ")]


def _parts(rows: Iterable[Sequence[str]]) -> dict[str, str]:
    """Map kind and name to the SQL without its layout."""
    return {f"{kind} {name}": " ".join(sql.split()) for kind, name, sql in rows}


# Objects that SQLite creates by itself have no SQL; the table of the steps is sqlite-utils' own.
_PARTS = """
SELECT type, name, sql FROM sqlite_schema
WHERE sql IS NOT NULL AND tbl_name NOT IN ('_sqlite_migrations', 'sqlite_sequence')
"""


def sqlite_version() -> str:
    return sqlite3.sqlite_version


def wal_can_corrupt(db: Database) -> bool:
    """Return whether this SQLite can corrupt the WAL in use (sqlite.org/wal.html)."""
    return db.is_wal() and sqlite3.sqlite_version_info < (3, 51, 3)


# -- the clock


def newest_signature(db: Database) -> datetime | None:
    """Return the time of the newest signature of a CA here: a CRL or a certificate not revoked.

    Another program's signatures do not count. None if there is none.
    """
    newest = db.value(
        """SELECT max(at) FROM (
               SELECT max(crl_this_update) AS at FROM authority WHERE key IS NOT NULL
               UNION ALL
               SELECT max(at) FROM ca_certificate WHERE der IS NOT NULL AND revoked_at IS NULL
               UNION ALL
               SELECT * FROM (SELECT issued_at FROM certificate
                              WHERE standing <> 'revoked' AND profile <> :imported
                              ORDER BY issued_at DESC, id DESC LIMIT 1))""",
        {"imported": IMPORTED},
    )
    return optional_moment(newest)


def last_act(db: Database) -> LastAct | None:
    row = db.row("SELECT id, at FROM audit ORDER BY id DESC LIMIT 1")
    return None if row is None else LastAct(row["id"], moment(row["at"]))


# -- pending work


def count_old_pending(db: Database, before: datetime) -> int:
    """Return the number of pending issuances from before that moment."""
    return _count(db, "SELECT count(*) FROM intent WHERE at < ?", seconds(before))


def mails_given_up(db: Database, now: datetime) -> int:
    """Count failed mails about valid certificates, and recent ones to the operator."""
    return _count(
        db,
        """SELECT count(*) FROM outbox AS o LEFT JOIN certificate AS c ON c.id = o.certificate
           WHERE o.state = 'failed' AND CASE WHEN o.certificate IS NULL THEN o.created_at > ?
                                        ELSE c.standing = 'issued' AND c.not_after > ? END""",
        seconds(now - OPERATORS_NEWS),
        seconds(now),
    )


def mails_waiting(db: Database, before: datetime) -> int:
    """Return the number of mails from before that moment that wait to be sent."""
    sql = "SELECT count(*) FROM outbox WHERE state = 'waiting' AND created_at < ?"
    return _count(db, sql, seconds(before))


# -- certificates of a hierarchy that are not revoked


def count_ending_after(db: Database, authorities: Sequence[int], end: datetime) -> int:
    return _count_live(db, authorities, end, "1")


def count_rsa_2048(db: Database, authorities: Sequence[int], end: datetime) -> int:
    """Return the number of certificates with an RSA-2048 key that are valid at `end`."""
    return _count_live(db, authorities, end, "c.key_algorithm = 'rsa-2048'")


def count_broken_signatures(db: Database, authorities: Sequence[int], now: datetime) -> int:
    """Return the number of imported certificates signed with SHA-1 or MD5."""
    found = " OR ".join(f"instr(d.der, x'{each.hex()}')" for each in _BROKEN_SIGNATURES)
    condition = f"""c.profile = '{IMPORTED}' AND EXISTS (
        SELECT 1 FROM certificate_der AS d WHERE d.certificate = c.id AND ({found}))"""
    return _count_live(db, authorities, now, condition)


# -- counts by kind


def count_certificates(db: Database, now: datetime) -> dict[tuple[str, Status], int]:
    """Count certificates by hierarchy and status, with zeros, in one pass over the table."""
    names = [row["name"] for row in db.rows("SELECT name FROM hierarchy ORDER BY name")]
    counts = {(name, status): 0 for name in names for status in Status}
    # As in `Certificate.status`.
    rows = db.rows(
        """SELECT a.hierarchy, n.status, sum(n.count) AS count FROM (
               SELECT authority, CASE WHEN standing IN ('revoked', 'held') THEN standing
                                      WHEN not_after <= ? THEN 'expired'
                                      ELSE standing END AS status, count(*) AS count
               FROM certificate GROUP BY authority, status) AS n
           JOIN authority AS a ON a.id = n.authority GROUP BY a.hierarchy, n.status""",
        (seconds(now),),
    )
    for row in rows:
        counts[row["hierarchy"], word(Status, row["status"])] = row["count"]
    return counts


def count_mails(db: Database) -> dict[MailState, int]:
    """Count the mails of the outbox by state, with zeros."""
    counts = dict.fromkeys(MailState, 0)
    for row in db.rows("SELECT state, count(*) AS count FROM outbox GROUP BY state"):
        counts[word(MailState, row["state"])] = row["count"]
    return counts


def _count_live(
    db: Database, authorities: Sequence[int], valid_at: datetime, condition: str
) -> int:
    return _count(
        db,
        f"""SELECT count(*) FROM certificate AS c
            WHERE c.authority IN ({", ".join(map(str, authorities))})
              AND c.standing <> 'revoked' AND c.not_after > ? AND {condition}""",
        seconds(valid_at),
    )


def _count(db: Database, sql: str, *values: int) -> int:
    return int(db.value(sql, values))
