"""What happened after a backup, learned again: else numbers would be reused, revocations forgotten.

A store that was restored knows nothing of what came after its backup. The journal beside the lost
database tells all of it; the published CRLs tell which certificates were revoked, also such as the
store has never heard of. The same goes for an older database that was copied back by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from renrakucho_ca.errors import Attention, Invalid, RcaError
from renrakucho_ca.model import Act, Authority, RetrievalNumber, Revocation
from renrakucho_ca.pki import certificate_scanner
from renrakucho_ca.pki.certificate_scanner import FoundCrl
from renrakucho_ca.pki.encodings import ContentKind
from renrakucho_ca.service.audit import checkpoints, recorder
from renrakucho_ca.service.ca import crls
from renrakucho_ca.service.ca_import import discovery
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance.planner import draw_number
from renrakucho_ca.service.recovery import journal_sources, newer_records
from renrakucho_ca.service.recovery.journal_sources import Told
from renrakucho_ca.service.recovery.newer_records import Witness
from renrakucho_ca.service.recovery.replay import Learned
from renrakucho_ca.service.revocation.revoke import revoke_ca, revoke_certificates
from renrakucho_ca.store import files
from renrakucho_ca.store.files.journal import Journal, JournalState
from renrakucho_ca.store.tables import (
    audit_log,
    ca_certificates,
    hierarchies,
    imports,
    pending_issuance,
    recovery,
)
from renrakucho_ca.store.tables.audit_log import AuditEntry


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What was learned, what journals had to say, what is wrong with other files, and whether all
    that is enough."""

    learned: Learned
    told: Told
    problems: list[tuple[Path, RcaError]]
    is_behind: bool


@dataclass(frozen=True, slots=True)
class _Marker:
    """What a store that was restored must remember until it has caught up (`Home.behind`).

    Attributes:
        head: the last row of the audit log that the backup knew; 0 where an older database was
            copied back, until its journal has told what it can.
        has_journal: whether a journal had survived in the home, and does not end before that row.
        has_crls: whether published CRLs had, or were given since.
        has_looked: whether a run has learned what these list.
        least: the row that a journal has to reach: a checkpoint was signed with it, whose file the
            next publication replaces.
    """

    head: int
    has_journal: bool
    has_crls: bool
    has_looked: bool = False
    least: int = 0

    @classmethod
    def read(cls, home: Home) -> _Marker | None:
        """None where the store was not restored, or has caught up. A damaged one knows nothing."""
        try:
            found = json.loads(files.read(home.behind))
            has = {key: bool(found[key]) for key in ("has_journal", "has_crls", "has_looked")}
            return cls(int(found["head"]), **has, least=int(found["least"]))
        except FileNotFoundError:
            return None
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
            return cls(audit_log.head(home.db)[0], has_journal=False, has_crls=False)

    def write(self, path: Path) -> None:
        files.write(path, json.dumps(asdict(self)).encode())


def begin(home: Home, staged: Home) -> None:
    """Writes what makes a store know that it was restored.

    Args:
        home: into which a backup is about to be put.
        staged: the backup, unpacked.
    """
    head, _ = audit_log.head(staged.db)
    # Asked now: whatever is done next adds the backup's own rows to a journal that ends before.
    standing = home.journal.state(staged.db)
    has_journal = home.journal.path.exists() and standing is not JournalState.BEHIND
    _Marker(head, has_journal, bool(_published(home))).write(staged.behind)


