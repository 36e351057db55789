"""What an index or a CRL of a CA that is taken over says of its certificates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import filterfalse
from pathlib import Path
from typing import NamedTuple

from renrakucho_ca.batched import batched
from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import IMPORTED, UNKNOWN, Authority, Certificate, Revocation, User
from renrakucho_ca.pki import authority_certificate, certificate_scanner
from renrakucho_ca.pki.certificate_scanner import FoundCrl
from renrakucho_ca.pki.encodings import ContentKind
from renrakucho_ca.service.ca_import import discovery, openssl_index
from renrakucho_ca.service.ca_import.discovery import Piece, SourceLocation
from renrakucho_ca.service.ca_import.openssl_index import IndexLine
from renrakucho_ca.service.ca_import.session import BATCH, Run
from renrakucho_ca.service.revocation.revoke import revoke_certificates
from renrakucho_ca.store.tables import certificates, imports
from renrakucho_ca.store.tables.imports import ExistingCertificate


class _Bare(NamedTuple):
    """A certificate that is only known to have been issued.

    Attributes:
        name: of its subject, empty where that has none; None where nothing tells the subject.
    """

    place: SourceLocation
    serial: int
    not_before: datetime
    not_after: datetime
    name: str | None


class Revocations:
    """The revocations' part of a run: after the certificates, so that each finds its own."""

    def __init__(self, run: Run) -> None:
        self._run = run
        # Of each CA, by its place, the age of the newest complete CRL.
        self._newest: dict[int, tuple[datetime, int]] = {}

    def read(self, paths: Sequence[Path]) -> None:
        """Applies the indexes, then the CRLs: of what has no certificate, an index tells more."""
        for index in filter(openssl_index.is_index, paths):
            self._read_index(index)
        others = list(filterfalse(openssl_index.is_index, paths))
        for _, found in self._crls(others):
            if isinstance(found, FoundCrl) and found.is_complete:
                newest = self._newest.get(found.issuer, found.age)
                self._newest[found.issuer] = max(newest, found.age)
        for place, found in self._crls(others):
            if isinstance(found, Invalid):
                self._run.problem(place, found)
            else:
                self._read_crl(place, found)

    def _crls(self, paths: Sequence[Path]) -> Iterator[tuple[SourceLocation, FoundCrl | Invalid]]:
        for path in paths:
            for piece in discovery.pieces(path):
                if isinstance(piece, Piece) and piece.kind is ContentKind.CRL:
                    try:
                        yield (
                            piece.place,
                            certificate_scanner.load_crl(piece.der, self._run.issuers),
                        )
                    except Invalid as error:
                        yield piece.place, error

    def _read_crl(self, place: SourceLocation, found: FoundCrl) -> None:
        authority = self._run.hierarchy.authorities[found.issuer]
        with self._run.db.write():
            imports.raise_crl_number(self._run.db, authority.id, found.number)
        start = authority_certificate.of(authority).not_valid_before_utc
        newest = self._newest.get(found.issuer, found.age)
        for batch in batched(found.revocations(), BATCH):
            with self._run.recording():
                revoked = dict(batch)
                known = [
                    each
                    for each in imports.known(self._run.db, self._run.hierarchy.name, revoked)
                    if each.authority == authority.id
                ]
                missing = revoked.keys() - {each.serial for each in known} - self._run.ca_serials
                bare = [
                    _Bare(place, serial, start, authority.not_after, None)
                    for serial in sorted(missing)
                ]
                known += self._bare(authority, bare, UNKNOWN)
                for each in known:
                    # A hold can be taken back: the newest CRL tells whether it was.
                    if found.age >= newest or not revoked[each.serial].is_hold:
                        self._revoke(each, revoked[each.serial])
        if found.is_complete and found.age == newest:
            self._release(authority, found)

    def _release(self, authority: Authority, newest: FoundCrl) -> None:
        """Takes back the holds from imports before that the newest CRL no longer lists."""
        made_at, _ = newest.age
        held = imports.imported_holds(self._run.db, authority.id, made_at)
        if held:
            for serial in newest.serials():
                held.pop(serial, None)
        for batch in batched(held.values(), BATCH):
            with self._run.recording():
                for number in batch:
                    self._run.summary.released += certificates.release(self._run.db, number)

    def _read_index(self, path: Path) -> None:
        """An index names no CA: whose it is shows in the certificates that are in it."""
        owner = self._owner(path)
        if owner is None:
            return
        start = authority_certificate.of(owner).not_valid_before_utc
        for batch in batched(openssl_index.index_lines(path, self._run.now), BATCH):
            with self._run.recording():
                self._index_batch(owner, start, batch)

    def _index_batch(
        self,
        owner: Authority,
        start: datetime,
        batch: list[tuple[SourceLocation, IndexLine | Invalid]],
    ) -> None:
        lines: dict[int, IndexLine] = {}
        places: dict[int, SourceLocation] = {}
        for place, line in batch:
            if isinstance(line, Invalid):
                self._run.problem(place, line)
            elif line.serial not in self._run.ca_serials:
                # Where two are about one certificate, what was revoked stays so.
                before = lines.get(line.serial)
                if before is None or before.revocation is None:
                    lines[line.serial], places[line.serial] = line, place
        known = [
            each
            for each in imports.known(self._run.db, self._run.hierarchy.name, lines)
            if each.authority == owner.id
        ]
        missing = lines.keys() - {each.serial for each in known}
        bare = [
            # The CA's certificate may have been renewed since.
            _Bare(
                places[serial],
                serial,
                min(start, lines[serial].not_after - timedelta(days=1)),
                lines[serial].not_after,
                lines[serial].subject_name,
            )
            for serial in sorted(missing)
        ]
        known += self._bare(owner, bare, self._run.device)
        for each in known:
            revocation = lines[each.serial].revocation
            if revocation is not None:
                self._revoke(each, revocation)

    def _owner(self, path: Path) -> Authority | None:
        """The CA whose index it is: the one with a certificate of that serial number and end."""
        is_about_cas_alone = True
        for batch in batched(openssl_index.index_lines(path, self._run.now), BATCH):
            lines = {line.serial: line for _, line in batch if isinstance(line, IndexLine)}
            is_about_cas_alone &= lines.keys() <= self._run.ca_serials
            for each in imports.known(self._run.db, self._run.hierarchy.name, lines):
                if each.not_after == lines[each.serial].not_after:
                    return next(
                        a for a in self._run.hierarchy.authorities if a.id == each.authority
                    )
        if not is_about_cas_alone:
            self._run.problem(
                SourceLocation(path),
                Invalid(
                    "none of its lines is about a certificate of {name}: it is passed over",
                    hint="give the folder with its certificates too",
                    name=self._run.hierarchy.name,
                ),
            )
        return None

    def _bare(
        self, authority: Authority, missing: Sequence[_Bare], device: str
    ) -> list[ExistingCertificate]:
        """Records of certificates that we only know to have been issued: nothing that is revoked,
        or is to be at the cut-off, may be missing on our CRL."""
        numbers = self._run.numbers([(each.place, None) for each in missing])
        added = [
            Certificate(
                number=number,
                serial=each.serial,
                hierarchy=self._run.hierarchy.name,
                user=User(UNKNOWN)
                if each.name is None
                else self._run.user_of(each.place, each.name, each.serial),
                device=device,
                note=None,
                issued_at=each.not_before,
                not_before=each.not_before,
                not_after=each.not_after,
                downloaded_at=each.not_before,
                revocation=None,
                supersedes=None,
                superseded_by=None,
                profile=IMPORTED,
                key_algorithm=None,
                fingerprint_sha256=None,
            )
            for number, each in zip(numbers, missing, strict=True)
        ]
        self._run.add_bare(authority, added)
        return [
            ExistingCertificate(
                each.number, authority.id, each.serial, each.user.id, each.not_after, None, None
            )
            for each in added
        ]

    def _revoke(self, known: ExistingCertificate, revocation: Revocation) -> None:
        if known.reason is revocation.reason:
            return
        changed = revoke_certificates(self._run.db, [known.number], revocation)
        self._run.summary.revoked += len(changed)
