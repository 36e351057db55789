"""A pending issuance stays where a token may have signed, and is given up where nothing was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import pytest

from renrakucho_ca.errors import RcaError, Refused, Unavailable
from renrakucho_ca.model import Act, Revocation
from renrakucho_ca.service import pending
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.sqlite.connection import Database
from renrakucho_ca.store.tables.audit_log import AuditEntry
from tests.shared.homes import rows


class Recorded:
    """Issuances of one kind, as names in a list."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def put(self, db: Database, one: str, /) -> bool:
        self.done.append(f"put {one}")
        return True

    def record(self, db: Database, signed: Sequence[tuple[str, str]], /) -> list[AuditEntry]:
        self.done += [f"record {one}" for one, _ in signed]
        return [AuditEntry(Act.CA_SIGNED, one) for one, _ in signed]

    def abandon(self, db: Database, one: str, why: Revocation, /) -> list[AuditEntry]:
        self.done.append(f"abandon {one}")
        return [AuditEntry(Act.ABANDONED, one)]

    def orphaned(self, db: Database, /) -> Sequence[str]:
        return []


@pytest.mark.parametrize(
    ("error", "done", "acts"),
    [
        (Unavailable("the token has gone"), ["put x"], []),
        (Refused("the linter found something"), ["put x", "abandon x"], [("abandoned", "x")]),
    ],
)
def test_an_issuance_that_failed_is_given_up_unless_a_token_may_have_signed(
    home: Home, error: RcaError, done: list[str], acts: list[tuple[str, str]]
) -> None:
    ((before,),) = rows(home, "SELECT max(id) FROM audit")
    kind = Recorded()

    def sign() -> NoReturn:
        raise error

    with pytest.raises(type(error)):
        pending.issue(home, kind, "x", home.clock(), sign)
    assert kind.done == done
    assert rows(home, f"SELECT act, object FROM audit WHERE id > {before}") == acts


def test_an_issuance_is_put_before_it_is_signed_and_recorded_after(home: Home) -> None:
    kind = Recorded()

    def sign() -> str:
        kind.done.append("sign")
        return "signed"

    assert pending.issue(home, kind, "x", home.clock(), sign) == "signed"
    assert kind.done == ["put x", "sign", "record x"]
