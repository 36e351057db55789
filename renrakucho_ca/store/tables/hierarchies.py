"""Hierarchies, their CAs, and the numbers of their CRLs, which always increase."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from renrakucho_ca.errors import Conflict, NotFound, Unavailable
from renrakucho_ca.model import Authority, Hierarchy, Tier
from renrakucho_ca.store.sqlite.connection import (
    Database,
    damaged,
    moment,
    optional_moment,
    optional_seconds,
    seconds,
    word,
)
from renrakucho_ca.store.sqlite.errors import Duplicate

_CHUNK, _LONG = 10_000, 100_000
# A query for each end: one query for both would read all rows.
_ENDS = """
SELECT (SELECT min(certificate) FROM crl_entry WHERE authority = :authority),
    (SELECT max(certificate) FROM crl_entry WHERE authority = :authority)
"""
_NEXT_ENTRY = """
SELECT min(certificate) FROM crl_entry WHERE authority = ? AND certificate > ? AND certificate <= ?
"""
# A quarter of Python's time for a million single blobs.
_JOINED_ENTRIES = """
SELECT CAST(group_concat(der, '') AS BLOB) FROM crl_entry
WHERE authority = ? AND certificate BETWEEN ? AND ?
"""
_BLOBS = (b"\x30\0\0", b"\0\xff\x80\xc3")


@dataclass(frozen=True, slots=True)
class CrlState:
    """The state of a CA's newest CRL.

    Attributes:
        days: its validity.
        changes: revocations and releases so far.
        carried: the number of changes in the newest CRL.
    """

    days: int
    this_update: datetime | None
    next_update: datetime | None
    changes: int
    carried: int


def get(db: Database, name: str) -> Hierarchy:
    """Return a hierarchy. Raise NotFound."""
    row = db.row("SELECT * FROM hierarchy WHERE name = ?", (name,))
    if row is None:
        known = ", ".join(hierarchy.name for hierarchy in all_of(db))
        raise NotFound(
            "there is no hierarchy {name}",
            hint="use one of: {known}" if known else "run `rca hierarchy create {name}`",
            name=name,
            known=known,
        )
    return _hierarchy(db, row)


def all_of(db: Database) -> list[Hierarchy]:
    """Return all hierarchies, oldest first."""
    # Two may have the same second: then the lower id of a CA is the earlier.
    rows = db.rows(
        """SELECT * FROM hierarchy ORDER BY created_at,
           (SELECT min(id) FROM authority WHERE authority.hierarchy = hierarchy.name)"""
    )
    return [_hierarchy(db, row) for row in list(rows)]


def authorities(db: Database) -> list[Authority]:
    """Return the CAs of all hierarchies."""
    return [authority for hierarchy in all_of(db) for authority in hierarchy.authorities]


def put(db: Database, hierarchy: Hierarchy, crl_days: dict[Tier, int]) -> None:
    """Record a new hierarchy with its CAs; the store sets the ids in `authorities`.

    Raise Conflict if the name is taken, or another hierarchy has a CA's certificate.
    """
    try:
        db.insert(
            "hierarchy", {"name": hierarchy.name, "created_at": seconds(hierarchy.created_at)}
        )
        for authority in hierarchy.authorities:
            put_authority(db, authority, crl_days[authority.tier])
    except Duplicate as error:
        raise Conflict("the hierarchy {name} already exists", name=hierarchy.name) from error


def put_authority(db: Database, authority: Authority, crl_days: int) -> None:
    """Record a CA of a recorded hierarchy; the store sets its id.

    Raise Duplicate if it has one of that tier, or another hierarchy has the certificate.
    """
    db.insert(
        "authority",
        {
            "hierarchy": authority.hierarchy,
            "tier": authority.tier.value,
            "certificate": authority.certificate,
            "fingerprint_sha256": authority.fingerprint_sha256,
            "subject": authority.subject,
            "not_after": seconds(authority.not_after),
            "key_algorithm": authority.key_algorithm,
            "key": authority.key,
            "crl_days": crl_days,
        },
    )


def fingerprint(db: Database, authority: int) -> str:
    """Return the SHA-256 of a CA's certificate, in hex."""
    return str(db.value("SELECT fingerprint_sha256 FROM authority WHERE id = ?", (authority,)))


def retire(db: Database, name: str, now: datetime, cutoff: datetime | None) -> bool:
    """End the hierarchy's issuance from `now` on, and set or replace its cut-off.

    Return whether anything changed.
    """
    changed = db.execute(
        """UPDATE hierarchy SET retired_at = coalesce(retired_at, :now),
               cutoff = coalesce(:cutoff, cutoff)
           WHERE name = :name
             AND (retired_at IS NULL OR coalesce(:cutoff, cutoff) IS NOT cutoff)""",
        {"name": name, "now": seconds(now), "cutoff": optional_seconds(cutoff)},
    )
    return bool(changed)


def set_cutoff(db: Database, name: str, cutoff: datetime) -> bool:
    """Set the moment that ends the acceptance of a hierarchy. Return whether it is new."""
    changed = db.execute(
        "UPDATE hierarchy SET cutoff = :cutoff WHERE name = :name AND cutoff IS NOT :cutoff",
        {"cutoff": seconds(cutoff), "name": name},
    )
    return bool(changed)


