"""A town whose people hold certificates of the OLD hierarchy, and are to move to the NEW one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from renrakucho_ca.model import (
    Certificate,
    RetrievalNumber,
    RevocationReason,
    User,
)
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.migration import migration
from renrakucho_ca.service.migration.migration import Migration, MigrationOptions
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.retrieval import retrieval
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store.tables.migration_progress import Scope
from tests.shared.homes import Clock, issue, record_of, rows

CUTOFF = datetime(2026, 7, 31, 15, tzinfo=UTC)
"""2026-08-01 00:00 in Japan."""

PHONE = "android"
"""A device with an EC key: it is made at once."""


class Town:
    """A home with both hierarchies, and what is done in it."""

    def __init__(self, home: Home, clock: Clock, out: Path) -> None:
        self.home = home
        self.clock = clock
        self._out = out

    def old(
        self,
        user: str = "hanako",
        device: str = PHONE,
        *,
        facility: str | None = None,
        network: str | None = None,
        downloaded: bool = True,
        supersedes: str | None = None,
    ) -> str:
        """The number of a new certificate of OLD, as a rule on the user's device."""
        person = User(user, facility=facility, network=network)
        before = None if supersedes is None else RetrievalNumber(supersedes)
        number = issue(self.home, device, "old", person, before).certificate.number
        if downloaded:
            self.download(number)
        return number

    def download(self, *numbers: str) -> None:
        outcomes, _ = retrieval.export(self.home, [RetrievalNumber(n) for n in numbers], self._out)
        for outcome in outcomes:
            outcome.unwrap()

    def revoke(
        self, number: str, reason: RevocationReason = RevocationReason.KEY_COMPROMISE
    ) -> None:
        (outcome,) = revocation.revoke(self.home, [RetrievalNumber(number)], reason)
        outcome.unwrap()

    def hold(self, number: str) -> None:
        revocation.hold(self.home, RetrievalNumber(number))

    def publish(self) -> None:
        publication.publish(self.home)

    def migrate(
        self,
        *,
        cutoff: datetime = CUTOFF,
        facility: str | None = None,
        network: str | None = None,
        limit: int | None = None,
        jobs: int = 1,
        issued: Callable[[Issued], None] = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Migration:
        options = MigrationOptions(cutoff, Scope("old", facility, network), limit=limit, jobs=jobs)
        return migration.migrate(self.home, options, issued=issued, stop=stop)

    def record(self, number: str) -> Certificate:
        return record_of(self.home, number)

    def status(self, number: str) -> str:
        return self.record(number).status(self.clock.now)

    def successor(self, number: str) -> str:
        found = self.record(number).superseded_by
        assert found is not None, f"{number} has no successor"
        return found

    def successors(self) -> dict[str, str]:
        """Of each certificate of OLD that has one."""
        return {
            str(before): str(number)
            for before, number in rows(
                self.home, "SELECT supersedes, number FROM certificate WHERE supersedes IS NOT NULL"
            )
        }

    def reason(self, number: str) -> RevocationReason | None:
        revoked = self.record(number).revocation
        return None if revoked is None else revoked.reason


def days(count: int) -> timedelta:
    return timedelta(days=count)
