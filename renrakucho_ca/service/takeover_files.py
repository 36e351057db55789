"""What lies in the files of a CA that is taken over. Content decides, not the names of files.

Nothing is held but the piece at hand: a folder may have a million files, a bundle a million
certificates. Files are hostile until proven otherwise: pipes and devices are not opened, links to
folders not followed, lengths bounded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import Revocation, RevocationReason
from renrakucho_ca.pki import takeover
from renrakucho_ca.pki.takeover import Kind

LARGEST_VALUE = 256 * 1024 * 1024
"""Bytes of one value in DER: a CRL with a million entries has 53 MB."""
LONGEST_LINE = 64 * 1024
"""Bytes. PEM has 64 letters a line (RFC 7468 §2); some programs write one line."""
_HEAD = 1024 * 1024
"""Bytes before the first PEM block: `openssl x509 -text` writes a few thousand."""

_CERTIFICATE_SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der", ".p7b", ".p7c", ".p7s", ".crl"})
# Some editors of Windows begin every text with UTF-8's byte order mark.
_BEGIN = re.compile(rb"(?:\xef\xbb\xbf)?-----BEGIN ([A-Z0-9 ]+)-----\s*$")
_TRUSTED = b"TRUSTED CERTIFICATE"
_LABELS = {
    b"CERTIFICATE": Kind.CERTIFICATE,
    b"X509 CERTIFICATE": Kind.CERTIFICATE,
    _TRUSTED: Kind.CERTIFICATE,
    b"X509 CRL": Kind.CRL,
    b"PKCS7": Kind.PKCS7,
    b"CMS": Kind.PKCS7,
}
_INDEX_LINE = re.compile(
    r"([VRE])\t(\d{10,14})Z?\t([^\t]*)\t(-?[0-9A-Fa-f]{1,256})\t[^\t]*\t(.*)", re.ASCII
)
# What OpenSSL's `ca` and Easy-RSA put beside their index: an index stands for these too.
_BESIDE_INDEX = ("newcerts", "certs", "certs_by_serial", "issued", "revoked/certs_by_serial")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was found, as people are told.

    Attributes:
        line: from 1; None where the file has no lines.
    """

    path: Path
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.path}" if self.line is None else f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Piece:
    """A certificate or a CRL in DER, not read yet."""

    place: Place
    kind: Kind
    der: bytes


@dataclass(frozen=True, slots=True)
class IndexLine:
    """A line of OpenSSL's index: a certificate that was issued, and what became of it.

    Attributes:
        subject_name: the common name; None where the subject has none.
    """

    serial: int
    not_after: datetime
    subject_name: str | None
    revocation: Revocation | None


def walk(path: Path) -> Iterator[Path]:
    """Every file under a path; an index stands for the folders that belong to it."""
    folders = []
    if path.is_dir():
        folders.append(path)
    elif path.is_file():
        yield path
        if is_index(path):
            folders += [path.parent / name for name in _BESIDE_INDEX]
    while folders:
        folder = folders.pop()
        if not folder.is_dir():
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif entry.is_file():
                    yield Path(entry.path)


def is_index(path: Path) -> bool:
    """Whether the first line is one of OpenSSL's `index.txt`."""
    with path.open("rb") as file:
        return _index_match(file.readline(LONGEST_LINE)) is not None


def pieces(path: Path) -> Iterator[Piece | tuple[Place, Invalid]]:
    """The certificates and CRLs in a file, in order, and what in it should be one and is not.

    A file that holds neither, a key for one, gives nothing, unless its name claims otherwise.
    """
    with path.open("rb") as file:
        if file.peek(1)[:1] == b"\x30":  # SEQUENCE, or the digit 0 of a text
            data = file.read(LARGEST_VALUE + 1)
            kind = takeover.kind_of(data) if len(data) <= LARGEST_VALUE else None
            if kind is not None:
                yield from _opened(Place(path), kind, data)
                return
            file.seek(0)
        yield from _pem_pieces(path, file)


def _opened(place: Place, kind: Kind, data: bytes) -> Iterator[Piece | tuple[Place, Invalid]]:
    if kind is not Kind.PKCS7:
        yield Piece(place, kind, data)
        return
    try:
        for inner, value in takeover.open_pkcs7(data):
            yield Piece(place, inner, value)
    except Invalid as error:
        yield place, error


def _pem_pieces(path: Path, file: BinaryIO) -> Iterator[Piece | tuple[Place, Invalid]]:
    """Reads line by line; keys and requests are passed over without being decoded."""
    kind, label, begin, size, number = None, b"", 0, 0, 0
    body: list[bytes] = []
    has_block = False
    while line := file.readline(LONGEST_LINE):
        number += 1
        if match := _BEGIN.match(line):
            if kind is not None:
                yield Place(path, begin), Invalid("BEGIN without END")
            has_block, begin, size = True, number, 0
            label = match[1]
            kind = _LABELS.get(label)
            body.clear()
        elif kind is None:
            if not has_block and file.tell() > _HEAD:
                break
        elif line.startswith(b"-----END "):
            try:
                data = takeover.from_pem_lines(body)
                if label == _TRUSTED:
                    data = takeover.without_trust(data)
            except Invalid as error:
                yield Place(path, begin), error
            else:
                yield from _opened(Place(path, begin), kind, data)
            kind = None
            body.clear()
        else:
            size += len(line)
            if size > LARGEST_VALUE:
                yield (
                    Place(path, begin),
                    Invalid("it is longer than {longest} bytes", longest=LARGEST_VALUE),
                )
                kind = None
                body.clear()
            else:
                body.append(line)
    if kind is not None:
        yield Place(path, begin), Invalid("BEGIN without END")
    elif not has_block and path.suffix.lower() in _CERTIFICATE_SUFFIXES:
        yield Place(path), Invalid("there is no certificate that can be read")


def index_lines(path: Path, now: datetime) -> Iterator[tuple[Place, IndexLine | Invalid]]:
    """The lines of an index (OpenSSL's `apps/lib/apps.c` and `crypto/txt_db`), in order.

    Args:
        now: stands for a date of revocation that cannot be read: it stays revoked.
    """
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if not line.strip() or line.startswith(b"#"):
                continue
            match = _index_match(line)
            place = Place(path, number)
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


def _index_match(line: bytes) -> re.Match[str] | None:
    return _INDEX_LINE.fullmatch(takeover.decode(line.rstrip(b"\r\n")))


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


def _subject_name(subject: str) -> str | None:
    r"""The last CN of `/C=JP/CN=…`, as X509_NAME_oneline wrote it: octets that are not printable
    ASCII as `\xE9`, and a `/` or `+` of the name itself, by newer versions, as `\/`."""
    names = re.findall(r"(?<!\\)/CN=((?:\\?.)*?)(?=/[A-Za-z0-9.]+=|$)", subject)
    if not names:
        return None
    return takeover.decode(
        re.sub(rb"\\(?:x([0-9A-Fa-f]{2})|([/+]))", _unescaped, names[-1].encode())
    )


def _unescaped(match: re.Match[bytes]) -> bytes:
    octet, sign = match.groups()
    return sign if octet is None else bytes((int(octet, 16),))
