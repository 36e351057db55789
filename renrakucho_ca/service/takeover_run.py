"""One run of a take-over: certificates first, then what is revoked, then records left alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from renrakucho_ca.clock import years_after
from renrakucho_ca.errors import Invalid, RcaError
from renrakucho_ca.model import (
    UNKNOWN,
    Act,
    Authority,
    Certificate,
    Hierarchy,
    RetrievalNumber,
    Revocation,
    User,
)
from renrakucho_ca.pki import certificates as pki_certificates
from renrakucho_ca.pki import crl, takeover
from renrakucho_ca.pki.takeover import CaCertificate, Found, Inspected, Kind
from renrakucho_ca.service import auditing, csvfile, takeover_files
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.planning import draw_number
from renrakucho_ca.service.takeover_files import IndexLine, Piece, Place
from renrakucho_ca.service.takeover_records import COLUMNS, Record
from renrakucho_ca.service.workers import Workers, cores
from renrakucho_ca.store import certificates
from renrakucho_ca.store import takeover as store
from renrakucho_ca.store.audit import Entry
from renrakucho_ca.store.takeover import Known, Ledger

PARCEL = 1000
"""Certificates that are read, and then recorded in one transaction."""

PROFILE = "imported"
"""What stands for the profile of a certificate that another program made."""

NEW_SINCE = datetime(2026, 2, 2, tzinfo=ZoneInfo("Asia/Tokyo"))
"""A record without a certificate belongs to OLD if it was issued before, else to NEW."""
RECORD_YEARS = 10
"""How long the service's certificates are valid, for a record that has no certificate to tell."""

_Item = TypeVar("_Item")
Report = Callable[[RcaError], None]


@dataclass(slots=True)
class Summary:
    """What an import did.

    Attributes:
        certificates: people's certificates of this hierarchy among the files, each once.
        added, already: those that are new, and that the store had.
        revoked: revocations that are new. expired: of those added, how many are past their end.
        records_without_certificate: records that were added alone.
        reported: problems.
    """

    hierarchy: str
    certificates: int = 0
    added: int = 0
    already: int = 0
    revoked: int = 0
    expired: int = 0
    records_without_certificate: int = 0
    reported: int = 0

    @property
    def recorded(self) -> dict[str, int]:
        """What of it is in the store."""
        return {
            "certificates": self.added,
            "records": self.records_without_certificate,
            "revocations": self.revoked,
        }

    def as_dict(self) -> dict[str, str | int]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


