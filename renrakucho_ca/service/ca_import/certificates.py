"""The certificates of a CA that is taken over: read, proven by workers, recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from renrakucho_ca.batched import batched
from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import IMPORTED, UNKNOWN, Certificate, RetrievalNumber
from renrakucho_ca.pki import certificate_scanner
from renrakucho_ca.pki.certificate_scanner import Found, FoundCaCertificate, InspectionResult
from renrakucho_ca.pki.encodings import ContentKind
from renrakucho_ca.service.ca_import import discovery, openssl_index
from renrakucho_ca.service.ca_import.discovery import Piece, SourceLocation
from renrakucho_ca.service.ca_import.owner_record import OwnerRecord
from renrakucho_ca.service.ca_import.owner_table import OwnerTable
from renrakucho_ca.service.ca_import.session import BATCH, Run
from renrakucho_ca.service.process_pool import ProcessPool, cores
from renrakucho_ca.store.tables import imports
from renrakucho_ca.store.tables.imports import ExistingCertificate


class _NewImport(NamedTuple):
    """A certificate that the store has not.

    Attributes:
        place: of the record where there is one.
    """

    authority: int
    piece: Piece
    found: Found
    place: SourceLocation
    record: OwnerRecord | None


class Certificates:
    """The certificates' part of a run.

    Args:
        progress: is told how many have been recorded since the last time.
    """

    def __init__(self, run: Run, lines: OwnerTable, progress: Callable[[int], None]) -> None:
        self._run = run
        self._owner_table = lines
        self._progress = progress
        # Of those that were looked into: the ones that had something to read, or to tell.
        self._files = 0

    def read(self, paths: Iterable[Path]) -> list[Path]:
        """Records the certificates; returns the files that have an index or a CRL."""
        later: dict[Path, None] = {}
        for batch, results in self._inspected(batched(self._certificates(paths, later), BATCH)):
            self._record_certificates(zip(batch, results, strict=True))
            self._progress(len(results))
        return list(later)

    def _inspected(
        self, batches: Iterator[list[Piece]]
    ) -> Iterator[tuple[list[Piece], list[InspectionResult]]]:
        """Reads and proves the parcels. One alone is done here, sooner than a worker starts."""
        work = partial(certificate_scanner.inspect_all, self._run.issuers)
        start = list(islice(batches, 2))
        sent = ((batch, [piece.der for piece in batch]) for batch in chain(start, batches))
        if len(start) < 2:
            yield from ((batch, work(ders)) for batch, ders in sent)
            return
        with ProcessPool(cores(), certificate_scanner.__name__) as workers:
            yield from workers.spread(work, sent)

    def _certificates(self, paths: Iterable[Path], later: dict[Path, None]) -> Iterator[Piece]:
        for path in paths:
            before = self._files
            for file in self._under(path):
                try:
                    yield from self._in_file(file, later)
                except OSError as error:
                    self._problem(SourceLocation(file), Invalid("{reason}", reason=error.strerror))
            if self._files == before:
                self._problem(
                    SourceLocation(path), Invalid("there is no certificate, CRL or index in it")
                )

    def _under(self, path: Path) -> Iterator[Path]:
        roots = [path]
        if path.is_file() and openssl_index.is_index(path):
            roots += openssl_index.adjacent_files(path)
        for found in chain.from_iterable(map(discovery.walk, roots)):
            if isinstance(found, Path):
                yield found
            else:
                self._problem(*found)

    def _in_file(self, file: Path, later: dict[Path, None]) -> Iterator[Piece]:
        if openssl_index.is_index(file):
            self._files += 1
            later[file] = None
            return
        kind = discovery.container(file)
        if kind is not None:
            # PEM may lie in a database's pages, but what it says of revocations lies elsewhere.
            self._run.pass_over(file, kind)
            return
        is_empty = True
        for piece in discovery.pieces(file):
            is_empty = False
            if not isinstance(piece, Piece):
                self._problem(*piece)
            elif piece.kind is ContentKind.CERTIFICATE:
                yield piece
            else:
                later[file] = None
        if is_empty:
            self._run.pass_over(file, None)
        else:
            self._files += 1

    def _problem(self, place: SourceLocation, problem: Invalid) -> None:
        self._files += 1
        self._run.problem(place, problem)

    def _record_certificates(self, inspected: Iterable[tuple[Piece, InspectionResult]]) -> None:
        found: list[tuple[Piece, Found]] = []
        for piece, result in inspected:
            match result:
                case Found():
                    if self._run.staging.meet(result.fingerprint_sha256):
                        found.append((piece, result))
                case FoundCaCertificate():
                    self._run.ca_serials.add(result.serial)
                case Invalid():
                    self._run.problem(piece.place, result)
        with self._run.recording():
            self._record_found(found)

    def _record_found(self, found: list[tuple[Piece, Found]]) -> None:
        found = self._not_others(found)
        serials = {each.serial for _, each in found}
        known = {
            (each.authority, each.serial): each
            for each in imports.known(self._run.db, self._run.hierarchy.name, serials)
        }
        new: dict[tuple[int, int], _NewImport] = {}
        for piece, each in found:
            key = self._run.hierarchy.authorities[each.issuer].id, each.serial
            line = self._owner_table.take(each.serial, each.fingerprint_sha256)
            place, record = line or (piece.place, None)
            if key in known:
                self._meet_again(piece, each, known[key], record)
            elif key in new:
                self._run.problem(piece.place, _serial_again(each))
            else:
                new[key] = _NewImport(key[0], piece, each, place, record)
        self._add(list(new.values()))

    def _not_others(self, found: list[tuple[Piece, Found]]) -> list[tuple[Piece, Found]]:
        """Without those that another hierarchy has."""
        fingerprints = [each.fingerprint_sha256 for _, each in found]
        owners = imports.owners(self._run.db, self._run.hierarchy.name, fingerprints)
        for piece, each in found:
            if each.fingerprint_sha256 in owners:
                self._run.problem(
                    piece.place,
                    Invalid(
                        "serial number {serial}: the hierarchy {name} has this certificate",
                        serial=f"{each.serial:x}",
                        name=owners[each.fingerprint_sha256],
                    ),
                )
        return [(piece, each) for piece, each in found if each.fingerprint_sha256 not in owners]

    def _add(self, new: list[_NewImport]) -> None:
        numbers = self._run.numbers(
            [(each.place, each.record.number if each.record else None) for each in new]
        )
        imports.add(
            self._run.db,
            [
                (each.authority, self._imported(number, each), each.piece.der)
                for number, each in zip(numbers, new, strict=True)
            ],
        )
        summary = self._run.summary
        summary.certificates += len(new)
        summary.added += len(new)
        summary.expired += sum(each.found.not_after <= self._run.now for each in new)

    def _meet_again(
        self, piece: Piece, found: Found, known: ExistingCertificate, record: OwnerRecord | None
    ) -> None:
        """A certificate whose serial number the store has: the same, or one we had no bytes of."""
        if known.fingerprint_sha256 is None:
            imports.complete(
                self._run.db,
                known.number,
                piece.der,
                found.fingerprint_sha256,
                found.key_algorithm,
                found.not_before,
                found.not_after,
            )
            self._run.summary.added += 1
        elif known.fingerprint_sha256 == found.fingerprint_sha256:
            self._run.summary.already += 1
        else:
            self._run.problem(piece.place, _serial_again(found))
            return
        self._run.summary.certificates += 1
        if record is not None:
            self._run.describe(known.number, record)
        elif known.fingerprint_sha256 is None and known.user == UNKNOWN:
            user = self._run.user_of(piece.place, found.person, found.serial)
            imports.describe(self._run.db, known.number, user, self._run.device, None)

    def _imported(self, number: RetrievalNumber, new: _NewImport) -> Certificate:
        found, record = new.found, new.record
        issued_at = (record and record.issued_at) or found.not_before
        return Certificate(
            number=number,
            serial=found.serial,
            hierarchy=self._run.hierarchy.name,
            user=record.user
            if record
            else self._run.user_of(new.piece.place, found.person, found.serial),
            device=(record and record.device) or self._run.device,
            note=record.note if record else None,
            issued_at=issued_at,
            not_before=found.not_before,
            not_after=found.not_after,
            downloaded_at=issued_at,
            revocation=None,
            supersedes=None,
            superseded_by=None,
            profile=IMPORTED,
            key_algorithm=found.key_algorithm,
            fingerprint_sha256=found.fingerprint_sha256,
        )


def _serial_again(found: Found) -> Invalid:
    return Invalid(
        "the CA used the serial number {serial} for another certificate before",
        serial=f"{found.serial:x}",
    )
