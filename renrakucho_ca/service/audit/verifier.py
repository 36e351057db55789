"""Verify the audit log: its chain, the journal, and the checkpoints that the CAs signed.

Each row must follow from its predecessor, equal its line in the journal octet for octet, and have
the hash that every checkpoint signed for it. So an attacker must change the journal as well as the
table; to change rows before a checkpoint, he needs the CA's key or every copy of the checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from renrakucho_ca.errors import Attention, Invalid, NotFound, RcaError, Unavailable
from renrakucho_ca.model import Act
from renrakucho_ca.pki import authority_certificate, checkpoint, x509, x509_certificates
from renrakucho_ca.pki.checkpoint import Checkpoint
from renrakucho_ca.service.audit import checkpoints
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.tables import audit_log, hierarchies
from renrakucho_ca.store.tables.audit_log import AuditRecord

_LONGEST_FILE = 64 * 1024

GRACE = timedelta(minutes=5)
"""Age at which a checkpoint must have its file: a running publication writes long CRLs first."""


@dataclass(slots=True)
class Verdict:
    """The result of a verification.

    Attributes:
        rows, journal: the numbers of verified rows, and of those in the journal.
        checkpoints: the number of valid signatures, in the log and in files.
        problems: for the rows, only the first problem.
    """

    rows: int = 0
    journal: int = 0
    checkpoints: int = 0
    problems: list[RcaError] = field(default_factory=list)


class _Broken(Exception):
    """Carries the problem of the first bad row."""

    def __init__(self, problem: RcaError) -> None:
        self.problem = problem


def verify(home: Home, kept: Path | None = None) -> Verdict:
    """Verify the whole log, in constant memory.

    Args:
        kept: a checkpoint kept elsewhere; raises NotFound if it is missing.
    """
    run = _Verification(home)
    run.read_copies(kept)
    try:
        run.walk()
        run.finish()
    except _Broken as broken:
        run.verdict.problems.append(broken.problem)
    return run.verdict


class _Verification:
    """One verification: the hashes that checkpoints require, and the progress of the walk."""

    def __init__(self, home: Home) -> None:
        self.verdict = Verdict()
        self._home = home
        self._authorities = _authorities(home, self.verdict)
        self._pins: dict[int, dict[bytes, str]] = {}
        """The hashes in checkpoint files by row, each with its file."""
        self._copies: dict[str, str] = {}
        """The texts of those checkpoints with their files, without those in the log."""
        self._in_files: dict[Path, Checkpoint] = {}
        self._in_log: dict[str, Checkpoint] = {}
        """The newest checkpoint in the log with a due file, by CA."""

    # -- checkpoints

    def read_copies(self, kept: Path | None) -> None:
        """Read the checkpoints in files, which may cover rows that are missing."""
        for path in checkpoints.copies(self._home):
            self._read_copy(path)
        if kept is not None:
            if not kept.exists():
                raise NotFound("{file}: no such file or folder", file=kept)
            self._read_copy(kept)

    def _read_copy(self, path: Path) -> None:
        if path.exists() and not path.is_file():  # the end of a pipe may never come
            self.verdict.problems.append(Attention("{file} is not a file", file=path))
            return
        try:
            with path.open("rb") as file:
                found = self._verified(file.read(_LONGEST_FILE))
        except RcaError as error:
            self.verdict.problems.append(Attention("{file}: {problem}", file=path, problem=error))
        except OSError as error:
            self.verdict.problems.append(
                Unavailable("cannot read {file}: {reason}", file=path, reason=error.strerror)
            )
        else:
            self._pins.setdefault(found.rows, {}).setdefault(found.hash, str(path))
            self._copies.setdefault(found.text, str(path))
            self._in_files[path] = found

    def _verified(self, document: bytes | str) -> Checkpoint:
        """Return a checkpoint with a valid signature.

        Raises:
            Invalid: not a checkpoint. Attention: the signer is not a CA of this home.
        """
        text, signature = checkpoint.from_json(document)
        found = Checkpoint.parse(text)
        authority = self._authorities.get(found.authority)
        if authority is None:
            raise Attention("no CA of this home signed it")
        if not checkpoint.verifies(text, signature, authority):
            raise Attention("its signature does not verify")
        self.verdict.checkpoints += 1
        return found

    # -- rows

    def walk(self) -> None:
        """Go through the log and the journal in step, row by row."""
        previous, expected = audit_log.START, 0
        journal = _lines(self._home, self.verdict)
        for record in _readable(self._home, self.verdict):
            expected += 1
            if record.id != expected:
                raise _broken_at(expected, record)
            line = record.line.encode()
            previous = audit_log.chained(previous, line)
            if record.hash != previous:
                raise _broken(record.id, Attention("its hash does not match its content"))
            copy = next(journal, None)
            if copy is not None:
                if copy != audit_log.with_hash(line, record.hash):
                    raise _broken(record.id, Attention("it differs from the journal"))
                self.verdict.journal += 1
            for hash, place in self._pins.pop(record.id, {}).items():
                if hash != record.hash:
                    raise _broken(
                        record.id,
                        Attention("it differs from the row signed in {place}", place=place),
                    )
            if record.act == Act.CHECKPOINT_SIGNED:
                self._verify_recorded(record)
            self.verdict.rows += 1
        if next(journal, None) is not None:
            raise _broken(expected + 1, Attention("it is missing, but the journal has it"))

    def _verify_recorded(self, record: AuditRecord) -> None:
        """Verify a row that is a checkpoint of earlier rows, which the walk has verified."""
        try:
            found = self._verified(record.detail)
        except RcaError as error:
            raise _broken(record.id, error) from error
        if audit_log.hash_of(self._home.db, found.rows) != found.hash:
            place = f"row {record.id}"
            raise _broken(
                found.rows, Attention("it differs from the row signed in {place}", place=place)
            )
        self._copies.pop(found.text, None)
        if found.time < self._home.clock() - GRACE:
            self._in_log[found.authority] = found

    def finish(self) -> None:
        """Check the end of the log, after a walk without a bad row."""
        rows = self.verdict.rows
        if self._pins:
            (place, *_) = self._pins[min(self._pins)].values()
            missing = Attention("it is missing, but {place} was signed with it", place=place)
            raise _broken(rows + 1, missing)
        for place in self._copies.values():
            self.verdict.problems.append(
                Attention("{place}: the log has no such checkpoint", place=place)
            )
        self._check_files()
        if self.verdict.journal < rows:
            self.verdict.problems.append(
                Attention(
                    "the journal ends at row {row} of {rows}",
                    hint="a process died or the journal was truncated; the next recorded act "
                    "completes it",
                    row=self.verdict.journal,
                    rows=rows,
                )
            )

    def _check_files(self) -> None:
        """Report a newest checkpoint without its file.

        An attacker who truncates the log removes that file, or replaces it with an older one.
        """
        for hierarchy in hierarchies.all_of(self._home.db):
            newest = self._in_log.get(hierarchy.issuing.fingerprint_sha256)
            if newest is None:
                continue
            for path in checkpoints.expected(self._home, hierarchy.name):
                found = self._in_files.get(path)
                if not path.exists() and not path.is_symlink():
                    self.verdict.problems.append(
                        Attention(
                            "{file} is missing, and the log has a checkpoint for it",
                            hint="run `rca publish`, then find out who removed it",
                            file=path,
                        )
                    )
                elif found is not None and (
                    found.rows < newest.rows or found.authority != newest.authority
                ):
                    self.verdict.problems.append(
                        Attention(
                            "{file} is not the newest checkpoint that the log has",
                            hint="run `rca publish`, then find out who put it there",
                            file=path,
                        )
                    )


def _authorities(home: Home, verdict: Verdict) -> dict[str, x509.Certificate]:
    """Return the CAs' certificates by fingerprint, computed from the stored DER."""
    found = {}
    for hierarchy in hierarchies.all_of(home.db):
        for authority in hierarchy.authorities:
            try:
                certificate = authority_certificate.of(authority)
            except Invalid as error:
                verdict.problems.append(error)
            else:
                found[x509_certificates.fingerprint_sha256(certificate)] = certificate
    return found


