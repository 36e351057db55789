"""One row of the owner table: the user, device and date of one certificate."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, tzinfo

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import LONGEST_NOTE, RetrievalNumber, User, parse_serial
from renrakucho_ca.tabular.csv_table import refuse_rounded
from renrakucho_ca.tabular.dates import parse_date
from renrakucho_ca.text import clean_text

COLUMNS = {
    **dict.fromkeys(("number", "serial", "fingerprint_sha256"), False),
    "user": True,
    **dict.fromkeys(("device", "note", "issued_at"), False),
    **dict.fromkeys(("email", "facility", "network", "name"), False),
}
"""The columns of the owner table, and whether a row must have a value."""

LONGEST_DEVICE = 32

# 01234567, or without the zeros that a spreadsheet drops.
_SHORT_NUMBER = re.compile(r"0[0-9]{7}|[0-9]{5,7}")


@dataclass(frozen=True, slots=True)
class OwnerRecord:
    """A checked row. Each value that the row lacks is None.

    Attributes:
        short_number: a retrieval number that begins with 0, which rca replaces.
        serial, fingerprint_sha256: either identifies the certificate.
    """

    number: RetrievalNumber | None
    short_number: str | None
    serial: int | None
    fingerprint_sha256: str | None
    user: User
    device: str | None
    note: str | None
    issued_at: datetime | None

    @classmethod
    def parse(cls, row: dict[str, str], zone: tzinfo) -> OwnerRecord:
        """Check a row; raise Invalid for a malformed value.

        Args:
            row: a value for each of COLUMNS, perhaps empty.
            zone: the timezone of dates that name none.
        """
        fingerprint = _bare(row["fingerprint_sha256"]).replace(":", "").lower()
        if fingerprint and not re.fullmatch(r"[0-9a-f]{64}", fingerprint):
            raise Invalid("{text} is not a SHA-256 fingerprint", text=repr(fingerprint[:80]))
        number = _bare(row["number"]).replace("-", "")
        is_short = _SHORT_NUMBER.fullmatch(number) is not None
        return cls(
            number=RetrievalNumber.parse(number) if number and not is_short else None,
            short_number=number if is_short else None,
            serial=parse_serial(_bare(row["serial"])) if row["serial"] else None,
            fingerprint_sha256=fingerprint or None,
            user=User.parse(
                refuse_rounded(row["user"]),
                row["name"],
                row["email"],
                row["facility"],
                row["network"],
            ),
            device=clean_text(row["device"], what="device", longest=LONGEST_DEVICE).casefold()
            if row["device"]
            else None,
            note=clean_text(row["note"], what="note", longest=LONGEST_NOTE)
            if row["note"]
            else None,
            issued_at=parse_date(row["issued_at"], zone) if row["issued_at"] else None,
        )

    def placeholder_serial(self, root_fingerprint: str) -> int:
        """Return a serial number for a record without one, the same for every import.

        127 bits of a digest match no certificate's.
        """
        text = "\0".join(
            str(part or "")
            for part in (
                root_fingerprint,
                self.number or self.short_number,
                self.user.id,
                self.device,
                self.note,
                self.issued_at,
            )
        )
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big") >> 1


def _bare(text: str) -> str:
    """Return a number in plain digits, without blanks and format characters.

    Windows copies a direction mark from its certificate window. Raises Invalid if a spreadsheet has
    rounded it.
    """
    refuse_rounded(text)
    folded = unicodedata.normalize("NFKC", text)
    return "".join(
        letter for letter in folded if not letter.isspace() and unicodedata.category(letter) != "Cf"
    )
