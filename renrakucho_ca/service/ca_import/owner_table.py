"""The owner table: staged until the certificates come; the rest is recorded without them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from renrakucho_ca.batched import batched
from renrakucho_ca.clock import years_after
from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import Certificate, RetrievalNumber
from renrakucho_ca.service.ca_import.discovery import SourceLocation
from renrakucho_ca.service.ca_import.owner_record import COLUMNS, OwnerRecord
from renrakucho_ca.service.ca_import.session import BATCH, ImportSession
from renrakucho_ca.store.tables import imports
from renrakucho_ca.tabular import csv_table

NEW_SINCE = datetime(2026, 2, 2, tzinfo=ZoneInfo("Asia/Tokyo"))
"""A record without a certificate belongs to OLD if it was issued before this day, else to NEW."""
RECORD_YEARS = 10
"""The validity of the service's certificates, for a record without a certificate."""

_PlacedRecord = tuple[SourceLocation, OwnerRecord]


class OwnerTable:
    """Stages the owner table of one import, and finds the owner of each certificate."""

    def __init__(self, session: ImportSession) -> None:
        self._session = session

    def read(self, path: Path) -> None:
        """Stage the rows of the table."""
        self._session.records_path = path
        for number, row in csv_table.read(path, COLUMNS):
            place = SourceLocation(path, number)
            try:
                if isinstance(row, Invalid):
                    raise row
                record = OwnerRecord.parse(row, self._session.zone)
            except Invalid as error:
                self._session.problem(place, error)
                continue
            if record.short_number is not None:
                problem = Invalid(
                    "retrieval number {number} begins with 0; rca assigns another",
                    number=record.short_number.zfill(8),
                )
                self._session.problem(place, problem)
            self._session.staging.put(
                number, record.serial, record.fingerprint_sha256, record.number, json.dumps(row)
            )

    def take(self, serial: int, fingerprint: str) -> _PlacedRecord | None:
        """Return the record of a certificate, once."""
        row = self._session.staging.take(serial, fingerprint)
        return None if row is None else self._placed(*row)

    def _placed(self, number: int, content: str) -> _PlacedRecord:
        place = SourceLocation(self._session.records_path, number)
        return place, OwnerRecord.parse(json.loads(content), self._session.zone)

    def record_unmatched(self) -> None:
        """Record the rows for which no certificate was found, if their date makes them OLD."""
        for batch in batched(self._session.staging.unmatched(), BATCH):
            with self._session.recording():
                records = self._undescribed(self._unmatched(batch))
                self._add(records)

    def _unmatched(self, batch: list[tuple[int, str, bool]]) -> dict[int, _PlacedRecord]:
        """Return the records by serial number, without duplicates and known fingerprints."""
        placed = [(*self._placed(number, content), is_again) for number, content, is_again in batch]
        fingerprints = [each.fingerprint_sha256 for _, each, _ in placed if each.fingerprint_sha256]
        hierarchy = self._session.hierarchy
        found = imports.by_fingerprint(self._session.db, fingerprints)
        records: dict[int, _PlacedRecord] = {}
        for place, record, is_again in placed:
            serial = record.serial
            if serial is None:
                serial = record.placeholder_serial(hierarchy.root.fingerprint_sha256)
            if is_again or serial in records:
                problem = Invalid("another line describes the same certificate")
                self._session.problem(place, problem)
                continue
            name, known = found.get(record.fingerprint_sha256 or "", (None, None))
            if known is not None and name == hierarchy.name:
                self._session.describe(known, record)
            else:
                records[serial] = place, record
        return records

    def _undescribed(self, records: dict[int, _PlacedRecord]) -> dict[int, _PlacedRecord]:
        """Apply the records of certificates that the store has; return the others."""
        name = self._session.hierarchy.name
        for each in imports.known(self._session.db, name, records):
            if each.serial not in records:
                continue
            place, record = records.pop(each.serial)
            if record.fingerprint_sha256 and each.fingerprint_sha256:
                problem = Invalid(
                    "serial number {serial} belongs to a certificate with another fingerprint",
                    serial=f"{each.serial:x}",
                )
                self._session.problem(place, problem)
            else:
                self._session.describe(each.number, record)
        return records

    def _add(self, records: dict[int, _PlacedRecord]) -> None:
        added = []
        for serial, (place, record) in records.items():
            if record.issued_at is None or record.issued_at >= NEW_SINCE:
                self._session.problem(place, self._not_old(record.issued_at))
                continue
            if record.serial is not None or record.fingerprint_sha256 is not None:
                problem = Invalid("no certificate matches; only the record is kept")
                self._session.problem(place, problem)
            added.append((serial, place, record, record.issued_at))
        numbers = self._session.numbers([(place, record.number) for _, place, record, _ in added])
        self._session.add_without_certificate(
            self._session.hierarchy.issuing,
            [
                self._certificate(number, serial, record, issued_at)
                for number, (serial, _, record, issued_at) in zip(numbers, added, strict=True)
            ],
        )

    def _certificate(
        self, number: RetrievalNumber, serial: int, record: OwnerRecord, issued_at: datetime
    ) -> Certificate:
        return self._session.imported(
            number,
            serial,
            record.user,
            record.device or self._session.device,
            issued_at,
            years_after(issued_at.astimezone(self._session.zone), RECORD_YEARS),
            note=record.note,
        )

    def _not_old(self, issued_at: datetime | None) -> Invalid:
        if issued_at is None:
            return Invalid("no certificate matches, and without issued_at its hierarchy is unknown")
        return Invalid(
            "no certificate matches, and on {date} the old hierarchy no longer issued",
            date=issued_at.astimezone(self._session.zone).date(),
        )
