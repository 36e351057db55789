"""The state that the steps of one import share: hierarchy, staging, counts and reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from renrakucho_ca.errors import Invalid, RcaError
from renrakucho_ca.model import (
    IMPORTED,
    Act,
    Authority,
    Certificate,
    Hierarchy,
    RetrievalNumber,
    User,
)
from renrakucho_ca.pki import x509_certificates
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.ca_import.discovery import SourceLocation
from renrakucho_ca.service.ca_import.owner_record import OwnerRecord
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance.planner import draw_number
from renrakucho_ca.store.tables import imports
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.store.tables.imports import ExistingCertificate
from renrakucho_ca.store.tables.staging import Staging

BATCH = 1000
"""Certificates recorded in one transaction."""

Report = Callable[[RcaError], None]
PassedOver = Callable[[Path, str | None], None]
"""Called with a skipped file, and its format if that can contain certificates."""


@dataclass(slots=True)
class ImportSummary:
    """The counts of one import.

    Attributes:
        certificates: users' certificates of this hierarchy in the files, each counted once.
        added, already: new ones, and ones that the store had.
        described: of those that the store had, the ones that the owner table added to.
        revoked: new revocations.
        released: holds of an earlier import that the newest CRL no longer lists.
        expired: of those added, the ones past their end.
        records_without_certificate: records added without a certificate.
        passed_over: files without certificate, CRL or index.
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
        """The counts of changes to the store, as the audit log names them."""
        return {
            "certificates": self.added,
            "records": self.records_without_certificate,
            "described": self.described,
            "revocations": self.revoked,
            "releases": self.released,
        }


class ImportSession:
    """One import.

    Attributes:
        device: the device of certificates for which no owner record names one.
        ca_serials: serial numbers of CA certificates, which belong to no user.
        records_path: the owner table.
    """

    def __init__(
        self, home: Home, hierarchy: Hierarchy, device: str, report: Report, passed_over: PassedOver
    ) -> None:
        self.summary = ImportSummary(hierarchy.name)
        self.db = home.db
        self.now = home.clock()
        self.zone = home.settings.zone
        self.hierarchy = hierarchy
        self.issuers = [authority.certificate for authority in hierarchy.authorities]
        self.ca_serials = {x509_certificates.load(issuer).serial_number for issuer in self.issuers}
        self.device = device
        self.staging = Staging()
        self.records_path = Path()
        self._home = home
        self._report = report
        self._passed_over = passed_over

    def problem(self, place: SourceLocation, problem: RcaError) -> None:
        self.summary.reported += 1
        self._report(Invalid("{place}: {problem}", hint=problem.hint, place=place, problem=problem))

    def pass_over(self, file: Path, kind: str | None) -> None:
        self.summary.passed_over += 1
        self._passed_over(file, kind)

    def user_of(self, place: SourceLocation, name: str | None, serial: int) -> User:
        """Return the user that the subject names, else one with the serial number as id."""
        try:
            return User.parse(name or "")
        except Invalid as error:
            id = f"{serial:x}"[: User.LONGEST_NAME]
            problem = Invalid(
                "the subject names no user, so the user id is {number}: {reason}",
                hint="name the user in the table given with --records",
                number=id,
                reason=error,
            )
            self.problem(place, problem)
            return User(id)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record one batch in a transaction, with one row of the audit log for its counts.

        The row has no more: an older store is completed by importing the same files again.
        """
        before = self.summary.recorded
        with self.db.write():
            yield
            new = {key: count - before[key] for key, count in self.summary.recorded.items()}
            if any(new.values()):
                entry = AuditEntry(Act.CERTIFICATES_IMPORTED, self.hierarchy.name, new)
                recorder.record(self._home, self.now, entry)

    def existing(self, authority: Authority, serials: Iterable[int]) -> list[ExistingCertificate]:
        """Return the recorded certificates of one CA among these serial numbers."""
        found = imports.known(self.db, self.hierarchy.name, serials)
        return [each for each in found if each.authority == authority.id]

    def describe(self, number: RetrievalNumber, record: OwnerRecord) -> None:
        """Apply an owner record to a certificate that the store has."""
        self.summary.described += imports.describe(
            self.db, number, record.user, record.device, record.note
        )

    def imported(
        self,
        number: RetrievalNumber,
        serial: int,
        user: User,
        device: str,
        not_before: datetime,
        not_after: datetime,
        *,
        note: str | None = None,
        issued_at: datetime | None = None,
        key_algorithm: str | None = None,
        fingerprint_sha256: str | None = None,
    ) -> Certificate:
        """Build the record of a certificate, which counts as downloaded when it was issued."""
        return Certificate(
            number=number,
            serial=serial,
            hierarchy=self.hierarchy.name,
            user=user,
            device=device,
            note=note,
            issued_at=issued_at or not_before,
            not_before=not_before,
            not_after=not_after,
            downloaded_at=issued_at or not_before,
            revocation=None,
            supersedes=None,
            superseded_by=None,
            profile=IMPORTED,
            key_algorithm=key_algorithm,
            fingerprint_sha256=fingerprint_sha256,
        )

    def add_without_certificate(self, authority: Authority, added: list[Certificate]) -> None:
        imports.add(self.db, [(authority.id, each, None) for each in added])
        self.summary.records_without_certificate += len(added)

    def numbers(
        self, wanted: Sequence[tuple[SourceLocation, RetrievalNumber | None]]
    ) -> list[RetrievalNumber]:
        """Return the wanted retrieval numbers; a new one where none is wanted or it is taken."""
        taken = imports.taken(self.db, [int(number) for _, number in wanted if number])
        numbers: list[RetrievalNumber | None] = []
        for place, number in wanted:
            if number is not None and int(number) in taken:
                problem = Invalid(
                    "retrieval number {number} is taken; rca assigns another", number=number
                )
                self.problem(place, problem)
                number = None
            if number is not None:
                taken.add(int(number))
            numbers.append(number)
        drawn = self._draw(numbers.count(None), taken)
        return [number or next(drawn) for number in numbers]

    def _draw(self, count: int, taken: set[int]) -> Iterator[RetrievalNumber]:
        """Draw new numbers, none of which a later owner record asks for."""
        found: dict[int, RetrievalNumber] = {}
        while len(found) < count:
            drawn = [draw_number(self._home.random) for _ in range(count - len(found))]
            fresh = {int(number): number for number in drawn if int(number) not in taken}
            used = imports.taken(self.db, fresh) | self.staging.wanted(fresh)
            found |= {key: number for key, number in fresh.items() if key not in used}
        return iter(found.values())
