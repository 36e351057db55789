"""The files of one import: the certificates in them, and the files with revocations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from renrakucho_ca.errors import Invalid
from renrakucho_ca.pki.encodings import ContentKind
from renrakucho_ca.service.ca_import import discovery, openssl_index
from renrakucho_ca.service.ca_import.discovery import Piece, SourceLocation
from renrakucho_ca.service.ca_import.session import ImportSession


class SourceFiles:
    """Reads the files under some paths once.

    Attributes:
        revocation_files: the files with an index or a CRL in order, as keys; complete once
            `certificates` is exhausted.
    """

    def __init__(self, session: ImportSession) -> None:
        self._session = session
        self.revocation_files: dict[Path, None] = {}
        # Files with content or with a problem.
        self._useful = 0

    def certificates(self, paths: Iterable[Path]) -> Iterator[Piece]:
        """Yield the certificates, and report each path that has nothing."""
        for path in paths:
            before = self._useful
            for file in self._under(path):
                try:
                    yield from self._in_file(file)
                except OSError as error:
                    self._problem(SourceLocation(file), Invalid("{reason}", reason=error.strerror))
            if self._useful == before:
                self._problem(
                    SourceLocation(path), Invalid("no certificate, CRL or index was found")
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

    def _in_file(self, file: Path) -> Iterator[Piece]:
        if openssl_index.is_index(file):
            self._useful += 1
            self.revocation_files[file] = None
            return
        kind = discovery.container(file)
        if kind is not None:
            # A database's pages may contain PEM, but its revocations are in other tables.
            self._session.pass_over(file, kind)
            return
        is_empty = True
        for piece in discovery.pieces(file):
            is_empty = False
            if not isinstance(piece, Piece):
                self._problem(*piece)
            elif piece.kind is ContentKind.CERTIFICATE:
                yield piece
            else:
                self.revocation_files[file] = None
        if is_empty:
            self._session.pass_over(file, None)
        else:
            self._useful += 1

    def _problem(self, place: SourceLocation, problem: Invalid) -> None:
        self._useful += 1
        self._session.problem(place, problem)
