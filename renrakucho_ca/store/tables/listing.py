"""Lists of certificates: filtered, sorted, read page by page, from an index if one fits."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from renrakucho_ca.model import Certificate, RetrievalNumber, Status
from renrakucho_ca.store.sqlite.connection import Database, seconds
from renrakucho_ca.store.tables.certificates import SELECT, from_row

PAGE = 1000
"""Rows read at a time: a reader that pauses between pages blocks no writer."""


class Order(StrEnum):
    """The order of a list. The value is the columns of an index; they differ in every row."""

    ISSUED = "issued_at, id"
    EXPIRES = "not_after, id"
    NUMBER = "number"
    USER = "user, issued_at, id"


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The conditions on certificates at `now`, and their order. None sets no condition."""

    now: datetime
    statuses: frozenset[Status] | None = None
    user: str | None = None
    device: str | None = None
    hierarchy: str | None = None
    facility: str | None = None
    network: str | None = None
    issued_from: datetime | None = None
    issued_before: datetime | None = None
    expires_from: datetime | None = None
    expires_before: datetime | None = None
    text: str | None = None
    order: Order = Order.ISSUED
    descending: bool = False
    limit: int | None = None
    offset: int = 0
    after: RetrievalNumber | None = None


def stream(db: Database, query: ListQuery) -> Iterator[Certificate]:
    """Yield the certificates of a query in order, a page at a time, in constant memory."""
    remaining = query.limit
    while remaining is None or remaining > 0:
        size = PAGE if remaining is None else min(PAGE, remaining)
        page = _page(db, query, size)
        yield from page
        if len(page) < size:
            return
        if remaining is not None:
            remaining -= size
        query = replace(query, after=page[-1].number, offset=0)


def _page(db: Database, query: ListQuery, size: int) -> list[Certificate]:
    conditions, values = _conditions(db, query)
    direction, sign = ("DESC", "<") if query.descending else ("ASC", ">")
    key = [f"c.{column}" for column in query.order.split(", ")]
    if query.after is not None:
        # By key, not by offset: the 900,000th page costs as much as the first.
        last = f"SELECT {query.order} FROM certificate WHERE number = :after"
        conditions.append(f"({', '.join(key)}) {sign} ({last})")
        values["after"] = int(query.after)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    sql = f"""{SELECT} {where} ORDER BY {", ".join(f"{column} {direction}" for column in key)}
              LIMIT :size OFFSET :offset"""
    rows = db.rows(sql, values | {"size": size, "offset": query.offset})
    return [from_row(row) for row in rows]


def _conditions(db: Database, query: ListQuery) -> tuple[list[str], dict[str, object]]:
    """Return the WHERE clause. Every value is bound; only constant words become SQL.

    A plus before a column keeps SQLite from its index if another has the order of the list: then a
    page is read from that index, instead of a full read and sort.
    """
    conditions: list[str] = []
    values: dict[str, object] = {}

    def add(condition: str, name: str, value: str | datetime | None) -> None:
        if value is not None:
            conditions.append(condition)
            # Names are stored in NFC; a Mac's terminal may send them decomposed.
            values[name] = seconds(value) if isinstance(value, datetime) else _as_stored(value)

    if query.statuses is not None:
        conditions.append(_status_condition(query.statuses))
        values["now"] = seconds(query.now)
    add("c.user = :user", "user", query.user)
    add("c.device = :device", "device", query.device)
    add("c.issued_at >= :issued_from", "issued_from", query.issued_from)
    add("c.issued_at < :issued_before", "issued_before", query.issued_before)
    add("c.not_after >= :expires_from", "expires_from", query.expires_from)
    add("c.not_after < :expires_before", "expires_before", query.expires_before)
    # A facility has some hundred certificates: those of its people are looked up and sorted. A
    # network may have all certificates.
    add("c.user IN (SELECT id FROM user WHERE facility = :facility)", "facility", query.facility)
    add("+u.network = :network", "network", query.network)
    if query.hierarchy is not None:
        conditions.append(_authority_condition(db, query.hierarchy))
    if query.text is not None:
        conditions.append(_text_condition(query.text))
        values["text"] = "%" + _escape_like(_as_stored(query.text)) + "%"
    return conditions, values


_STATUS_SQL = {
    Status.ISSUED: "{column} = 'issued' AND +c.not_after > :now",
    Status.DOWNLOADED: "{column} = 'downloaded' AND +c.not_after > :now",
    Status.HELD: "{column} = 'held'",
    Status.REVOKED: "{column} = 'revoked'",
    Status.EXPIRED: "+c.standing IN ('issued', 'downloaded') AND +c.not_after <= :now",
}
"""`Certificate.status` in SQL."""


def _status_condition(statuses: frozenset[Status]) -> str:
    column = "c.standing" if len(statuses) == 1 else "+c.standing"
    wanted = (f"({_STATUS_SQL[status].format(column=column)})" for status in sorted(statuses))
    condition = f"({' OR '.join(wanted)})"
    # A partial index needs this wording.
    return condition if Status.REVOKED in statuses else f"c.standing <> 'revoked' AND {condition}"


def _text_condition(text: str) -> str:
    """Search users, notes and numbers each in a separate index.

    That takes a seventh of the time of a search row by row. A full-text index by trigrams would
    not find 佐藤, which has two letters.
    """
    found = [
        r"SELECT id FROM certificate WHERE note IS NOT NULL AND note LIKE :text ESCAPE '\'",
        r"""SELECT id FROM certificate WHERE user IN
            (SELECT id FROM user WHERE id LIKE :text ESCAPE '\' OR name LIKE :text ESCAPE '\')""",
    ]
    if text.isdecimal():
        found.append("SELECT id FROM certificate WHERE CAST(number AS TEXT) LIKE :text")
    return f"+c.id IN ({' UNION ALL '.join(found)})"


def _authority_condition(db: Database, hierarchy: str) -> str:
    """Return the condition for a hierarchy's CAs that issued; usually one, so its index is used."""
    ids = [
        str(row["id"])
        for row in db.rows(
            """SELECT id FROM authority WHERE hierarchy = ? AND EXISTS
               (SELECT 1 FROM certificate WHERE certificate.authority = authority.id)""",
            (hierarchy,),
        )
    ]
    return f"c.authority = {ids[0]}" if len(ids) == 1 else f"c.authority IN ({', '.join(ids)})"


def _as_stored(text: str) -> str:
    """Normalize a search text as `clean_text` does stored text."""
    return unicodedata.normalize("NFC", text).strip()


def _escape_like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