def crl_state(db: Database, authority: Authority) -> CrlState:
    row = db.row("SELECT * FROM authority WHERE id = ?", (authority.id,))
    assert row is not None
    return CrlState(
        days=row["crl_days"],
        this_update=optional_moment(row["crl_this_update"]),
        next_update=optional_moment(row["crl_next_update"]),
        changes=row["changes"],
        carried=row["crl_changes"],
    )


def next_crl_number(
    db: Database, authority: Authority, this_update: datetime, published: int
) -> int:
    """Return the number of the next CRL, greater than any before (RFC 5280 §5.2.3).

    The milliseconds of thisUpdate ensure that after a restore from a backup; the number of the
    servers' CRL (`published`) does after the clock was set back.
    """
    milliseconds = seconds(this_update) * 1000
    number = db.value(
        """UPDATE authority SET crl_number = max(crl_number + 1, :published + 1, :milliseconds)
           WHERE id = :id RETURNING crl_number""",
        {"id": authority.id, "published": published, "milliseconds": milliseconds},
    )
    return int(number)


def record_crl(
    db: Database,
    authority: Authority,
    this_update: datetime,
    next_update: datetime,
    carried: int,
) -> None:
    """Record the newest CRL: its times, and the number of changes in it."""
    db.execute(
        """UPDATE authority SET crl_this_update = ?, crl_next_update = ?, crl_changes = ?
           WHERE id = ?""",
        (seconds(this_update), seconds(next_update), carried, authority.id),
    )


def take_crl(
    db: Database, authority: Authority, number: int, this_update: datetime, next_update: datetime
) -> None:
    """Record a CRL that was made elsewhere, with the CA's key."""
    db.execute(
        """UPDATE authority SET crl_number = max(crl_number, ?), crl_this_update = ?,
               crl_next_update = ?, crl_changes = changes WHERE id = ?""",
        (number, seconds(this_update), seconds(next_update), authority.id),
    )


def crl_entries(db: Database, authority: Authority) -> list[bytes]:
    """Return the entries of a CA's CRL in DER, many in each part.

    The oldest certificate comes first, CAs last. The caller has a reading transaction open.
    Raise Unavailable if this SQLite joins blobs in an unknown way.
    """
    # It joins blobs' bytes unchanged, also if they are no text; SQLite does not promise that.
    trial = "SELECT CAST(group_concat(column1, '') AS BLOB) FROM (VALUES (?), (?))"
    if db.tuples(trial, _BLOBS) != [(b"".join(_BLOBS),)]:
        raise Unavailable(
            "this version of SQLite cannot concatenate blobs", hint="use another version"
        )

    ((first, last),) = db.tuples(_ENDS, {"authority": authority.id})
    parts = [] if first is None else _parallel_parts(db, authority, first, last)
    cas = "SELECT crl_entry FROM ca_certificate WHERE authority = ? AND crl_entry IS NOT NULL"
    return [*parts, *(entry for (entry,) in db.tuples(cas, (authority.id,)))]


def _parallel_parts(db: Database, authority: Authority, first: int, last: int) -> list[bytes]:
    """Do `_parts` for two halves in parallel: SQLite does not need the interpreter's lock."""
    twin = None if last - first < _LONG else db.twin()
    if twin is None:
        return _parts(db, authority, first, last)
    from renrakucho_ca.background import BackgroundTask

    middle = (first + last) // 2
    with closing(twin), BackgroundTask(partial(_parts, twin, authority, middle + 1, last)) as later:
        return [*_parts(db, authority, first, middle), *later.result()]


def _parts(db: Database, authority: Authority, first: int | None, last: int) -> list[bytes]:
    """Return the entries of the certificates with the ids from `first` to `last`."""
    parts = []
    while first is not None:
        end = min(first + _CHUNK - 1, last)
        ((joined,),) = db.tuples(_JOINED_ENTRIES, (authority.id, first, end))
        if joined is not None:
            parts.append(joined)
        ((first,),) = db.tuples(_NEXT_ENTRY, (authority.id, end, last))
    return parts


def _hierarchy(db: Database, row: sqlite3.Row) -> Hierarchy:
    authorities = db.rows(
        "SELECT * FROM authority WHERE hierarchy = ? ORDER BY tier DESC", (row["name"],)
    )
    found = tuple(map(_authority, authorities))
    if not found or found[0].tier is not Tier.ROOT:
        raise damaged(row["name"])
    return Hierarchy(
        name=row["name"],
        created_at=moment(row["created_at"]),
        retired_at=optional_moment(row["retired_at"]),
        cutoff=optional_moment(row["cutoff"]),
        authorities=found,
    )


def _authority(row: sqlite3.Row) -> Authority:
    return Authority(
        id=row["id"],
        hierarchy=row["hierarchy"],
        tier=word(Tier, row["tier"]),
        certificate=row["certificate"],
        fingerprint_sha256=row["fingerprint_sha256"],
        subject=row["subject"],
        not_after=moment(row["not_after"]),
        key_algorithm=row["key_algorithm"],
        key=row["key"],
    )
