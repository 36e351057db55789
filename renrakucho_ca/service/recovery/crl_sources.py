"""The CRLs that a restore reads: each listed certificate is revoked here too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from renrakucho_ca.errors import Invalid, RcaError
from renrakucho_ca.model import Act, Authority, RetrievalNumber, Revocation
from renrakucho_ca.pki import certificate_scanner
from renrakucho_ca.pki.certificate_scanner import FoundCrl
from renrakucho_ca.pki.encodings import ContentKind
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.ca import crls
from renrakucho_ca.service.ca_import import discovery
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance.planner import draw_number
from renrakucho_ca.service.recovery.replay import RestoreCounts
from renrakucho_ca.service.revocation.revoke import (
    revoke_ca,
    revoke_certificates,
    revoked_act,
    revoked_ca_act,
)
from renrakucho_ca.service.store_state import Phase, RecoveryState
from renrakucho_ca.store import files
from renrakucho_ca.store.tables import (
    audit_log,
    ca_certificates,
    certificates,
    hierarchies,
    imports,
    pending_issuance,
    recovery,
)
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.store.tables.recovery import Known


def published(home: Home) -> list[Path]:
    """Return a home's CRLs: in the store, and as published."""
    found = [*(home.store / "crl").glob("*.crl"), *home.public.glob("*.crl")]
    return sorted(path for path in found if path.is_file())


def read(
    home: Home, paths: Iterable[Path], state: RecoveryState, restored: RestoreCounts
) -> tuple[RecoveryState, list[tuple[Path, RcaError]]]:
    """Revoke the listed certificates, so that later CRLs list them too.

    Args:
        state: if the restore is unfinished, the audit log and the CRL numbers stay unchanged, and
            the state keeps the acts to record.

    Returns:
        The new state, and the rejected files with their errors.
    """
    problems: list[tuple[Path, RcaError]] = []
    authorities = [each for one in hierarchies.all_of(home.db) for each in one.authorities]
    known = [each.certificate for each in authorities]
    for path in paths:
        try:
            for der in crls_in(path):
                found = certificate_scanner.load_crl(der, known)
                state = _Reading(home, authorities[found.issuer], found, state, restored).run()
                _keep_newest(home, authorities[found.issuer], found, der)
        except Invalid as error:
            problems.append((path, error))
    return state, problems


def unrecorded_acts(home: Home, state: RecoveryState) -> list[AuditEntry]:
    """Return the acts of revocations read from CRLs before the end of the restore, without those of
    the journal.
    """
    authorities = [each for one in hierarchies.all_of(home.db) for each in one.authorities]
    found = [
        _unrecorded_act(home, authority, int(serial, 16))
        for authority in authorities
        for serial in state.unrecorded.get(authority.fingerprint_sha256, [])
    ]
    return [act for act in found if act is not None]


def _unrecorded_act(home: Home, authority: Authority, serial: int) -> AuditEntry | None:
    found = recovery.find(home.db, authority, serial)
    if found is None:
        ca = ca_certificates.serials_of(home.db, authority).get(serial)
        if ca is None or ca.revocation is None:
            return None
        act = revoked_ca_act(ca, ca.revocation)
        recorded = audit_log.since(home.db, Act.CA_REVOKED, ca.issuer, 0)
        return None if any(row.facts == act.detail for row in recorded) else act
    certificate = certificates.get(home.db, found.number)
    if certificate.revocation is None:
        return None
    act = revoked_act(found.number, authority.hierarchy, serial, certificate.revocation)
    return None if audit_log.newest(home.db, act.act, found.number) else act


def crls_in(path: Path) -> Iterator[bytes]:
    """Yield the CRLs in a file, in DER; raise Invalid if it has none or is damaged."""
    count = 0
    for piece in discovery.pieces(path):
        if isinstance(piece, tuple):
            raise piece[1]
        if piece.kind is ContentKind.CRL:
            count += 1
            yield piece.der
    if not count:
        raise Invalid("not a readable CRL")