def _lines(home: Home, verdict: Verdict) -> Iterator[bytes]:
    """Yield the journal's lines, up to one that is too long or cannot be read."""
    try:
        yield from home.journal.lines()
    except Invalid as error:
        raise _broken(verdict.journal + 1, error) from error
    except OSError as error:
        problem = Unavailable(
            "the journal {path} cannot be used: {reason}",
            path=home.journal.path,
            reason=error.strerror,
        )
        raise _broken(verdict.journal + 1, problem) from error


def _readable(home: Home, verdict: Verdict) -> Iterator[AuditRecord]:
    """Yield the rows; of a page that cannot be read, those before the damage."""
    try:
        yield from audit_log.rows(home.db)
    except Unavailable:
        try:
            yield from audit_log.rows(home.db, verdict.rows + 1, page=1)
        except Unavailable as error:
            raise _broken(verdict.rows + 1, error) from error


def _broken_at(expected: int, found: AuditRecord) -> _Broken:
    if found.id > expected:
        return _broken(expected, Attention("it is missing"))
    return _broken(found.id, Attention("it has an impossible row number"))


def _broken(row: int, problem: RcaError) -> _Broken:
    return _Broken(
        Attention(
            "row {row}: {problem}",
            hint="run `rca restore` if the database is older than its journal; any other change "
            "means tampering",
            row=row,
            problem=problem,
        )
    )
