"""The revocations of an imported CA, from its OpenSSL indexes and CRLs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from renrakucho_ca.batched import batched
from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import UNKNOWN, Authority, Revocation, User
from renrakucho_ca.pki import authority_certificate, certificate_scanner
from renrakucho_ca.pki.certificate_scanner import FoundCrl
from renrakucho_ca.pki.encodings import ContentKind
from renrakucho_ca.service.ca_import import discovery, openssl_index
from renrakucho_ca.service.ca_import.discovery import Piece, SourceLocation
from renrakucho_ca.service.ca_import.openssl_index import IndexLine
from renrakucho_ca.service.ca_import.session import BATCH, ImportSession
from renrakucho_ca.service.revocation.revoke import revoke_certificates
from renrakucho_ca.store.tables import certificates, imports
from renrakucho_ca.store.tables.imports import ExistingCertificate


class _Missing(NamedTuple):
    """A certificate that an index or a CRL names and that no file contains."""

    place: SourceLocation
    serial: int
    not_before: datetime
    not_after: datetime
    user: User


class RevocationImport:
    """Records the revocations of one import, once all its certificates are recorded."""

    def __init__(self, session: ImportSession) -> None:
        self._session = session
        # The age of the newest complete CRL, by the position of its CA.
        self._newest: dict[int, tuple[datetime, int]] = {}

    def read(self, paths: Sequence[Path]) -> None:
        """Apply the indexes first: they describe a missing certificate better than a CRL."""
        crls: list[Path] = []
        for path in paths:
            if openssl_index.is_index(path):
                self._read_index(path)
            else:
                crls.append(path)
        for _, found in self._crls(crls):
            if isinstance(found, FoundCrl) and found.is_complete:
                newest = self._newest.get(found.issuer, found.age)
                self._newest[found.issuer] = max(newest, found.age)
        for place, found in self._crls(crls):
            if isinstance(found, Invalid):
                self._session.problem(place, found)
            else:
                self._read_crl(place, found)

    def _crls(self, paths: Sequence[Path]) -> Iterator[tuple[SourceLocation, FoundCrl | Invalid]]:
        for path in paths:
            for piece in discovery.pieces(path):
                if not isinstance(piece, Piece) or piece.kind is not ContentKind.CRL:
                    continue
                try:
                    yield (
                        piece.place,
                        certificate_scanner.load_crl(piece.der, self._session.issuers),
                    )
                except Invalid as error:
                    yield piece.place, error

    def _read_crl(self, place: SourceLocation, found: FoundCrl) -> None:
        authority = self._session.hierarchy.authorities[found.issuer]
        with self._session.db.write():
            imports.raise_crl_number(self._session.db, authority.id, found.number)
        newest = self._newest.get(found.issuer, found.age)
        for batch in batched(found.revocations(), BATCH):
            with self._session.recording():
                self._crl_batch(place, authority, dict(batch), is_newest=found.age >= newest)
        if found.is_complete and found.age == newest:
            self._release(authority, found)

    def _crl_batch(
        self,
        place: SourceLocation,
        authority: Authority,
        revoked: dict[int, Revocation],
        *,
        is_newest: bool,
    ) -> None:
        start = authority_certificate.of(authority).not_valid_before_utc
        existing = self._session.existing(authority, revoked)
        missing = revoked.keys() - {each.serial for each in existing} - self._session.ca_serials
        existing += self._add_missing(
            authority,
            [
                _Missing(place, serial, start, authority.not_after, User(UNKNOWN))
                for serial in sorted(missing)
            ],
            UNKNOWN,
        )
        for each in existing:
            # A later CRL may no longer list a hold.
            if is_newest or not revoked[each.serial].is_hold:
                self._revoke(each, revoked[each.serial])

    def _release(self, authority: Authority, newest: FoundCrl) -> None:
        """Release the holds of earlier imports that the newest CRL no longer lists."""
        signed_at, _ = newest.age
        held = imports.imported_holds(self._session.db, authority.id, signed_at)
        if held:
            for serial in newest.serials():
                held.pop(serial, None)
        for batch in batched(held.values(), BATCH):
            with self._session.recording():
                for number in batch:
                    self._session.summary.released += certificates.release(self._session.db, number)

    def _read_index(self, path: Path) -> None:
        owner = self._index_owner(path)
        if owner is None:
            return
        for batch in batched(openssl_index.index_lines(path, self._session.now), BATCH):
            with self._session.recording():
                self._index_batch(owner, self._index_lines(batch))

    def _index_owner(self, path: Path) -> Authority | None:
        """Find the CA of an index, which names none, by a certificate with serial and end."""
        hierarchy = self._session.hierarchy
        has_other_serials = False
        for batch in batched(openssl_index.index_lines(path, self._session.now), BATCH):
            lines = {line.serial: line for _, line in batch if isinstance(line, IndexLine)}
            has_other_serials |= not lines.keys() <= self._session.ca_serials
            for each in imports.known(self._session.db, hierarchy.name, lines):
                if each.not_after == lines[each.serial].not_after:
                    return next(a for a in hierarchy.authorities if a.id == each.authority)
        if has_other_serials:
            problem = Invalid(
                "no line describes a certificate of {name}; the index is skipped",
                hint="pass the folder with its certificates too",
                name=hierarchy.name,
            )
            self._session.problem(SourceLocation(path), problem)
        return None

    def _index_lines(
        self, batch: list[tuple[SourceLocation, IndexLine | Invalid]]
    ) -> dict[int, tuple[SourceLocation, IndexLine]]:
        """Return the lines about users' certificates by serial number; report the unreadable."""
        lines: dict[int, tuple[SourceLocation, IndexLine]] = {}
        for place, line in batch:
            if isinstance(line, Invalid):
                self._session.problem(place, line)
            elif line.serial not in self._session.ca_serials:
                # Of two lines about one certificate, the one with a revocation counts.
                before = lines.get(line.serial)
                if before is None or before[1].revocation is None:
                    lines[line.serial] = place, line
        return lines

    def _index_batch(
        self, owner: Authority, lines: dict[int, tuple[SourceLocation, IndexLine]]
    ) -> None:
        start = authority_certificate.of(owner).not_valid_before_utc
        existing = self._session.existing(owner, lines)
        missing = []
        for serial in sorted(lines.keys() - {each.serial for each in existing}):
            place, line = lines[serial]
            # The certificate of a renewed CA may begin after the line's certificate ends.
            begin = min(start, line.not_after - timedelta(days=1))
            user = self._session.user_of(place, line.subject_name, serial)
            missing.append(_Missing(place, serial, begin, line.not_after, user))
        existing += self._add_missing(owner, missing, self._session.device)
        for each in existing:
            _, line = lines[each.serial]
            if line.revocation is not None:
                self._revoke(each, line.revocation)

    def _add_missing(
        self, authority: Authority, missing: Sequence[_Missing], device: str
    ) -> list[ExistingCertificate]:
        """Record certificates that no file contains: our CRL must list them when revoked."""
        session = self._session
        numbers = session.numbers([(each.place, None) for each in missing])
        added = [
            session.imported(
                number, each.serial, each.user, device, each.not_before, each.not_after
            )
            for number, each in zip(numbers, missing, strict=True)
        ]
        session.add_without_certificate(authority, added)
        return [
            ExistingCertificate(
                each.number, authority.id, each.serial, each.user.id, each.not_after, None, None
            )
            for each in added
        ]

    def _revoke(self, known: ExistingCertificate, revocation: Revocation) -> None:
        if known.reason is revocation.reason:
            return
        changed = revoke_certificates(self._session.db, [known.number], revocation)
        self._session.summary.revoked += len(changed)
