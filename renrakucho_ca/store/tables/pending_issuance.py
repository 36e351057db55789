"""Pending issuances, and the records that complete them.

The caller opens the writing transactions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from renrakucho_ca.errors import Conflict
from renrakucho_ca.model import Authority, Certificate, RetrievalNumber
from renrakucho_ca.store.sqlite.connection import Database, moment, seconds, serial_number
from renrakucho_ca.store.tables.certificates import SealedBundle, optional_number


@dataclass(frozen=True, slots=True)
class PendingIssuance:
    """A certificate that is about to be signed."""

    number: RetrievalNumber
    authority: int
    serial: int
    user: str
    device: str
    profile: str
    subject: str
    at: datetime
    not_after: datetime
    supersedes: RetrievalNumber | None


def put_pending(db: Database, pending: PendingIssuance) -> bool:
    """Record a pending issuance. Return False if number or serial was used before.

    Raise Conflict if the superseded certificate has a successor, also a pending one.
    """
    # One statement tests and inserts.
    row = _pending_row(pending)
    recorded = db.execute(
        f"""INSERT INTO intent ({", ".join(row)})
            SELECT {", ".join(f":{column}" for column in row)}
            WHERE NOT EXISTS (
                SELECT 1 FROM certificate
                WHERE number = :number OR (authority = :authority AND serial = :serial)
                   OR supersedes = :supersedes
            )
            ON CONFLICT DO NOTHING""",
        row,
    )
    if not recorded and pending.supersedes is not None:
        _refuse_second_successor(db, pending.supersedes)
    return bool(recorded)


def _refuse_second_successor(db: Database, number: RetrievalNumber) -> None:
    taken = db.row(
        """SELECT number FROM certificate WHERE supersedes = :number
           UNION ALL SELECT number FROM intent WHERE supersedes = :number""",
        {"number": int(number)},
    )
    if taken is not None:
        raise Conflict(
            "{number} already has the successor {successor}",
            number=number,
            successor=taken["number"],
        )


def orphaned(db: Database) -> list[PendingIssuance]:
    """Return the pending issuances. They are orphaned if no run is under way."""
    return [
        PendingIssuance(
            number=RetrievalNumber(row["number"]),
            authority=row["authority"],
            serial=serial_number(row["serial"]),
            user=row["user"],
            device=row["device"],
            profile=row["profile"],
            subject=row["subject"],
            at=moment(row["at"]),
            not_after=moment(row["not_after"]),
            supersedes=optional_number(row["supersedes"]),
        )
        for row in db.rows("SELECT * FROM intent ORDER BY at, number")
    ]


@dataclass(frozen=True, slots=True)
class SignedCertificate:
    """A signed certificate, and the bundle that waits for its one download."""

    certificate: Certificate
    der: bytes
    bundle: SealedBundle


_COLUMNS = (
    *("number", "authority", "serial", "user", "device", "profile", "note", "issued_at"),
    *("not_before", "not_after", "supersedes", "key_algorithm", "fingerprint_sha256"),
)
INSERT = f"""
INSERT INTO certificate ({", ".join(_COLUMNS)}, line)
VALUES ({", ".join(f":{column}" for column in _COLUMNS)}, coalesce(
    (SELECT c.line FROM certificate AS c JOIN authority AS a ON a.id = c.authority
     WHERE c.number = :continues AND a.hierarchy = :hierarchy),
    :number
))
"""
"""A re-issue in the same hierarchy continues its predecessor's line."""
REPLACE = ", ".join(f"{column} = excluded.{column}" for column in (*_COLUMNS, "line"))


def record(db: Database, signed: Sequence[tuple[Authority, SignedCertificate]]) -> None:
    """Record signed certificates with their bundles in place of the pending issuances."""
    db.execute_many(
        INSERT, [_certificate_row(authority, each.certificate) for authority, each in signed]
    )
    db.execute_many(
        """INSERT INTO certificate_der (certificate, der)
           SELECT id, :der FROM certificate WHERE number = :number""",
        [{"number": int(each.certificate.number), "der": each.der} for _, each in signed],
    )
    db.execute_many(
        """INSERT INTO bundle (certificate, container, sealed, sealed_password, password_hash)
           SELECT id, :container, :sealed, :sealed_password, :password_hash
           FROM certificate WHERE number = :number""",
        [_bundle_row(each.certificate.number, each.bundle) for _, each in signed],
    )
    db.execute_many(
        "DELETE FROM intent WHERE number = ?",
        [(int(each.certificate.number),) for _, each in signed],
    )


def abandon(db: Database, pending: PendingIssuance) -> None:
    """Turn a pending issuance into a bare record, for the caller to revoke."""
    db.insert(
        "certificate",
        {
            "number": int(pending.number),
            "authority": pending.authority,
            "serial": f"{pending.serial:x}",
            "user": pending.user,
            "device": pending.device,
            "profile": pending.profile,
            "line": int(pending.number),
            "issued_at": seconds(pending.at),
            "not_before": seconds(pending.at),
            "not_after": seconds(pending.not_after),
        },
    )
    db.execute("DELETE FROM intent WHERE number = ?", (int(pending.number),))


def _certificate_row(authority: Authority, certificate: Certificate) -> dict[str, object]:
    supersedes = None if certificate.supersedes is None else int(certificate.supersedes)
    return {
        "number": int(certificate.number),
        "authority": authority.id,
        "hierarchy": authority.hierarchy,
        "serial": f"{certificate.serial:x}",
        "user": certificate.user.id,
        "device": certificate.device,
        "profile": certificate.profile,
        "note": certificate.note,
        "issued_at": seconds(certificate.issued_at),
        "not_before": seconds(certificate.not_before),
        "not_after": seconds(certificate.not_after),
        "supersedes": supersedes,
        "continues": supersedes,
        "key_algorithm": certificate.key_algorithm,
        "fingerprint_sha256": certificate.fingerprint_sha256,
    }


def _bundle_row(number: RetrievalNumber, bundle: SealedBundle) -> dict[str, object]:
    return {
        "number": int(number),
        "container": bundle.container.value,
        "sealed": bundle.sealed,
        "sealed_password": bundle.sealed_password,
        "password_hash": bundle.password_hash,
    }


def _pending_row(pending: PendingIssuance) -> dict[str, object]:
    return {
        "number": int(pending.number),
        "authority": pending.authority,
        "serial": f"{pending.serial:x}",
        "user": pending.user,
        "device": pending.device,
        "profile": pending.profile,
        "subject": pending.subject,
        "at": seconds(pending.at),
        "not_after": seconds(pending.not_after),
        "supersedes": None if pending.supersedes is None else int(pending.supersedes),
    }
