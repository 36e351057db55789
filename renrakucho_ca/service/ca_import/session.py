"""What the steps of one take-over share: where they record, what they count, whom they tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from renrakucho_ca.errors import Invalid, RcaError
from renrakucho_ca.model import Act, Authority, Certificate, Hierarchy, RetrievalNumber, User
from renrakucho_ca.pki import x509_certificates
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.ca_import.discovery import SourceLocation
from renrakucho_ca.service.ca_import.owner_record import OwnerRecord
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance.planner import draw_number
from renrakucho_ca.store.tables import imports
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.store.tables.imports import Staging

BATCH = 1000
"""Certificates that are read, and then recorded in one transaction."""

Report = Callable[[RcaError], None]
PassedOver = Callable[[Path, str | None], None]
"""Is told a file that was passed over, and what it is, if certificates may be in it."""


@dataclass(slots=True)
class Summary:
    """What an import did.

    Attributes:
        certificates: people's certificates of this hierarchy among the files, each once.
        added, already: those that are new, and that the store had.
        described: of those that the store had, the ones of which a record tells more now.
        revoked: revocations that are new.
        released: holds from an import before that a newer CRL no longer lists.
        expired: of those added, how many are past their end.
        records_without_certificate: records that were added alone.
        passed_over: files that have no certificate, CRL or index.
        reported: problems.
    """

    hierarchy: str
    certificates: int = 0
    added: int = 0
    already: int = 0
    described: int = 0
    revoked: int = 0
    released: int = 0
    expired: int = 0
    records_without_certificate: int = 0
    passed_over: int = 0
    reported: int = 0

    @property
    def recorded(self) -> dict[str, int]:
        """What of it is in the store."""
        return {
            "certificates": self.added,
            "records": self.records_without_certificate,
            "described": self.described,
            "revocations": self.revoked,
            "releases": self.released,
        }

    def as_dict(self) -> dict[str, str | int]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


class Run:
    """One import: what it works on, and what it has counted and met.

    Attributes:
        device: of those of which no record tells it.
        ca_serials: of the CAs' own certificates, which are nobody's.
        records_path: the table of the records.
    """

    def __init__(
        self,
        home: Home,
        hierarchy: Hierarchy,
        device: str,
        report: Report,
        passed_over: PassedOver,
    ) -> None:
        self.summary = Summary(hierarchy.name)
        self.home = home
        self.db = home.db
        self.now = home.clock()
        self.hierarchy = hierarchy
        self.issuers = [authority.certificate for authority in hierarchy.authorities]
        self.ca_serials = {x509_certificates.load(issuer).serial_number for issuer in self.issuers}
        self.device = device
        self.staging = Staging()
        self.records_path = Path()
        self._report = report
        self._passed_over = passed_over

    def problem(self, place: SourceLocation, problem: RcaError) -> None:
        self.summary.reported += 1
        self._report(Invalid("{place}: {problem}", hint=problem.hint, place=place, problem=problem))

    def pass_over(self, file: Path, kind: str | None) -> None:
        self.summary.passed_over += 1
        self._passed_over(file, kind)

    def user_of(self, place: SourceLocation, name: str | None, serial: int) -> User:
        """The person whom the subject names; who has no name that can be shown has a number."""
        try:
            return User.parse(name or "")
        except Invalid as error:
            number = f"{serial:x}"[: User.LONGEST_NAME]
            self.problem(
                place,
                Invalid(
                    "it names no user, and is listed as {number}'s: {reason}",
                    hint="say whose it is with --records",
                    number=number,
                    reason=error,
                ),
            )
            return User(number)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """A portion's transaction, and one row of the audit log for all that it adds.

        The files that were given have the rest: a store that forgot it takes them over again.
        """
        before = self.summary.recorded
        with self.db.write():
            yield
            new = {key: each - before[key] for key, each in self.summary.recorded.items()}
            if any(new.values()):
                recorder.record(
                    self.home,
                    self.now,
                    AuditEntry(Act.CERTIFICATES_IMPORTED, self.hierarchy.name, new),
                )

    def describe(self, number: RetrievalNumber, record: OwnerRecord) -> None:
        """A record about a certificate that the store has: it may have come without one."""
        self.summary.described += imports.describe(
            self.db, number, record.user, record.device, record.note
        )

    def add_bare(self, authority: Authority, added: list[Certificate]) -> None:
        imports.add(self.db, [(authority.id, each, None) for each in added])
        self.summary.records_without_certificate += len(added)

    def numbers(
        self, wanted: Sequence[tuple[SourceLocation, RetrievalNumber | None]]
    ) -> list[RetrievalNumber]:
        """The retrieval numbers that are wanted; a new one where there is none, or it is taken."""
        taken = imports.taken(self.db, [int(number) for _, number in wanted if number])
        numbers: list[RetrievalNumber | None] = []
        for place, number in wanted:
            if number is not None and int(number) in taken:
                self.problem(
                    place, Invalid("the number {number} is taken: it gets another", number=number)
                )
                number = None
            if number is not None:
                taken.add(int(number))
            numbers.append(number)
        drawn = self._draw(numbers.count(None), taken)
        return [number or next(drawn) for number in numbers]

    def _draw(self, count: int, taken: set[int]) -> Iterator[RetrievalNumber]:
        """New numbers, none of which is a record's that is still to come."""
        found: dict[int, RetrievalNumber] = {}
        while len(found) < count:
            drawn = [draw_number(self.home.random) for _ in range(count - len(found))]
            fresh = {int(number): number for number in drawn if int(number) not in taken}
            used = imports.taken(self.db, fresh) | self.staging.wanted(fresh)
            found |= {key: number for key, number in fresh.items() if key not in used}
        return iter(found.values())