def catch_up(
    home: Home,
    copies: Sequence[Path] = (),
    crl_files: Sequence[Path] = (),
    *,
    without_journal: bool = False,
) -> CaughtUp:
    """Learns all that the home's own files and those that are given can tell. Can be repeated.

    Args:
        copies: of the journal of the home that was lost.
        crl_files: CRLs from elsewhere, in DER or PEM.
        without_journal: there is none, and the store is to be used without.

    Raises:
        Invalid: a file that was given is of another store, is damaged, or ends before the backup.
    """
    learned = Learned()
    with home.lock("issuing").exclusive():
        marker = _marker(home)
        own = home.journal if marker is None or marker.has_journal else None
        head = 0 if marker is None else marker.head
        given = [Journal(path) for path in copies]
        told = journal_sources.learn(home, own, given, head, learned, anyhow=without_journal)
        newest, _ = audit_log.head(home.db)
        spoilt = {each.file for each in told.damaged}
        whole = [each for each in (home.journal, *given) if each.path not in spoilt]
        missed = newer_records.unheard(home, whole)
        least = max([marker.least if marker else 0, *(each.checkpoint.rows for each in missed)])
        problems = _lacking(home, whole, told, missed, least)
        is_known = without_journal or (told.is_enough and not problems)
        if marker is None and not is_known:
            marker = _Marker(0, has_journal=False, has_crls=bool(_published(home)))
        if marker is not None and not is_known:
            # Asked once: what is done next adds to a journal that ends before what the backup knew.
            marker = replace(marker, head=marker.head or newest, has_journal=False, least=least)
            marker.write(home.behind)
        if told.is_to_be_set_aside:
            told.set_aside = home.journal.set_aside(f"journal.{home.clock():%Y%m%dT%H%M%SZ}")
        for path, problem in _from_crls(home, crl_files, learned):
            raise Invalid("{file}: {problem}", file=path, problem=problem)
        problems += _from_crls(home, _published(home), learned)
        _record(home, learned, told, missed if without_journal else ())
        for hierarchy in hierarchies.all_of(home.db):
            with suppress(OSError):  # all is learned; the next publication tries again, and tells
                checkpoints.write_missing(home, hierarchy)
        if marker is not None and is_known:
            home.behind.unlink()
            files.sync_folder(home.store)
        elif marker is not None:
            has_crls = marker.has_crls or bool(crl_files)
            replace(marker, has_crls=has_crls, has_looked=True).write(home.behind)
    return CaughtUp(learned, told, problems, marker is not None and not is_known)


def _marker(home: Home) -> _Marker | None:
    """A store that an older database was copied back to is marked too: killed on the way, it would
    pass for one that has learned all."""
    marker = _Marker.read(home)
    if marker is None and recorder.has_forgotten(home):
        marker = _Marker(0, has_journal=True, has_crls=bool(_published(home)))
        marker.write(home.behind)
    return marker


def _lacking(
    home: Home, whole: Sequence[Journal], told: Told, missed: Sequence[Witness], least: int
) -> list[tuple[Path, RcaError]]:
    """What says that there was more than journals tell, and where it says so."""
    found: list[tuple[Path, RcaError]] = [(each.file, each.problem) for each in missed]
    if told.is_enough:
        found += newer_records.newer_crls(home)
    if told.is_enough and not missed and told.last < least:
        problem = Attention(
            "it ends before row {row}, with which a checkpoint was signed", row=least
        )
        found.append((whole[-1].path, problem))
    return found


def _record(home: Home, learned: Learned, told: Told, forgotten: Iterable[Witness]) -> None:
    """The audit log tells that the store was behind, what it learned, where a journal is that it
    cannot go on from, and what it went on without."""
    found = {key: value for key, value in asdict(learned).items() if value}
    if hashes := sorted({each.checkpoint.hash.hex() for each in forgotten}):
        found["forgotten"] = hashes
    if told.set_aside is not None:
        found["set_aside"] = told.set_aside.name
    if found:
        with home.db.write():
            recorder.record(home, home.clock(), AuditEntry(Act.RESTORED, "store", found))
    home.append_to_journal()


def _published(home: Home) -> list[Path]:
    """The CRLs that a home has: in the store, and as servers have them."""
    found = [*(home.store / "crl").glob("*.crl"), *home.public.glob("*.crl")]
    return sorted(path for path in found if path.is_file())


