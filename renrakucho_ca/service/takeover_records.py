"""The old CA's records of its users: whose each certificate is, on which device, since when."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import LONGEST_NOTE, RetrievalNumber, User, clean_text, parse_serial

COLUMNS = {
    "number": False,
    "serial": False,
    "fingerprint_sha256": False,
    "user": True,
    "device": False,
    "note": False,
    "issued_at": False,
    "email": False,
    "facility": False,
    "network": False,
    "name": False,
}
"""The columns of the table, and whether a row must have a value."""

LONGEST_DEVICE = 32

_DATE = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}))?)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Record:
    """What the table says of one certificate.

    Attributes:
        serial, fingerprint_sha256: which certificate it is about; None where it does not say.
        device: None where it does not say.
    """

    number: RetrievalNumber | None
    serial: int | None
    fingerprint_sha256: str | None
    user: User
    device: str | None
    note: str | None
    issued_at: datetime | None

    @classmethod
    def parse(cls, row: dict[str, str], zone: tzinfo) -> Record:
        """Checks a row.

        Args:
            row: a value for each of COLUMNS, empty where there is none.
            zone: of dates without one.

        Raises:
            Invalid: a value is not what its column takes.
        """
        fingerprint = row["fingerprint_sha256"].replace(":", "").lower()
        if fingerprint and not re.fullmatch(r"[0-9a-f]{64}", fingerprint):
            raise Invalid("{text} is not a SHA-256 fingerprint", text=repr(fingerprint[:80]))
        return cls(
            number=RetrievalNumber.parse(row["number"]) if row["number"] else None,
            serial=parse_serial(row["serial"]) if row["serial"] else None,
            fingerprint_sha256=fingerprint or None,
            user=User.parse(
                row["user"], row["name"], row["email"], row["facility"], row["network"]
            ),
            device=clean_text(row["device"], what="device", longest=LONGEST_DEVICE).casefold()
            if row["device"]
            else None,
            note=clean_text(row["note"], what="note", longest=LONGEST_NOTE)
            if row["note"]
            else None,
            issued_at=parse_date(row["issued_at"], zone) if row["issued_at"] else None,
        )

    def stand_in_serial(self, root_fingerprint: str) -> int:
        """A serial number for a record that has none: the same each time, so that a second import
        knows it again, and 127 bits of a digest, so that it is no certificate's."""
        text = "\0".join(
            str(part or "")
            for part in (
                root_fingerprint,
                self.number,
                self.user.id,
                self.device,
                self.note,
                self.issued_at,
            )
        )
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big") >> 1


def parse_date(text: str, zone: tzinfo) -> datetime:
    """A date or time as spreadsheets have it: 2026-01-16, 2026/1/6 9:30, 2026年1月16日, RFC 3339.

    Raises:
        Invalid: none of these.
    """
    match = _DATE.fullmatch(text)
    try:
        if match is None:
            found = datetime.fromisoformat(text)
        else:
            year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
            found = datetime(year, month, day, hour, minute, second)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(
            "{text} is not a date", hint="such as 2026-01-16 or 2026/1/16", text=repr(text[:40])
        ) from None
