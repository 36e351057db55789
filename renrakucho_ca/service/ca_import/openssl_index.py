"""OpenSSL's index of what a CA has issued, which Easy-RSA keeps too."""

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
"""Bytes; most of them of the name."""

_INDEX_LINE = re.compile(
    r"([VRE])\t(\d{10,14})Z?\t([^\t]*)\t(-?[0-9A-Fa-f]{1,256})\t[^\t]*\t(.*)", re.ASCII
)
_FOLDERS = (
    *("newcerts", "certs", "certs_by_serial", "issued", "expired"),
    *("revoked/certs_by_serial", "renewed/issued", "renewed/certs_by_serial"),
)
"""What OpenSSL's `ca` and Easy-RSA put beside their index: an index stands for these too."""
_SERIAL_FILE = re.compile(r"[0-9A-Fa-f]+\.pem")
_HEAD = 64 * 1024
_LINES_INSPECTED = 20
"""Lines from the first on, one of which shows that it is an index: single ones may be damaged."""


@dataclass(frozen=True, slots=True)
class IndexLine:
    """A line of OpenSSL's index: a certificate that was issued, and what became of it.

    Attributes:
        subject_name: whom the subject names; empty where it names nobody.
    """

    serial: int
    not_after: datetime
    subject_name: str
    revocation: Revocation | None


def is_index(path: Path) -> bool:
    """Whether it is an `index.txt`; the state before, which OpenSSL keeps as `.old`, is none."""
    if path.suffix == ".old" and path.with_suffix("").exists():
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD).removeprefix(codecs.BOM_UTF8)
    return any(map(_match, head.split(b"\n", _LINES_INSPECTED)[:_LINES_INSPECTED]))


def adjacent_files(index: Path) -> Iterator[Path]:
    """The folders that belong to an index, and the files in its own that Easy-RSA 2 put there."""
    yield from filter(Path.is_dir, (index.parent / name for name in _FOLDERS))
    with os.scandir(index.parent) as entries:
        for entry in entries:
            if _SERIAL_FILE.fullmatch(entry.name) and entry.is_file():
                yield Path(entry.path)


def index_lines(path: Path, now: datetime) -> Iterator[tuple[SourceLocation, IndexLine | Invalid]]:
    """The lines of an index (OpenSSL's `apps/lib/apps.c` and `crypto/txt_db`), in order.

    Args:
        now: stands for a date of revocation that cannot be read: it stays revoked.
    """
    with path.open("rb") as file:
        for number, line in _lines(file):
            match = _match(line)
            place = SourceLocation(path, number)
            if match is None:
                yield place, Invalid("this is not a line of an index")
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
    """The lines that are neither blank nor a remark; a longer one is no line of an index."""
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
    if line[1:2] != b"\t":  # most files are none
        return None
    return _INDEX_LINE.fullmatch(decode(line.rstrip(b"\r\n")))


def _index_time(text: str) -> datetime | None:
    """UTCTime with two digits of the year, up to 2049, or GeneralizedTime with four."""
    digits = text.removesuffix("Z")
    if len(digits) in (10, 12):
        digits = ("19" if digits[:2] >= "50" else "20") + digits
    try:
        return datetime.strptime(digits.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


_REASONS = {reason.value.casefold(): reason for reason in RevocationReason} | {
    # OpenSSL's own words (crl_reason in apps/ca.c); the time or OID that follows has no place here.
    "keytime": RevocationReason.KEY_COMPROMISE,
    "cakeytime": RevocationReason.CA_COMPROMISE,
    "holdinstruction": RevocationReason.CERTIFICATE_HOLD,
}


def _revocation(text: str, now: datetime) -> Revocation | None:
    """`date[,reason[,more]]`; None for removeFromCRL, which takes a hold back."""
    date, _, rest = text.partition(",")
    word = rest.partition(",")[0].strip().casefold()
    if word == "removefromcrl":
        return None
    reason = _REASONS.get(word, RevocationReason.UNSPECIFIED)
    return Revocation(_index_time(date.strip()) or now, reason)


def _subject_name(subject: str) -> str:
    r"""Whom `/C=JP/CN=…` names, as in a certificate: its last common name, else its mail address.

    X509_NAME_oneline wrote octets that are not printable ASCII as `\xE9`, and a `/` or `+` of the
    name itself, by newer versions, as `\/`.
    """
    found: dict[str, str] = dict(
        re.findall(r"(?<!\\)/(CN|emailAddress)=((?:\\?.)*?)(?=/[A-Za-z0-9.]+=|$)", subject)
    )
    name = found.get("CN") or found.get("emailAddress", "")
    return decode(re.sub(rb"\\(?:x([0-9A-Fa-f]{2})|([/+]))", _unescaped, name.encode()))


def _unescaped(match: re.Match[bytes]) -> bytes:
    octet, sign = match.groups()
    return sign if octet is None else bytes((int(octet, 16),))