def _from_crls(home: Home, paths: Iterable[Path], learned: Learned) -> list[tuple[Path, RcaError]]:
    """Revokes whatever the CRLs list; their entries stand on every later CRL.

    Returns:
        Which files told nothing, and why.
    """
    problems: list[tuple[Path, RcaError]] = []
    authorities = [each for one in hierarchies.all_of(home.db) for each in one.authorities]
    for path in paths:
        try:
            for der in _lists(path):
                found = certificate_scanner.load_crl(
                    der, [each.certificate for each in authorities]
                )
                _learn(home, authorities[found.issuer], found, learned)
                _keep_newest(home, authorities[found.issuer], found, der)
        except Invalid as error:
            problems.append((path, error))
    return problems


def _lists(path: Path) -> Iterator[bytes]:
    """The CRLs in a file, in DER."""
    count = 0
    for piece in discovery.pieces(path):
        if isinstance(piece, tuple):
            raise piece[1]
        if piece.kind is ContentKind.CRL:
            count += 1
            yield piece.der
    if not count:
        raise Invalid("not a readable CRL")


def _learn(home: Home, authority: Authority, found: FoundCrl, learned: Learned) -> None:
    with home.db.write():
        # A hold on a CRL that the store knows of may have been released since.
        known_number = recovery.crl_number(home.db, authority)
        is_news = found.number > known_number
        imports.raise_crl_number(home.db, authority.id, found.number)
        pending = {each.number: each for each in pending_issuance.orphaned(home.db)}
        cas = ca_certificates.serials_of(home.db, authority)
        issues = hierarchies.get(home.db, authority.hierarchy).issuing == authority
        acts: list[AuditEntry] = []
        for serial, why in found.revocations():
            number, standing = recovery.standing(home.db, authority, serial) or (None, "")
            if number is None and (serial in cas or not issues):
                acts += _learn_of_ca(home, authority, serial, why, learned)
                continue
            if standing == "revoked" or (why.is_hold and (standing == "held" or not is_news)):
                continue
            if number is None:
                number = _put_stranger(home, authority, serial, why)
                learned.strangers += 1
            else:
                if number in pending:
                    pending_issuance.abandon(home.db, pending[number])
                learned.revoked += 1
            acts += revoke_certificates(home.db, [number], why)
        recorder.record(home, home.clock(), *acts)
        if not issues and authority.key is None and found.number >= known_number:
            _take_as_newest(home, authority, found)


def _learn_of_ca(
    home: Home, root: Authority, serial: int, why: Revocation, learned: Learned
) -> list[AuditEntry]:
    """What a root signs besides is no certificate of a device; a hold of one ends by itself."""
    act = (
        None if why.is_hold else revoke_ca(home.db, recovery.ca(home.db, root, serial, why.at), why)
    )
    learned.revoked += act is not None
    return [] if act is None else [act]


def _take_as_newest(home: Home, root: Authority, found: FoundCrl) -> None:
    """Its key is elsewhere: where the CRL has all that is known, nobody need bring it."""
    this_update, next_update = found.crl.last_update_utc, found.crl.next_update_utc
    listed = {serial for serial, _ in found.revocations()}
    if next_update is not None and recovery.revoked_by(home.db, root) <= listed:
        hierarchies.take_crl(home.db, root, found.number, this_update, next_update)


def _put_stranger(
    home: Home, authority: Authority, serial: int, why: Revocation
) -> RetrievalNumber:
    number = draw_number(home.random)
    while not recovery.put_stranger(home.db, authority, serial, number, why.at):
        number = draw_number(home.random)
    return number


def _keep_newest(home: Home, authority: Authority, found: FoundCrl, der: bytes) -> None:
    """The newest CRL is the one that is published until the next is signed: none goes back."""
    path = crls.path_of(home, authority)
    try:
        before = certificate_scanner.load_crl(files.read(path), [authority.certificate]).number
    except (FileNotFoundError, Invalid):
        before = -1
    if found.number > before:
        files.make_folder(path.parent)
        files.write(path, der)
