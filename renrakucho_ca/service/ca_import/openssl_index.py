"""OpenSSL's `index.txt` of the certificates that a CA has issued; Easy-RSA keeps one too."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import Revocation, RevocationReason
from renrakucho_ca.pki.lenient_names import decode
from renrakucho_ca.service.ca_import.discovery import SourceLocation

LONGEST_LINE = 256 * 1024
"""Bytes of a line, most of them for the subject."""

_INDEX_LINE = re.compile(
    r"([VRE])\t(\d{10,14})Z?\t([^\t]*)\t(-?[0-9A-Fa-f]{1,256})\t[^\t]*\t(.*)", re.ASCII
)
_FOLDERS = (
    *("newcerts", "certs", "certs_by_serial", "issued", "expired"),
    *("revoked/certs_by_serial", "renewed/issued", "renewed/certs_by_serial"),
)
"""Folders of OpenSSL's `ca` and Easy-RSA next to their index, which are imported with it."""
_SERIAL_FILE = re.compile(r"[0-9A-Fa-f]+\.pem")
_HEAD = 64 * 1024
_LINES_INSPECTED = 20
"""An index is recognized by one of its first lines: single lines may be damaged."""


@dataclass(frozen=True, slots=True)
class IndexLine:
    """One certificate in an index; `subject_name` is a common name or mail address, or empty."""

    serial: int
    not_after: datetime
    subject_name: str
    revocation: Revocation | None


def is_index(path: Path) -> bool:
    """Return whether a file is an index; `index.txt.old`, the state before the last, is not."""
    if path.suffix == ".old" and path.with_suffix("").exists():
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD).removeprefix(codecs.BOM_UTF8)
    return any(map(_match, head.split(b"\n", _LINES_INSPECTED)[:_LINES_INSPECTED]))


def adjacent_files(index: Path) -> Iterator[Path]:
    """Yield an index's folders, and the certificates that Easy-RSA 2 keeps next to it."""
    yield from filter(Path.is_dir, (index.parent / name for name in _FOLDERS))
    with os.scandir(index.parent) as entries:
        for entry in entries:
            if _SERIAL_FILE.fullmatch(entry.name) and entry.is_file():
                yield Path(entry.path)


def index_lines(path: Path, now: datetime) -> Iterator[tuple[SourceLocation, IndexLine | Invalid]]:
    """Yield the lines of an index (OpenSSL's `apps/lib/apps.c` and `crypto/txt_db`) in order.

    An unreadable revocation date becomes `now`, so that the certificate stays revoked.
    """
    with path.open("rb") as file:
        for number, line in _lines(file):
            match = _match(line)
            place = SourceLocation(path, number)
            if match is None:
                yield place, Invalid("not a line of an OpenSSL index")
                continue
            status, end, revoked, serial, subject = match.groups()
            not_after = _index_time(end)
            if not_after is None:
                yield place, Invalid("{text} is not a time", text=repr(end))
                continue
            yield (
                place,
                IndexLine(
                    serial=int(serial, 16),
                    not_after=not_after,
                    subject_name=_subject_name(subject),
                    revocation=_revocation(revoked, now) if status == "R" else None,
                ),
            )


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are neither blank nor comments, cut at LONGEST_LINE."""
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if line.strip() and not line.startswith(b"#"):
            yield number, line
        while not line.endswith(b"\n") and (line := file.readline(LONGEST_LINE)):
            pass


def _match(line: bytes) -> re.Match[str] | None:
    if line[1:2] != b"\t":  # true of most files
        return None
    return _INDEX_LINE.fullmatch(decode(line.rstrip(b"\r\n")))


def _index_time(text: str) -> datetime | None:
    """Parse UTCTime (two digits of the year, up to 2049) or GeneralizedTime (four digits)."""
    digits = text.removesuffix("Z")
    if len(digits) in (10, 12):
        digits = ("19" if digits[:2] >= "50" else "20") + digits
    try:
        return datetime.strptime(digits.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


_REASONS = {reason.value.casefold(): reason for reason in RevocationReason} | {
    # OpenSSL's own words (crl_reason in apps/ca.c); the time or OID that follows is dropped.
    "keytime": RevocationReason.KEY_COMPROMISE,
    "cakeytime": RevocationReason.CA_COMPROMISE,
    "holdinstruction": RevocationReason.CERTIFICATE_HOLD,
}


def _revocation(text: str, now: datetime) -> Revocation | None:
    """Parse `date[,reason[,more]]`; removeFromCRL, which ends a hold, gives None."""
    date, _, rest = text.partition(",")
    word = rest.partition(",")[0].strip().casefold()
    if word == "removefromcrl":
        return None
    reason = _REASONS.get(word, RevocationReason.UNSPECIFIED)
    return Revocation(_index_time(date.strip()) or now, reason)


def _subject_name(subject: str) -> str:
    r"""Return the last common name of `/C=JP/CN=…`, else its mail address, as for a certificate.

    X509_NAME_oneline writes octets that are not printable ASCII as `\xE9`, and newer versions write
    a `/` or `+` inside a name as `\/`.
    """
    found: dict[str, str] = dict(
        re.findall(r"(?<!\\)/(CN|emailAddress)=((?:\\?.)*?)(?=/[A-Za-z0-9.]+=|$)", subject)
    )
    name = found.get("CN") or found.get("emailAddress", "")
    return decode(re.sub(rb"\\(?:x([0-9A-Fa-f]{2})|([/+]))", _unescaped, name.encode()))


def _unescaped(match: re.Match[bytes]) -> bytes:
    octet, sign = match.groups()
    return sign if octet is None else bytes((int(octet, 16),))