class _Reading:
    """The reading of one CRL, in one transaction."""

    def __init__(
        self,
        home: Home,
        authority: Authority,
        found: FoundCrl,
        state: RecoveryState,
        restored: RestoreCounts,
    ) -> None:
        self._home = home
        self._authority = authority
        self._found = found
        self._state = state
        self._restored = restored
        self._serials: list[str] = []
        self._acts: list[AuditEntry] = []

    def run(self) -> RecoveryState:
        db, authority, found = self._home.db, self._authority, self._found
        is_finished = self._state.phase is Phase.COMPLETE
        with db.write():
            known_number = recovery.crl_number(db, authority)
            self._revoke_all(is_newer=found.number > known_number)
            if is_finished:
                imports.raise_crl_number(db, authority.id, found.number)
                recorder.record(self._home, self._home.clock(), *self._acts)
            elif self._serials:
                # Before the commit: after a kill in between, the next run reads the same CRL again.
                fingerprint = authority.fingerprint_sha256
                self._state = self._state.remembering(fingerprint, self._serials)
                self._state.write(self._home.recovery_file)
            issues = hierarchies.get(db, authority.hierarchy).issuing == authority
            if not issues and authority.key is None and found.number >= known_number:
                self._take_as_newest()
        return self._state

    def _revoke_all(self, *, is_newer: bool) -> None:
        """Revoke the listed certificates.

        Args:
            is_newer: newer than the store knows; a hold on an older CRL may have been released.
        """
        db, authority = self._home.db, self._authority
        cas = ca_certificates.serials_of(db, authority)
        issues = hierarchies.get(db, authority.hierarchy).issuing == authority
        for serial, why in self._found.revocations():
            known = recovery.find(db, authority, serial)
            if known is None and (serial in cas or not issues):
                self._revoke_ca(serial, why)
            elif known is None:
                if is_newer or not why.is_hold:
                    self._restored.unknown += 1
                    self._revoke(serial, self._put_unknown(serial, why), why)
            elif known.status != "revoked" and not (
                why.is_hold and (known.status == "held" or not is_newer)
            ):
                self._restored.revoked += 1
                self._abandon_pending(known)
                self._revoke(serial, known.number, why)

    def _revoke(self, serial: int, number: RetrievalNumber, why: Revocation) -> None:
        self._acts += revoke_certificates(self._home.db, [number], why)
        self._serials.append(f"{serial:x}")

    def _revoke_ca(self, serial: int, why: Revocation) -> None:
        """Revoke a CA's certificate, which is never held."""
        db = self._home.db
        if why.is_hold:
            return
        act = revoke_ca(db, recovery.ca(db, self._authority, serial, why.at), why)
        if act is not None:
            self._restored.revoked += 1
            self._acts.append(act)
            self._serials.append(f"{serial:x}")

    def _abandon_pending(self, known: Known) -> None:
        if known.status == recovery.PENDING:
            for pending in pending_issuance.orphaned(self._home.db):
                if pending.number == known.number:
                    pending_issuance.abandon(self._home.db, pending)

    def _put_unknown(self, serial: int, why: Revocation) -> RetrievalNumber:
        number = draw_number(self._home.random)
        while not recovery.put_unknown(self._home.db, self._authority, serial, number, why.at):
            number = draw_number(self._home.random)
        return number

    def _take_as_newest(self) -> None:
        """Keep a CRL whose key is off the machine: if it is complete, the root need not sign a new
        one.
        """
        db, found = self._home.db, self._found
        this_update, next_update = found.crl.last_update_utc, found.crl.next_update_utc
        listed = {serial for serial, _ in found.revocations()}
        if next_update is not None and recovery.revoked_by(db, self._authority) <= listed:
            hierarchies.take_crl(db, self._authority, found.number, this_update, next_update)


def _keep_newest(home: Home, authority: Authority, found: FoundCrl, der: bytes) -> None:
    """Keep the newest CRL: it is published until the next one is signed."""
    path = crls.path_of(home, authority)
    try:
        before = certificate_scanner.load_crl(files.read(path), [authority.certificate]).number
    except (FileNotFoundError, Invalid):
        before = -1
    if found.number > before:
        files.make_folder(path.parent)
        files.write(path, der)
