"""Rows that the import of a CA reads and writes, many at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from renrakucho_ca.model import (
    IMPORTED,
    Act,
    Authority,
    Certificate,
    RetrievalNumber,
    RevocationReason,
    User,
)
from renrakucho_ca.store.sqlite.connection import (
    Database,
    moment,
    optional_seconds,
    seconds,
    serial_number,
    word,
)


@dataclass(frozen=True, slots=True)
class ExistingCertificate:
    """The part of a recorded certificate that an import needs.

    Attributes:
        user: its id; UNKNOWN if no import named one.
        fingerprint_sha256: None for a record without a certificate.
        reason: None if it is not revoked.
    """

    number: RetrievalNumber
    authority: int
    serial: int
    user: str
    not_after: datetime
    fingerprint_sha256: str | None
    reason: RevocationReason | None


def known(db: Database, hierarchy: str, serials: Iterable[int]) -> list[ExistingCertificate]:
    """Return a hierarchy's certificates with these serial numbers, of each of its CAs."""
    # CROSS JOIN keeps the order: SQLite would otherwise read every certificate of the CA.
    rows = db.rows(
        """SELECT c.number, c.authority, c.serial, c.user, c.not_after,
                  c.fingerprint_sha256, c.revocation_reason
           FROM json_each(:serials) AS wanted
           CROSS JOIN certificate AS c ON c.serial = wanted.value
           CROSS JOIN authority AS a ON a.id = c.authority AND a.hierarchy = :hierarchy""",
        {"serials": json.dumps([f"{serial:x}" for serial in serials]), "hierarchy": hierarchy},
    )
    return [
        ExistingCertificate(
            number=RetrievalNumber(row["number"]),
            authority=row["authority"],
            serial=serial_number(row["serial"]),
            user=row["user"],
            not_after=moment(row["not_after"]),
            fingerprint_sha256=row["fingerprint_sha256"],
            reason=row["revocation_reason"] and word(RevocationReason, row["revocation_reason"]),
        )
        for row in rows
    ]


def imported_holds(db: Database, authority: int, before: datetime) -> dict[int, RetrievalNumber]:
    """Return the certificates held by an import before `before`: numbers by serial number.

    A certificate that the operator held has an act in the audit log, and is left out.
    """
    rows = db.rows(
        """SELECT c.serial, c.number FROM certificate AS c
           WHERE c.standing = 'held' AND c.authority = ? AND c.profile = ? AND c.revoked_at < ?
             AND NOT EXISTS (
                 SELECT 1 FROM audit
                 WHERE object = printf('%08d', c.number) AND act = ?
             )""",
        (authority, IMPORTED, seconds(before), Act.HELD.value),
    )
    return {serial_number(row["serial"]): RetrievalNumber(row["number"]) for row in rows}


def by_fingerprint(
    db: Database, fingerprints: Sequence[str]
) -> dict[str, tuple[str, RetrievalNumber]]:
    """Return the hierarchy and the number of each recorded certificate, by fingerprint."""
    rows = db.rows(
        """SELECT c.fingerprint_sha256, a.hierarchy, c.number
           FROM json_each(?) AS wanted
           CROSS JOIN certificate AS c ON c.fingerprint_sha256 = wanted.value
           CROSS JOIN authority AS a ON a.id = c.authority""",
        (json.dumps(fingerprints),),
    )
    return {row[0]: (row[1], RetrievalNumber(row[2])) for row in rows}


def taken(db: Database, numbers: Iterable[int]) -> set[int]:
    """Return the retrieval numbers that are in use."""
    rows = db.rows(
        """SELECT value FROM json_each(?) AS wanted
           WHERE EXISTS (SELECT 1 FROM certificate WHERE number = wanted.value)
              OR EXISTS (SELECT 1 FROM intent WHERE number = wanted.value)""",
        (json.dumps(list(numbers)),),
    )
    return {row["value"] for row in rows}


def add(db: Database, added: Sequence[tuple[int, Certificate, bytes | None]]) -> None:
    """Insert another program's certificates: the CA's row, the record, and the DER or None."""
    row = db.row("SELECT coalesce(max(id), 0) AS last FROM certificate")
    assert row is not None
    first = row["last"] + 1
    _put_users(db, {certificate.user for _, certificate, _ in added})
    db.execute_many(
        """INSERT INTO certificate (id, number, authority, serial, user, device, profile, note,
               line, issued_at, not_before, not_after, downloaded_at, key_algorithm,
               fingerprint_sha256)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            (first + place, *_values(authority, each))
            for place, (authority, each, _) in enumerate(added)
        ],
    )
    db.execute_many(
        "INSERT INTO certificate_der VALUES (?, ?)",
        [(first + place, der) for place, (_, _, der) in enumerate(added) if der is not None],
    )


def _values(authority: int, each: Certificate) -> tuple[object, ...]:
    return (
        int(each.number),
        authority,
        f"{each.serial:x}",
        each.user.id,
        each.device,
        each.profile,
        each.note,
        int(each.number),
        seconds(each.issued_at),
        seconds(each.not_before),
        seconds(each.not_after),
        optional_seconds(each.downloaded_at),
        each.key_algorithm,
        each.fingerprint_sha256,
    )


def _put_users(db: Database, users: Iterable[User]) -> None:
    """Insert users, and fill in fields that are empty in the store."""
    db.execute_many(
        """INSERT INTO user VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET
               name = coalesce(name, excluded.name),
               email = coalesce(email, excluded.email),
               facility = coalesce(facility, excluded.facility),
               network = coalesce(network, excluded.network)""",
        [(user.id, user.name, user.email, user.facility, user.network) for user in users],
    )


def describe(
    db: Database, number: RetrievalNumber, user: User, device: str | None, note: str | None
) -> bool:
    """Set the user, device and note of an imported certificate that has no successor.

    Return whether the row changed. None keeps the present device or note.
    """
    _put_users(db, [user])
    values = {"number": int(number), "user": user.id, "device": device, "note": note}
    row = db.row(
        """UPDATE certificate SET user = :user, device = coalesce(:device, device),
               note = coalesce(:note, note)
           WHERE number = :number AND profile = :imported
             AND (user, device, note) IS NOT
                 (:user, coalesce(:device, device), coalesce(:note, note))
             AND NOT EXISTS (SELECT 1 FROM certificate AS next WHERE next.supersedes = :number)
           RETURNING id""",
        values | {"imported": IMPORTED},
    )
    return row is not None


def complete(
    db: Database,
    number: RetrievalNumber,
    der: bytes,
    fingerprint_sha256: str,
    key_algorithm: str | None,
    not_before: datetime,
    not_after: datetime,
) -> None:
    """Add the certificate to a record that had none."""
    row = db.row(
        """UPDATE certificate SET fingerprint_sha256 = ?, key_algorithm = ?, not_before = ?,
               not_after = ? WHERE number = ? RETURNING id""",
        (fingerprint_sha256, key_algorithm, seconds(not_before), seconds(not_after), int(number)),
    )
    assert row is not None
    db.insert("certificate_der", {"certificate": row["id"], "der": der})


def attach_key(db: Database, authority: Authority, key: str) -> None:
    """Set the name of the CA's key in the keystore; from then on the CA can sign."""
    db.execute("UPDATE authority SET key = ? WHERE id = ?", (key, authority.id))


def raise_crl_number(db: Database, authority: int, published: int) -> None:
    """Keep the next CRL number above one published by another program (RFC 5280 §5.2.3)."""
    db.execute(
        "UPDATE authority SET crl_number = max(crl_number, ?) WHERE id = ?", (published, authority)
    )
