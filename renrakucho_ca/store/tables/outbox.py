"""The outbox of mails. Every change needs the caller's write transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from renrakucho_ca.model import RetrievalNumber
from renrakucho_ca.store.sqlite.connection import Database, moment, seconds, word
from renrakucho_ca.store.tables.certificates import optional_number

PAGE = 1000


class MailState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail.

    Attributes:
        number: the certificate's number; None for a mail to the operator.
        recipients: addresses that have not received it yet.
        sealed: the message; None once it is sent, failed or void.
        problem: the server's last reply.
    """

    id: int
    number: RetrievalNumber | None
    recipients: tuple[str, ...]
    sealed: bytes | None
    state: MailState
    created_at: datetime
    next_try_at: datetime
    tries: int
    problem: str | None


_SELECT = """
SELECT o.*, c.number FROM outbox AS o LEFT JOIN certificate AS c ON c.id = o.certificate
"""


def put(
    db: Database,
    number: RetrievalNumber | None,
    recipients: tuple[str, ...],
    sealed: bytes,
    now: datetime,
) -> None:
    """Add a mail, due at once; `number` is None for a mail to the operator."""
    db.execute(
        """INSERT INTO outbox (certificate, recipients, sealed, state, created_at, next_try_at)
           VALUES ((SELECT id FROM certificate WHERE number = :number),
                   :recipients, :sealed, 'waiting', :now, :now)""",
        {
            "recipients": "\n".join(recipients),
            "sealed": sealed,
            "now": seconds(now),
            "number": None if number is None else int(number),
        },
    )


def waiting_for_operator(db: Database) -> int:
    """Count the unsent mails to the operator."""
    row = db.row("SELECT count(*) FROM outbox WHERE certificate IS NULL AND state = 'waiting'")
    return 0 if row is None else int(row[0])


def due(db: Database, now: datetime) -> Mail | None:
    """Return the next mail that is due."""
    row = db.row(
        f"""{_SELECT} WHERE o.state = 'waiting' AND o.next_try_at <= ?
            ORDER BY o.next_try_at, o.id LIMIT 1""",
        (seconds(now),),
    )
    return None if row is None else _mail(row)


def stream(db: Database, state: MailState | None) -> Iterator[Mail]:
    """Stream the mails, oldest first, a page at a time."""
    after = 0
    while True:
        rows = list(
            db.rows(
                f"""{_SELECT} WHERE o.id > :after AND (:state IS NULL OR o.state = :state)
                    ORDER BY o.id LIMIT :page""",
                {"after": after, "state": state, "page": PAGE},
            )
        )
        yield from map(_mail, rows)
        if len(rows) < PAGE:
            return
        after = rows[-1]["id"]


def begin(db: Database, mail: Mail, next_try_at: datetime) -> Mail:
    """Record an attempt before it is made, and the time of the next if it fails."""
    db.execute(
        "UPDATE outbox SET tries = tries + 1, next_try_at = ? WHERE id = ?",
        (seconds(next_try_at), mail.id),
    )
    return replace(mail, tries=mail.tries + 1, next_try_at=next_try_at)


def finish(db: Database, mail: Mail, state: MailState, problem: str | None = None) -> None:
    """Record that a mail is sent or failed, and erase its content."""
    db.execute(
        """UPDATE outbox SET sealed = NULL, state = ?, problem = ?
           WHERE id = ? AND state = 'waiting'""",
        (state.value, problem, mail.id),
    )


def postpone(db: Database, mail: Mail, recipients: tuple[str, ...], problem: str) -> None:
    """Keep a mail for the recipients that have not received it."""
    db.execute(
        "UPDATE outbox SET recipients = ?, problem = ? WHERE id = ? AND state = 'waiting'",
        ("\n".join(recipients), problem, mail.id),
    )


def _mail(row: sqlite3.Row) -> Mail:
    return Mail(
        id=row["id"],
        number=optional_number(row["number"]),
        recipients=tuple(row["recipients"].split("\n")),
        sealed=row["sealed"],
        state=word(MailState, row["state"]),
        created_at=moment(row["created_at"]),
        next_try_at=moment(row["next_try_at"]),
        tries=row["tries"],
        problem=row["problem"],
    )
