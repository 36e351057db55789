"""The certificates of an imported CA: scanned by worker processes, then recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from renrakucho_ca.batched import batched
from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import UNKNOWN, Certificate, RetrievalNumber
from renrakucho_ca.pki import certificate_scanner
from renrakucho_ca.pki.certificate_scanner import Found, FoundCaCertificate, InspectionResult
from renrakucho_ca.service.ca_import.discovery import Piece, SourceLocation
from renrakucho_ca.service.ca_import.owner_record import OwnerRecord
from renrakucho_ca.service.ca_import.owner_table import OwnerTable
from renrakucho_ca.service.ca_import.session import BATCH, ImportSession
from renrakucho_ca.service.ca_import.source_files import SourceFiles
from renrakucho_ca.service.process_pool import ProcessPool, cores
from renrakucho_ca.store.tables import imports
from renrakucho_ca.store.tables.imports import ExistingCertificate


class _NewImport(NamedTuple):
    """A certificate that is not in the store.

    Attributes:
        authority: the row of its CA.
        place: of the owner record if there is one, else of the certificate.
    """

    authority: int
    piece: Piece
    found: Found
    place: SourceLocation
    record: OwnerRecord | None


class CertificateImport:
    """Records the certificates of one import."""

    def __init__(self, session: ImportSession, owner_table: OwnerTable) -> None:
        self._session = session
        self._owner_table = owner_table

    def read(self, paths: Iterable[Path]) -> list[Path]:
        """Record the certificates; return the files that have an index or a CRL."""
        files = SourceFiles(self._session)
        for batch, results in self._inspected(batched(files.certificates(paths), BATCH)):
            self._record_batch(zip(batch, results, strict=True))
        return list(files.revocation_files)

    def _inspected(
        self, batches: Iterator[list[Piece]]
    ) -> Iterator[tuple[list[Piece], list[InspectionResult]]]:
        """Scan each batch. A single one is scanned here, sooner than a worker starts."""
        work = partial(certificate_scanner.inspect_all, self._session.issuers)
        start = list(islice(batches, 2))
        sent = ((batch, [piece.der for piece in batch]) for batch in chain(start, batches))
        if len(start) < 2:
            yield from ((batch, work(ders)) for batch, ders in sent)
            return
        with ProcessPool(cores(), certificate_scanner.__name__) as workers:
            yield from workers.spread(work, sent)

    def _record_batch(self, inspected: Iterable[tuple[Piece, InspectionResult]]) -> None:
        found: list[tuple[Piece, Found]] = []
        for piece, result in inspected:
            match result:
                case Found():
                    if self._session.staging.meet(result.fingerprint_sha256):
                        found.append((piece, result))
                case FoundCaCertificate():
                    self._session.ca_serials.add(result.serial)
                case Invalid():
                    self._session.problem(piece.place, result)
        with self._session.recording():
            self._record_found(self._own(found))

    def _own(self, found: list[tuple[Piece, Found]]) -> list[tuple[Piece, Found]]:
        """Drop and report the certificates that belong to another hierarchy.

        A root renewed with its old key verifies the certificates of both hierarchies.
        """
        fingerprints = [each.fingerprint_sha256 for _, each in found]
        recorded = imports.by_fingerprint(self._session.db, fingerprints)
        own = []
        for piece, each in found:
            name, _ = recorded.get(each.fingerprint_sha256, (self._session.hierarchy.name, None))
            if name == self._session.hierarchy.name:
                own.append((piece, each))
                continue
            problem = Invalid(
                "serial number {serial}: this certificate belongs to hierarchy {name}",
                serial=f"{each.serial:x}",
                name=name,
            )
            self._session.problem(piece.place, problem)
        return own

    def _record_found(self, found: list[tuple[Piece, Found]]) -> None:
        hierarchy = self._session.hierarchy
        serials = {each.serial for _, each in found}
        existing = {
            (each.authority, each.serial): each
            for each in imports.known(self._session.db, hierarchy.name, serials)
        }
        new: dict[tuple[int, int], _NewImport] = {}
        for piece, each in found:
            key = hierarchy.authorities[each.issuer].id, each.serial
            line = self._owner_table.take(each.serial, each.fingerprint_sha256)
            place, record = line or (piece.place, None)
            if key in existing:
                self._update(piece, each, existing[key], record)
            elif key in new:
                self._session.problem(piece.place, _serial_reused(each))
            else:
                new[key] = _NewImport(key[0], piece, each, place, record)
        self._add(list(new.values()))

    def _add(self, new: list[_NewImport]) -> None:
        numbers = self._session.numbers(
            [(each.place, each.record.number if each.record else None) for each in new]
        )
        imports.add(
            self._session.db,
            [
                (each.authority, self._certificate(number, each), each.piece.der)
                for number, each in zip(numbers, new, strict=True)
            ],
        )
        summary = self._session.summary
        summary.certificates += len(new)
        summary.added += len(new)
        summary.expired += sum(each.found.not_after <= self._session.now for each in new)

    def _update(
        self, piece: Piece, found: Found, existing: ExistingCertificate, record: OwnerRecord | None
    ) -> None:
        """Handle a certificate with a recorded serial number; its bytes may be new."""
        session = self._session
        if existing.fingerprint_sha256 is None:
            imports.complete(
                session.db,
                existing.number,
                piece.der,
                found.fingerprint_sha256,
                found.key_algorithm,
                found.not_before,
                found.not_after,
            )
            session.summary.added += 1
        elif existing.fingerprint_sha256 == found.fingerprint_sha256:
            session.summary.already += 1
        else:
            session.problem(piece.place, _serial_reused(found))
            return
        session.summary.certificates += 1
        if record is not None:
            session.describe(existing.number, record)
        elif existing.fingerprint_sha256 is None and existing.user == UNKNOWN:
            user = session.user_of(piece.place, found.person, found.serial)
            imports.describe(session.db, existing.number, user, session.device, None)

    def _certificate(self, number: RetrievalNumber, new: _NewImport) -> Certificate:
        found, record, session = new.found, new.record, self._session
        return session.imported(
            number,
            found.serial,
            record.user if record else session.user_of(new.place, found.person, found.serial),
            (record and record.device) or session.device,
            found.not_before,
            found.not_after,
            note=record.note if record else None,
            issued_at=record.issued_at if record else None,
            key_algorithm=found.key_algorithm,
            fingerprint_sha256=found.fingerprint_sha256,
        )


def _serial_reused(found: Found) -> Invalid:
    return Invalid(
        "the CA already used serial number {serial} for another certificate",
        serial=f"{found.serial:x}",
    )
