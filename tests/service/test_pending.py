"""The pending-issuance protocol, run with the tables of CAs' certificates."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from renrakucho_ca.errors import RcaError, Refused, Unavailable
from renrakucho_ca.model import Status
from renrakucho_ca.service import pending
from renrakucho_ca.service.hierarchy.ca_issuances import CaIssuances
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.tables import ca_certificates, hierarchies
from renrakucho_ca.store.tables.ca_certificates import CaCertificate
from tests.shared.homes import Clock, copy_home


@pytest.fixture
def home(template: Path, tmp_path: Path, clock: Clock) -> Home:
    return copy_home(template, tmp_path / "home", clock)


def fail(home: Home, error: RcaError) -> CaCertificate:
    """Issue a certificate whose signing fails; return what the store has of it afterwards."""
    now = home.clock()
    root = hierarchies.get(home.db, "new").root
    begun = CaCertificate(
        authority=root.id,
        issuer="new",
        serial=0x1234,
        subject="CN=other",
        crosses=None,
        at=now,
        not_after=now + timedelta(days=9),
        der=None,
        revocation=None,
    )

    def sign() -> bytes:
        assert ca_certificates.get(home.db, begun.serial).der is None  # committed before
        raise error

    with pytest.raises(type(error)):
        pending.issue(home, CaIssuances, begun, now, sign)
    return ca_certificates.get(home.db, begun.serial)


def test_a_refused_certificate_is_revoked_at_once(home: Home) -> None:
    assert fail(home, Refused("no")).status(home.clock()) is Status.REVOKED


def test_an_unavailable_token_leaves_the_certificate_to_the_next_run(home: Home) -> None:
    left = fail(home, Unavailable("gone"))
    assert left.revocation is None
    assert CaIssuances.orphaned(home.db) == [left]
    pending.abandon_orphans(home, CaIssuances, home.clock())
    assert ca_certificates.get(home.db, left.serial).status(home.clock()) is Status.REVOKED
    assert CaIssuances.orphaned(home.db) == []
