"""Links to a download, and claimed bundles that can be fetched for a few minutes.

Tokens have 256 random bits. A plain SHA-256 of them is stored: no search can invert it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from renrakucho_ca.errors import NotFound
from renrakucho_ca.model import Container, RetrievalNumber
from renrakucho_ca.store.sqlite.connection import Database, seconds, word


@dataclass(frozen=True, slots=True)
class ClaimedBundle:
    """A claimed bundle, sealed, until it is destroyed."""

    number: RetrievalNumber
    container: Container
    sealed: bytes


def put_link(db: Database, token: str, number: RetrievalNumber, expires_at: datetime) -> None:
    """Record a link. Raises NotFound if no certificate has that number."""
    inserted = db.execute(
        """INSERT INTO download_link (token_hash, certificate, expires_at)
           SELECT ?, id, ? FROM certificate WHERE number = ?""",
        (_hash(token), seconds(expires_at), int(number)),
    )
    if inserted == 0:
        raise NotFound("no certificate has the number {number}", number=number)


def linked(db: Database, token: str, now: datetime) -> RetrievalNumber | None:
    """Return the number of a link that can be claimed now; None otherwise, for any reason."""
    row = db.row(
        """SELECT c.number FROM download_link AS l
           JOIN certificate AS c ON c.id = l.certificate
           JOIN bundle AS b ON b.certificate = c.id
           WHERE l.token_hash = :hash AND l.expires_at > :now
             AND c.standing = 'issued' AND c.not_after > :now""",
        {"hash": _hash(token), "now": seconds(now)},
    )
    return None if row is None else RetrievalNumber(row["number"])


def put_claimed_bundle(
    db: Database, token: str, claimed_bundle: ClaimedBundle, expires_at: datetime
) -> None:
    """Record a claimed bundle, in the transaction of the claim."""
    db.execute(
        """INSERT INTO handout (certificate, token_hash, container, sealed, expires_at)
           SELECT id, ?, ?, ?, ? FROM certificate WHERE number = ?""",
        (
            _hash(token),
            claimed_bundle.container.value,
            claimed_bundle.sealed,
            seconds(expires_at),
            int(claimed_bundle.number),
        ),
    )


def claimed_bundle(db: Database, token: str, now: datetime) -> ClaimedBundle | None:
    """Return the bundle that a token can fetch now; None if the certificate is held."""
    row = db.row(
        """SELECT c.number, h.container, h.sealed FROM handout AS h
           JOIN certificate AS c ON c.id = h.certificate
           WHERE h.token_hash = ? AND h.expires_at > ? AND c.standing = 'downloaded'""",
        (_hash(token), seconds(now)),
    )
    if row is None:
        return None
    return ClaimedBundle(
        RetrievalNumber(row["number"]), word(Container, row["container"]), row["sealed"]
    )


def destroy_expired(db: Database, now: datetime) -> int:
    """Destroy claimed bundles past their time, and dead links; return the number of bundles.

    `secure_delete` overwrites the bytes.
    """
    destroyed = db.execute("DELETE FROM handout WHERE expires_at <= ?", (seconds(now),))
    db.execute(
        """DELETE FROM download_link WHERE expires_at <= ? OR NOT EXISTS
           (SELECT 1 FROM bundle AS b WHERE b.certificate = download_link.certificate)""",
        (seconds(now),),
    )
    return destroyed


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
