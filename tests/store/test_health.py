"""What the database tells of its own state."""

from __future__ import annotations

import pytest
from asn1crypto import algos

from renrakucho_ca.model import IMPORTED
from renrakucho_ca.store.sqlite import health
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables import hierarchies, pending_issuance, users

from .stock import NOW, add, days, numbered, pending, revoked


@pytest.mark.parametrize(
    ("algorithm", "count"),
    [
        ("md5_rsa", 1),
        ("sha1_rsa", 1),
        ("sha1_ecdsa", 1),
        ("sha256_rsa", 0),
        ("sha256_ecdsa", 0),
        ("sha384_ecdsa", 0),
    ],
)
def test_certificates_signed_over_md5_or_sha_1_are_counted(
    db: Database, algorithm: str, count: int
) -> None:
    with db.write():
        add(db, numbered(20_000_000, profile=IMPORTED))
        add(db, numbered(20_000_001))
        identifier = algos.SignedDigestAlgorithmId(algorithm).dump()
        db.execute("UPDATE certificate_der SET der = ?", (b"begin" + identifier + b"end",))
    authorities = [each.id for each in hierarchies.get(db, "new").authorities]
    assert health.count_broken_signatures(db, authorities, NOW) == count
    assert health.count_broken_signatures(db, authorities, NOW.replace(year=2040)) == 0
    others = [each.id for each in hierarchies.get(db, "old").authorities]
    assert health.count_broken_signatures(db, others, NOW) == 0


def test_pending_issuances_are_old_from_the_moment_on(db: Database) -> None:
    with db.write():
        one = pending(20_000_000, 0xABCDEF)
        users.put(db, numbered(20_000_001).user)
        assert pending_issuance.put_pending(db, one)
    assert health.count_old_pending(db, one.at) == 0
    assert health.count_old_pending(db, one.at + days(1)) == 1


def test_the_newest_signature_is_of_a_certificate_that_is_not_revoked(db: Database) -> None:
    assert health.newest_signature(db) is None
    with db.write():
        add(db, numbered(20_000_000, issued_at=NOW - days(2)))
        add(db, numbered(20_000_001, issued_at=NOW - days(1)))
        add(db, numbered(20_000_002, issued_at=NOW, revocation=revoked()))
    assert health.newest_signature(db) == NOW - days(1)
