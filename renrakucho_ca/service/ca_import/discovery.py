"""Find certificates and CRLs in the files of a CA, by content rather than by file name.

Only one piece is in memory at a time: a folder or PEM bundle may have a million. Files may be
hostile: pipes and devices are not opened, links to folders not followed, lengths bounded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from renrakucho_ca.errors import Invalid
from renrakucho_ca.pki import certificate_files, encodings
from renrakucho_ca.pki.encodings import ContentKind

_HEAD = 64 * 1024
_CONTAINERS = {
    b"SQLite format 3\0": "SQLite (XCA, NSS, cfssl, gnoMint)",
    b"\xfe\xed\xfe\xed": "Java keystore (JKS)",
    b"\xce\xce\xce\xce": "Java keystore (JCEKS)",
    b"\0\x06\x15\x61": "Berkeley DB (NSS)",
}
_CERTIFICATE_SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der", ".p7b", ".p7c", ".p7s", ".crl"})


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """The file and line (from 1; None for a binary file) of a certificate, CRL or record."""

    path: Path
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.path}" if self.line is None else f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Piece:
    """A certificate or a CRL in DER, not parsed yet."""

    place: SourceLocation
    kind: ContentKind
    der: bytes


def walk(path: Path) -> Iterator[Path | tuple[SourceLocation, Invalid]]:
    """Yield every file under a path, and an error for each unreadable folder or link."""
    if path.is_file():
        yield path
    folders = [path] if path.is_dir() else []
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    else:
                        yield from _file(entry)
        except OSError as error:
            yield SourceLocation(folder), Invalid("{reason}", reason=error.strerror)


def _file(entry: os.DirEntry[str]) -> Iterator[Path | tuple[SourceLocation, Invalid]]:
    """Yield the entry if it is a file. A circular link is an error of that entry only."""
    path = Path(entry.path)
    try:
        if entry.is_file():
            yield path
    except OSError as error:
        yield SourceLocation(path), Invalid("{reason}", reason=error.strerror)


def pieces(path: Path) -> Iterator[Piece | tuple[SourceLocation, Invalid]]:
    """Yield the certificates and CRLs of a file in order, and an error for each damaged one.

    A file with neither, such as a key, yields nothing, unless its suffix is a certificate's.
    """
    is_empty = True
    with path.open("rb") as file:
        for line, found in certificate_files.read(file):
            is_empty = False
            place = SourceLocation(path, line)
            yield (place, found) if isinstance(found, Invalid) else Piece(place, *found)
        if is_empty and path.suffix.lower() in _CERTIFICATE_SUFFIXES:
            file.seek(0)
            if b"-----BEGIN " not in certificate_files.as_utf_8(file.read(_HEAD)):
                yield SourceLocation(path), Invalid("no readable certificate was found")


def container(path: Path) -> str | None:
    """Return the name of a format that may contain certificates but is not opened, else None."""
    with path.open("rb") as file:
        head = file.read(16)
    if encodings.is_pkcs12(head):
        return "PKCS#12"
    return next((name for start, name in _CONTAINERS.items() if head.startswith(start)), None)