class Import:
    """One run: what it reads, and what it has counted."""

    def __init__(
        self,
        home: Home,
        hierarchy: Hierarchy,
        device: str,
        report: Report,
        progress: Callable[[int], None],
    ) -> None:
        self.summary = Summary(hierarchy.name)
        self._home = home
        self._db = home.db
        self._now = home.clock()
        self._hierarchy = hierarchy
        self._authorities = hierarchy.authorities
        self._issuers = [authority.certificate for authority in hierarchy.authorities]
        self._ca_serials = {pki_certificates.load(issuer).serial_number for issuer in self._issuers}
        self._device = device
        self._report = report
        self._progress = progress
        self._ledger = Ledger()
        self._records_path = Path()

    def _problem(self, place: Place, problem: RcaError) -> None:
        self.summary.reported += 1
        self._report(Invalid("{place}: {problem}", hint=problem.hint, place=place, problem=problem))

    @contextmanager
    def _recording(self) -> Iterator[None]:
        """A portion's transaction, and one row of the audit log for all that it adds.

        The files that were given have the rest: a store that forgot it takes them over again.
        """
        before = self.summary.recorded
        with self._db.write():
            yield
            new = {key: each - before[key] for key, each in self.summary.recorded.items()}
            if any(new.values()):
                auditing.record(
                    self._home,
                    self._now,
                    Entry(Act.CERTIFICATES_IMPORTED, self._hierarchy.name, new),
                )

    # -- records

    def read_records(self, path: Path) -> None:
        """Keeps the lines of the table until their certificates come."""
        self._records_path = path
        for number, row in csvfile.read(path, COLUMNS):
            try:
                if isinstance(row, Invalid):
                    raise row
                record = self._record(row)
            except Invalid as error:
                self._problem(Place(path, number), error)
            else:
                self._ledger.put(
                    number,
                    record.serial,
                    record.fingerprint_sha256,
                    record.number,
                    json.dumps(row),
                )

    def _record(self, row: dict[str, str]) -> Record:
        return Record.parse(row, self._home.settings.zone)

    def keep_records(self) -> None:
        """Records the lines alone that no certificate was found for, by the date rule."""
        for portion in _portions(self._ledger.left()):
            with self._recording():
                self._keep_portion(portion)

    def _keep_portion(self, portion: list[tuple[int, str]]) -> None:
        records: dict[int, tuple[Place, Record]] = {}
        for number, content in portion:
            place, record = Place(self._records_path, number), self._record(json.loads(content))
            serial = record.serial
            if serial is None:
                serial = record.stand_in_serial(self._hierarchy.root.fingerprint_sha256)
            if serial in records:
                self._problem(place, Invalid("another line is about the same certificate"))
            else:
                records[serial] = place, record
        for each in store.known(self._db, self._hierarchy.name, records):
            records.pop(each.serial, None)
        taken = []
        for serial, (place, record) in records.items():
            if record.issued_at is None or record.issued_at >= NEW_SINCE:
                self._problem(place, _not_old(record))
                continue
            if record.serial is not None or record.fingerprint_sha256 is not None:
                self._problem(
                    place, Invalid("no certificate matches: it is kept as a record alone")
                )
            taken.append((serial, place, record, record.issued_at))
        numbers = self._numbers([(place, record.number) for _, place, record, _ in taken])
        local = self._home.settings.zone
        self._add_bare(
            self._hierarchy.issuing,
            [
                Certificate(
                    number=number,
                    serial=serial,
                    hierarchy=self._hierarchy.name,
                    user=record.user,
                    device=record.device or self._device,
                    note=record.note,
                    issued_at=issued_at,
                    not_before=issued_at,
                    not_after=years_after(issued_at.astimezone(local), RECORD_YEARS),
                    downloaded_at=issued_at,
                    revocation=None,
                    supersedes=None,
                    superseded_by=None,
                    profile=PROFILE,
                    key_algorithm=None,
                    fingerprint_sha256=None,
                )
                for number, (serial, _, record, issued_at) in zip(numbers, taken, strict=True)
            ],
        )

    def _add_bare(self, authority: Authority, added: list[Certificate]) -> None:
        store.add(self._db, [(authority.id, each, None) for each in added])
        self.summary.records_without_certificate += len(added)

    # -- certificates

    def read_certificates(self, paths: Iterable[Path]) -> list[Path]:
        """Records the certificates; returns the files that have an index or a CRL."""
        later: dict[Path, None] = {}
        for parcel, results in self._inspected(_portions(self._certificates(paths, later))):
            self._record_certificates(zip(parcel, results, strict=True))
            self._progress(len(results))
        return list(later)

    def _inspected(
        self, parcels: Iterator[list[Piece]]
    ) -> Iterator[tuple[list[Piece], list[Inspected]]]:
        """Reads and proves the parcels. One alone is done here, sooner than a worker starts."""
        work = partial(takeover.inspect_all, self._issuers)
        start = list(islice(parcels, 2))
        sent = ((parcel, [piece.der for piece in parcel]) for parcel in chain(start, parcels))
        if len(start) < 2:
            yield from ((parcel, work(ders)) for parcel, ders in sent)
            return
        with Workers(cores(), takeover.__name__) as workers:
            yield from workers.spread(work, sent)

    def _certificates(self, paths: Iterable[Path], later: dict[Path, None]) -> Iterator[Piece]:
        for path in paths:
            for file in takeover_files.walk(path):
                try:
                    yield from self._in_file(file, later)
                except OSError as error:
                    self._problem(Place(file), Invalid("{reason}", reason=error.strerror))

    def _in_file(self, file: Path, later: dict[Path, None]) -> Iterator[Piece]:
        if takeover_files.is_index(file):
            later[file] = None
            return
        for piece in takeover_files.pieces(file):
            if not isinstance(piece, Piece):
                self._problem(*piece)
            elif piece.kind is Kind.CERTIFICATE:
                yield piece
            else:
                later[file] = None

    def _record_certificates(self, inspected: Iterable[tuple[Piece, Inspected]]) -> None:
        found: list[tuple[Piece, Found]] = []
        for piece, result in inspected:
            match result:
                case Found():
                    if self._ledger.meet(result.fingerprint_sha256):
                        found.append((piece, result))
                case CaCertificate():
                    self._ca_serials.add(result.serial)
                case Invalid():
                    self._problem(piece.place, result)
        with self._recording():
            self._record_found(found)

    def _record_found(self, found: list[tuple[Piece, Found]]) -> None:
        owners = store.owners(
            self._db, self._hierarchy.name, [each.fingerprint_sha256 for _, each in found]
        )
        for piece, each in found:
            if each.fingerprint_sha256 in owners:
                self._problem(
                    piece.place,
                    Invalid(
                        "serial number {serial}: the hierarchy {name} has this certificate",
                        serial=f"{each.serial:x}",
                        name=owners[each.fingerprint_sha256],
                    ),
                )
        found = [(piece, each) for piece, each in found if each.fingerprint_sha256 not in owners]
        serials = {each.serial for _, each in found}
        known = {
            (each.authority, each.serial): each
            for each in store.known(self._db, self._hierarchy.name, serials)
        }
        new: dict[tuple[int, int], tuple[Piece, Found]] = {}
        records: dict[tuple[int, int], Record] = {}
        wanted: list[tuple[Place, RetrievalNumber | None]] = []
        for piece, each in found:
            key = self._authorities[each.issuer].id, each.serial
            line = self._ledger.take(each.serial, each.fingerprint_sha256)
            if key in known:
                self._meet_again(piece, each, known[key])
            elif key in new:
                self._problem(piece.place, _serial_again(each))
            else:
                new[key] = piece, each
                if line is None:
                    wanted.append((piece.place, None))
                else:
                    records[key] = self._record(json.loads(line[1]))
                    wanted.append((Place(self._records_path, line[0]), records[key].number))
        numbers = self._numbers(wanted)
        store.add(
            self._db,
            [
                (key[0], self._taken_over(number, each, records.get(key)), piece.der)
                for number, (key, (piece, each)) in zip(numbers, new.items(), strict=True)
            ],
        )
        self.summary.certificates += len(new)
        self.summary.added += len(new)
        self.summary.expired += sum(each.not_after <= self._now for _, each in new.values())

    def _meet_again(self, piece: Piece, found: Found, known: Known) -> None:
        """A certificate whose serial number the store has: the same, or one we had no bytes of."""
        if known.fingerprint_sha256 is None:
            store.complete(
                self._db,
                known.number,
                piece.der,
                found.fingerprint_sha256,
                found.key_algorithm,
                found.not_before,
                found.not_after,
            )
            self.summary.added += 1
        elif known.fingerprint_sha256 == found.fingerprint_sha256:
            self.summary.already += 1
        else:
            self._problem(piece.place, _serial_again(found))
            return
        self.summary.certificates += 1

    def _taken_over(
        self, number: RetrievalNumber, found: Found, record: Record | None
    ) -> Certificate:
        issued_at = (record and record.issued_at) or found.not_before
        return Certificate(
            number=number,
            serial=found.serial,
            hierarchy=self._hierarchy.name,
            user=record.user if record else _user(found.common_name, found.serial),
            device=(record and record.device) or self._device,
            note=record.note if record else None,
            issued_at=issued_at,
            not_before=found.not_before,
            not_after=found.not_after,
            downloaded_at=issued_at,
            revocation=None,
            supersedes=None,
            superseded_by=None,
            profile=PROFILE,
            key_algorithm=found.key_algorithm,
            fingerprint_sha256=found.fingerprint_sha256,
        )

    def _numbers(
        self, wanted: Sequence[tuple[Place, RetrievalNumber | None]]
    ) -> list[RetrievalNumber]:
        """The retrieval numbers that are wanted; a new one where there is none, or it is taken."""
        taken = store.taken(self._db, [int(number) for _, number in wanted if number])
        numbers: list[RetrievalNumber | None] = []
        for place, number in wanted:
            if number is not None and int(number) in taken:
                self._problem(
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
            drawn = [draw_number(self._home.random) for _ in range(count - len(found))]
            fresh = {int(number): number for number in drawn if int(number) not in taken}
            used = store.taken(self._db, fresh) | self._ledger.wanted(fresh)
            found |= {key: number for key, number in fresh.items() if key not in used}
        return iter(found.values())

    # -- revocations

    def read_revocations(self, path: Path) -> None:
        """Applies an index, or the CRLs in a file."""
        if takeover_files.is_index(path):
            self._read_index(path)
            return
        for piece in takeover_files.pieces(path):
            if isinstance(piece, Piece) and piece.kind is Kind.CRL:
                self._read_crl(piece)

    def _read_crl(self, piece: Piece) -> None:
        try:
            found = takeover.load_crl(piece.der, self._issuers)
        except Invalid as error:
            self._problem(piece.place, error)
            return
        authority = self._authorities[found.issuer]
        with self._db.write():
            store.raise_crl_number(self._db, authority.id, found.number)
        start = pki_certificates.load(authority.certificate).not_valid_before_utc
        for portion in _portions(found.revocations()):
            with self._recording():
                revoked = dict(portion)
                known = [
                    each
                    for each in store.known(self._db, self._hierarchy.name, revoked)
                    if each.authority == authority.id
                ]
                missing = revoked.keys() - {each.serial for each in known} - self._ca_serials
                bare = [(serial, start, authority.not_after, None) for serial in sorted(missing)]
                known += self._bare(authority, piece.place, bare, UNKNOWN)
                for each in known:
                    self._revoke(each, revoked[each.serial])

    def _read_index(self, path: Path) -> None:
        """An index names no CA: whose it is shows in the certificates that are in it."""
        owner = self._owner(path)
        if owner is None:
            return
        start = pki_certificates.load(owner.certificate).not_valid_before_utc
        for portion in _portions(takeover_files.index_lines(path, self._now)):
            with self._recording():
                self._index_portion(owner, start, portion)

    def _index_portion(
        self, owner: Authority, start: datetime, portion: list[tuple[Place, IndexLine | Invalid]]
    ) -> None:
        lines: dict[int, IndexLine] = {}
        for place, line in portion:
            if isinstance(line, Invalid):
                self._problem(place, line)
            elif line.serial not in self._ca_serials:
                lines[line.serial] = line
        known = [
            each
            for each in store.known(self._db, self._hierarchy.name, lines)
            if each.authority == owner.id
        ]
        missing = lines.keys() - {each.serial for each in known}
        bare = [
            # The CA's certificate may have been renewed since.
            (
                serial,
                min(start, lines[serial].not_after - timedelta(days=1)),
                lines[serial].not_after,
                lines[serial].subject_name,
            )
            for serial in sorted(missing)
        ]
        known += self._bare(owner, portion[0][0], bare, self._device)
        for each in known:
            revocation = lines[each.serial].revocation
            if revocation is not None:
                self._revoke(each, revocation)

    def _owner(self, path: Path) -> Authority | None:
        """The CA whose index it is: the one with a certificate of that serial number and end."""
        is_about_cas_alone = True
        for portion in _portions(takeover_files.index_lines(path, self._now)):
            lines = {line.serial: line for _, line in portion if isinstance(line, IndexLine)}
            is_about_cas_alone &= lines.keys() <= self._ca_serials
            for each in store.known(self._db, self._hierarchy.name, lines):
                if each.not_after == lines[each.serial].not_after:
                    return next(a for a in self._authorities if a.id == each.authority)
        if not is_about_cas_alone:
            self._problem(
                Place(path),
                Invalid(
                    "none of its lines is about a certificate of {name}: it is passed over",
                    hint="give the folder with its certificates too",
                    name=self._hierarchy.name,
                ),
            )
        return None

    def _bare(
        self,
        authority: Authority,
        place: Place,
        missing: Sequence[tuple[int, datetime, datetime, str | None]],
        device: str,
    ) -> list[Known]:
        """Records of certificates that we only know to have been issued: nothing that is revoked,
        or is to be at the cut-off, may be missing on our CRL."""
        numbers = self._numbers([(place, None)] * len(missing))
        added = [
            Certificate(
                number=number,
                serial=serial,
                hierarchy=self._hierarchy.name,
                user=User(UNKNOWN) if name is None else _user(name, serial),
                device=device,
                note=None,
                issued_at=not_before,
                not_before=not_before,
                not_after=not_after,
                downloaded_at=not_before,
                revocation=None,
                supersedes=None,
                superseded_by=None,
                profile=PROFILE,
                key_algorithm=None,
                fingerprint_sha256=None,
            )
            for number, (serial, not_before, not_after, name) in zip(numbers, missing, strict=True)
        ]
        self._add_bare(authority, added)
        return [
            Known(each.number, authority.id, each.serial, each.not_after, None, None)
            for each in added
        ]

    def _revoke(self, known: Known, revocation: Revocation) -> None:
        if known.reason is revocation.reason:
            return
        entry = crl.entry(known.serial, revocation.at, revocation.reason)
        self.summary.revoked += certificates.revoke(self._db, known.number, revocation, entry)


def _portions(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    source = iter(items)
    while portion := list(islice(source, PARCEL)):
        yield portion


def _user(common_name: str | None, serial: int) -> User:
    """The person whom the subject names; who has no name that can be shown has a number."""
    try:
        return User.parse(common_name or "")
    except Invalid:
        return User(f"{serial:x}"[: User.LONGEST_NAME])


def _serial_again(found: Found) -> Invalid:
    return Invalid(
        "the CA used the serial number {serial} for another certificate before",
        serial=f"{found.serial:x}",
    )


def _not_old(record: Record) -> Invalid:
    if record.issued_at is None:
        return Invalid("no certificate matches, and no date of issue says which hierarchy's it was")
    return Invalid(
        "no certificate matches, and one issued on {date} is not the old hierarchy's",
        date=f"{record.issued_at:%Y-%m-%d}",
    )
