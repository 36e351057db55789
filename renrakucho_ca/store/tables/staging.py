"""A temporary database for one import: the certificates that it met and its owner table."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator

from renrakucho_ca.model import RetrievalNumber
from renrakucho_ca.store.sqlite.errors import own_errors


class Staging:
    """Store the certificates that an import has met, and the owner table's unmatched rows.

    A million of them do not fit into memory: they are in a file without a name, which SQLite
    removes when the process ends. Every method raises Unavailable if the temporary folder is full
    or its disk fails.
    """

    @own_errors()
    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._is_empty = True
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            """CREATE TABLE owner (
                   number INTEGER PRIMARY KEY, serial TEXT, fingerprint TEXT, retrieval INTEGER,
                   content TEXT NOT NULL, is_used INTEGER NOT NULL DEFAULT 0
               ) STRICT""",
            "CREATE INDEX row_serial ON owner (serial) WHERE serial IS NOT NULL",
            "CREATE INDEX row_fingerprint ON owner (fingerprint) WHERE fingerprint IS NOT NULL",
            "CREATE INDEX row_retrieval ON owner (retrieval) WHERE retrieval IS NOT NULL",
            "CREATE TABLE met (fingerprint BLOB PRIMARY KEY) STRICT, WITHOUT ROWID",
            # Never committed: no data outlives the process.
            "BEGIN",
        ):
            self._connection.execute(statement)

    @own_errors()
    def meet(self, fingerprint: str) -> bool:
        """Return whether this import meets a certificate for the first time."""
        row = (bytes.fromhex(fingerprint),)
        return self._connection.execute("INSERT OR IGNORE INTO met VALUES (?)", row).rowcount == 1

    @own_errors()
    def put(
        self,
        number: int,
        serial: int | None,
        fingerprint: str | None,
        retrieval: RetrievalNumber | None,
        content: str,
    ) -> None:
        """Stage a row of the owner table under all identifiers of its certificate."""
        self._is_empty = False
        self._connection.execute(
            "INSERT INTO owner VALUES (?, ?, ?, ?, ?, 0)",
            (
                number,
                None if serial is None else f"{serial:x}",
                fingerprint,
                None if retrieval is None else int(retrieval),
                content,
            ),
        )

    @own_errors()
    def take(self, serial: int, fingerprint: str) -> tuple[int, str] | None:
        """Return the row about a certificate, once: by fingerprint, else by serial number alone."""
        if self._is_empty:
            return None
        row = self._connection.execute(
            """SELECT number, content FROM (
                   SELECT * FROM owner WHERE fingerprint = :fingerprint
                   UNION ALL
                   SELECT * FROM owner WHERE serial = :serial AND fingerprint IS NULL
               ) WHERE NOT is_used ORDER BY fingerprint IS NULL, number LIMIT 1""",
            {"fingerprint": fingerprint, "serial": f"{serial:x}"},
        ).fetchone()
        if row is None:
            return None
        self._connection.execute("UPDATE owner SET is_used = 1 WHERE number = ?", (row[0],))
        return row[0], row[1]

    @own_errors()
    def wanted(self, numbers: Collection[int]) -> set[int]:
        """Return the retrieval numbers that a staged row asks for."""
        if self._is_empty:
            return set()
        rows = self._connection.execute(
            "SELECT retrieval FROM owner WHERE retrieval IN (SELECT value FROM json_each(?))",
            (json.dumps(list(numbers)),),
        )
        return {row[0] for row in rows}

    def unmatched(self) -> Iterator[tuple[int, str, bool]]:
        """Yield number and content of the rows without a certificate, in order.

        The third item is whether another row, used or earlier, describes the same certificate.
        """
        with own_errors():
            yield from self._connection.execute(
                """SELECT number, content,
                       EXISTS (
                           SELECT 1 FROM owner AS other
                           WHERE other.fingerprint = owner.fingerprint
                             AND (other.is_used OR other.number < owner.number)
                       ) OR EXISTS (
                           SELECT 1 FROM owner AS other
                           WHERE other.serial = owner.serial
                             AND other.fingerprint IS NULL AND owner.fingerprint IS NULL
                             AND (other.is_used OR other.number < owner.number)
                       )
                   FROM owner WHERE NOT is_used ORDER BY number"""
            )
