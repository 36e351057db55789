"""The lines of the records' table: kept until their certificates come, or recorded alone."""

from __future__ import annotations

import json
from datetime import datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from renrakucho_ca.batched import batched
from renrakucho_ca.clock import years_after
from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import IMPORTED, Certificate, RetrievalNumber
from renrakucho_ca.service.ca_import.discovery import SourceLocation
from renrakucho_ca.service.ca_import.owner_record import COLUMNS, OwnerRecord
from renrakucho_ca.service.ca_import.session import BATCH, Run
from renrakucho_ca.store.tables import imports
from renrakucho_ca.store.tables.imports import ExistingCertificate
from renrakucho_ca.tabular import csv_table

NEW_SINCE = datetime(2026, 2, 2, tzinfo=ZoneInfo("Asia/Tokyo"))
"""A record without a certificate belongs to OLD if it was issued before, else to NEW."""
RECORD_YEARS = 10
"""How long the service's certificates are valid, for a record that has no certificate to tell."""


class OwnerTable:
    """The table's part of a run."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def read(self, path: Path) -> None:
        """Keeps the lines of the table until their certificates come."""
        self._run.records_path = path
        for number, row in csv_table.read(path, COLUMNS):
            try:
                if isinstance(row, Invalid):
                    raise row
                record = self._parse(row)
            except Invalid as error:
                self._run.problem(SourceLocation(path, number), error)
            else:
                if record.short_number is not None:
                    self._run.problem(
                        SourceLocation(path, number),
                        Invalid(
                            "the number {number} begins with 0: it gets another",
                            number=record.short_number.zfill(8),
                        ),
                    )
                self._run.staging.put(
                    number,
                    record.serial,
                    record.fingerprint_sha256,
                    record.number,
                    json.dumps(row),
                )

    def take(self, serial: int, fingerprint: str) -> tuple[SourceLocation, OwnerRecord] | None:
        """The record of a certificate, once."""
        line = self._run.staging.take(serial, fingerprint)
        if line is None:
            return None
        number, content = line
        return SourceLocation(self._run.records_path, number), self._parse(json.loads(content))

    def _parse(self, row: dict[str, str]) -> OwnerRecord:
        return OwnerRecord.parse(row, self._run.home.settings.zone)

    def keep_rest(self) -> None:
        """Records the lines alone that no certificate was found for, by the date rule."""
        for batch in batched(self._run.staging.left(), BATCH):
            with self._run.recording():
                self._keep_batch(batch)

    def _keep_batch(self, batch: list[tuple[int, str, bool]]) -> None:
        parsed = [
            (
                SourceLocation(self._run.records_path, number),
                self._parse(json.loads(content)),
                is_again,
            )
            for number, content, is_again in batch
        ]
        named = [each.fingerprint_sha256 for _, each, _ in parsed if each.fingerprint_sha256]
        found = imports.by_fingerprint(self._run.db, self._run.hierarchy.name, named)
        records: dict[int, tuple[SourceLocation, OwnerRecord]] = {}
        for place, record, is_again in parsed:
            serial = record.serial
            if serial is None:
                serial = record.placeholder_serial(self._run.hierarchy.root.fingerprint_sha256)
            if is_again or serial in records:
                self._run.problem(place, Invalid("another line is about the same certificate"))
            elif record.fingerprint_sha256 in found:
                self._run.describe(found[record.fingerprint_sha256], record)
            else:
                records[serial] = place, record
        for each in imports.known(self._run.db, self._run.hierarchy.name, records):
            if line := records.pop(each.serial, None):
                self._describe(each, *line)
        taken = []
        for serial, (place, record) in records.items():
            if record.issued_at is None or record.issued_at >= NEW_SINCE:
                self._run.problem(place, _not_old(record, self._run.home.settings.zone))
                continue
            if record.serial is not None or record.fingerprint_sha256 is not None:
                self._run.problem(
                    place, Invalid("no certificate matches: it is kept as a record alone")
                )
            taken.append((serial, place, record, record.issued_at))
        numbers = self._run.numbers([(place, record.number) for _, place, record, _ in taken])
        self._run.add_bare(
            self._run.hierarchy.issuing,
            [
                self._bare(number, serial, record, issued_at)
                for number, (serial, _, record, issued_at) in zip(numbers, taken, strict=True)
            ],
        )

    def _bare(
        self, number: RetrievalNumber, serial: int, record: OwnerRecord, issued_at: datetime
    ) -> Certificate:
        """What a line alone tells of a certificate: it counts as downloaded on its first day."""
        local = self._run.home.settings.zone
        return Certificate(
            number=number,
            serial=serial,
            hierarchy=self._run.hierarchy.name,
            user=record.user,
            device=record.device or self._run.device,
            note=record.note,
            issued_at=issued_at,
            not_before=issued_at,
            not_after=years_after(issued_at.astimezone(local), RECORD_YEARS),
            downloaded_at=issued_at,
            revocation=None,
            supersedes=None,
            superseded_by=None,
            profile=IMPORTED,
            key_algorithm=None,
            fingerprint_sha256=None,
        )

    def _describe(
        self, known: ExistingCertificate, place: SourceLocation, record: OwnerRecord
    ) -> None:
        if record.fingerprint_sha256 and known.fingerprint_sha256:
            self._run.problem(
                place,
                Invalid(
                    "the serial number {serial} is that of a certificate with another fingerprint",
                    serial=f"{known.serial:x}",
                ),
            )
        else:
            self._run.describe(known.number, record)


def _not_old(record: OwnerRecord, zone: tzinfo) -> Invalid:
    if record.issued_at is None:
        return Invalid("no certificate matches, and no date of issue says which hierarchy's it was")
    return Invalid(
        "no certificate matches, and one issued on {date} is not the old hierarchy's",
        date=f"{record.issued_at.astimezone(zone):%Y-%m-%d}",
    )
