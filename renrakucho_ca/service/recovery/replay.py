"""Replay the journal's acts that a restored database lacks."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from renrakucho_ca.batched import batched
from renrakucho_ca.errors import Invalid, NotFound
from renrakucho_ca.model import (
    Act,
    Authority,
    Hierarchy,
    RetrievalNumber,
    Revocation,
    RevocationReason,
    Tier,
    User,
)
from renrakucho_ca.pki import keys, x509_certificates
from renrakucho_ca.service.ca import ca_keys
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance.planner import draw_number
from renrakucho_ca.service.revocation.revoke import revoke_ca, revoke_certificates
from renrakucho_ca.service.store_state import RecoveryState
from renrakucho_ca.store.files.journal import Journal
from renrakucho_ca.store.sqlite.connection import moment, optional_moment
from renrakucho_ca.store.sqlite.errors import Duplicate, Misfit
from renrakucho_ca.store.tables import (
    audit_log,
    ca_certificates,
    certificates,
    hierarchies,
    imports,
    recovery,
    users,
)
from renrakucho_ca.store.tables.audit_log import AuditRecord

PAGE = 500
"""Rows of the audit log written at a time."""


@dataclass
class RestoreCounts:
    """Counts of changes that the store did not know.

    Attributes:
        rows: replayed rows of the journal.
        issued: certificates; their bundles are lost with the database.
        downloaded: delivered bundles, which are destroyed here.
        revoked, released: revocations and holds; released holds.
        unknown: revoked certificates known only by serial number.
        missing: changes in neither journal nor CRL, such as imported certificates.
    """

    rows: int = 0
    issued: int = 0
    downloaded: int = 0
    revoked: int = 0
    released: int = 0
    unknown: int = 0
    missing: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """Return the counts by their names in the audit log since version 0.1.0."""
        names = {"unknown": "strangers"}
        return {names.get(name, name): count for name, count in asdict(self).items()}


def replay(
    home: Home, journal: Journal, common: int, restored: RestoreCounts, state: RecoveryState
) -> None:
    """Replay and restore the journal's rows after `common`: all, or none.

    Args:
        common: the last row of the audit log, which is also in the journal.
        state: written in the same transaction.

    Raises:
        Invalid: a row lacks facts that its act needs.
    """
    rows = _sound(journal, common, audit_log.hash_of(home.db, common) or audit_log.START)
    before = asdict(restored)
    try:
        with home.db.write():
            player = _Player(home, restored)
            for page in batched(rows, PAGE):
                for row in page:
                    player.play(row)
                audit_log.put(home.db, page)
                restored.rows += len(page)
            state.write(home.recovery_file)
    except BaseException:
        vars(restored).update(before)
        raise


def _sound(journal: Journal, after: int, previous: bytes) -> Iterator[AuditRecord]:
    """Yield the rows after `after`; stop if the journal has changed since its examination."""
    for row in journal.rows():
        if row is None or row.id <= after:
            continue
        if not row.follows(after, previous):
            return
        after, previous = row.id, row.hash
        yield row


_UNREADABLE = (
    *(LookupError, ValueError, TypeError, AttributeError, OverflowError),
    *(Duplicate, Misfit),
)
"""The errors of a row whose detail does not fit its act."""


class _Player:
    """Replays rows within the open transaction. An act already done changes nothing."""

    def __init__(self, home: Home, restored: RestoreCounts) -> None:
        self._home = home
        self._db = home.db
        self._restored = restored

    def play(self, row: AuditRecord) -> None:
        """Replay one row; raise Invalid if its detail does not fit its act."""
        try:
            self._play_ca(row, row.moment, row.facts)
            self._play_certificate(row, row.moment, row.facts)
        except NotFound:
            self._restored.missing += 1
        except _UNREADABLE as error:
            raise Invalid("row {row} of the journal cannot be read", row=row.id) from error

    # -- hierarchies and CAs

    def _play_ca(self, row: AuditRecord, at: datetime, facts: dict[str, Any]) -> None:
        db, name = self._db, row.object
        match row.act:
            case Act.HIERARCHY_CREATED | Act.HIERARCHY_IMPORTED:
                self._hierarchy(name, at, facts["authorities"])
            case Act.CERTIFICATES_IMPORTED:
                self._restored.missing += sum(map(int, facts.values()))
            case Act.KEY_IMPORTED:
                self._key(self._authority_of(facts["fingerprint"]), facts.get("key", name))
            case Act.HIERARCHY_RETIRED:
                hierarchies.retire(db, name, at, optional_moment(facts["cutoff"]))
            case Act.CUTOFF_SET:
                hierarchies.set_cutoff(db, name, moment(facts["cutoff"]))
            case Act.CRL_SIGNED:
                for authority in self._authorities():
                    if authority.name == name:
                        imports.raise_crl_number(db, authority.id, int(facts["number"]))
            case Act.CA_REQUESTED:
                if ca_certificates.find_request(db, name) is None:
                    request = ca_certificates.CaRequest(name, b64decode(facts["request"]), at)
                    ca_certificates.put_request(db, request)
            case Act.CA_REQUEST_WITHDRAWN:
                ca_certificates.delete_request(db, name)
            case Act.CA_SIGNED:
                self._ca_signed(hierarchies.get(db, name).root, at, facts)
            case Act.CA_REVOKED:
                # If the run died after it signed, the journal has no other row of the certificate.
                root, serial = hierarchies.get(db, name).root, int(facts["serial"], 16)
                if revoke_ca(db, recovery.ca(db, root, serial, at), _revocation(at, facts)):
                    self._restored.revoked += 1

    def _hierarchy(self, name: str, at: datetime, created: list[dict[str, Any]]) -> None:
        authorities = tuple(self._authority(name, each) for each in created)
        days = {Tier(each["tier"]): int(each["crl_days"]) for each in created}
        for existing in hierarchies.all_of(self._db):
            if existing.name == name:
                known = {each.fingerprint_sha256 for each in existing.authorities}
                if not known <= {each.fingerprint_sha256 for each in authorities}:
                    raise ValueError("another CA has that name here")
                # The import of a root alone may have been completed.
                for each in authorities:
                    if each.fingerprint_sha256 not in known:
                        hierarchies.put_authority(self._db, each, days[each.tier])
                return
        hierarchies.put(self._db, Hierarchy(name, at, None, None, authorities), days)
        ca_certificates.delete_request(self._db, name)

    def _authority(self, hierarchy: str, facts: dict[str, Any]) -> Authority:
        der = b64decode(facts["certificate"], validate=True)
        certificate = x509_certificates.load(der)
        key = facts["key"]
        # A key that was made after the backup is lost, unless its file is here.
        return Authority(
            id=0,
            hierarchy=hierarchy,
            tier=Tier(facts["tier"]),
            certificate=der,
            fingerprint_sha256=x509_certificates.fingerprint_sha256(certificate),
            subject=facts["subject"],
            not_after=certificate.not_valid_after_utc,
            key_algorithm=keys.describe(keys.public_key_of(certificate)),
            key=key if key is not None and ca_keys.is_here(self._home, key) else None,
        )

    def _key(self, authority: Authority, name: str) -> None:
        if not ca_keys.is_here(self._home, name):
            raise NotFound("the key {path} is missing", path=name)
        imports.attach_key(self._db, authority, name)

    def _ca_signed(self, root: Authority, at: datetime, facts: dict[str, Any]) -> None:
        der = b64decode(facts["certificate"], validate=True)
        certificate = x509_certificates.load(der)
        signed = ca_certificates.CaCertificate(
            authority=root.id,
            issuer=root.hierarchy,
            serial=certificate.serial_number,
            subject=x509_certificates.subject_text(certificate),
            crosses=facts["crosses"],
            at=at,
            not_after=certificate.not_valid_after_utc,
            der=der,
            revocation=None,
        )
        ca_certificates.put(self._db, signed)

    def _authorities(self) -> list[Authority]:
        return [each for one in hierarchies.all_of(self._db) for each in one.authorities]

    def _authority_of(self, fingerprint: str) -> Authority:
        for authority in self._authorities():
            if authority.fingerprint_sha256 == fingerprint:
                return authority
        raise NotFound("there is no CA {fingerprint}", fingerprint=fingerprint)

    # -- certificates

    def _play_certificate(self, row: AuditRecord, at: datetime, facts: dict[str, Any]) -> None:
        match row.act:
            case Act.USER_RECORDED:
                users.put(self._db, User(row.object, **facts))
            case Act.ISSUED:
                self._issued(row, facts)
            case Act.ABANDONED:
                self._revoke(self._issued(row, facts), _revocation(at, facts))
            case Act.DOWNLOADED:
                number = RetrievalNumber.parse(row.object)
                self._restored.downloaded += recovery.set_downloaded(self._db, number, at)
            case Act.WITHDRAWN:
                certificates.withdraw(self._db, RetrievalNumber.parse(row.object))
            case Act.REVOKED | Act.HELD:
                self._revoked(RetrievalNumber.parse(row.object), facts, _revocation(at, facts))
            case Act.RELEASED:
                self._released(at, facts)
            case Act.CUT_OFF | Act.LAPSED:
                self._revoked_many(at, facts["numbers"])

    def _issued(self, row: AuditRecord, facts: dict[str, Any]) -> RetrievalNumber:
        authority = self._authority_of(facts["authority"])
        serial, number = int(facts["serial"], 16), RetrievalNumber.parse(row.object)
        self._free(number, serial)
        is_new = recovery.put_issued(self._db, authority, serial, number, row.at, facts)
        self._restored.issued += is_new
        return number

    def _free(self, number: RetrievalNumber, serial: int) -> None:
        """Free a number from an unknown certificate, which a CRL read before may have put there."""
        recovery.move_unknown(self._db, number, serial, draw_number(self._home.random))

    def _number_of(self, facts: dict[str, Any]) -> RetrievalNumber | None:
        """Find a number by the serial number: an unknown certificate has another number here."""
        serial = int(facts["serial"], 16)
        for authority in hierarchies.get(self._db, facts["hierarchy"]).authorities:
            known = recovery.find(self._db, authority, serial)
            if known is not None:
                return known.number
        return None

    def _revoked(
        self, number: RetrievalNumber, facts: dict[str, Any], revocation: Revocation
    ) -> None:
        known = self._number_of(facts)
        if known is not None:
            self._revoke(known, revocation)
            return
        # Imported since the backup: the serial number is enough to keep it on the CRL.
        serial = int(facts["serial"], 16)
        self._free(number, serial)
        issuing = hierarchies.get(self._db, facts["hierarchy"]).issuing
        if not recovery.put_unknown(self._db, issuing, serial, number, revocation.at):
            raise ValueError("another certificate has that number")
        revoke_certificates(self._db, [number], revocation)
        self._restored.unknown += 1

    def _revoked_many(self, at: datetime, numbers: dict[str, list[Any]]) -> None:
        for reason, each in numbers.items():
            revocation = Revocation(at, RevocationReason(reason))
            for number in each:
                try:
                    self._revoke(RetrievalNumber.parse(str(number)), revocation)
                except NotFound:
                    self._restored.missing += 1

    def _revoke(self, number: RetrievalNumber, revocation: Revocation) -> None:
        certificates.get(self._db, number)  # raises NotFound
        self._restored.revoked += len(revoke_certificates(self._db, [number], revocation))

    def _released(self, at: datetime, facts: dict[str, Any]) -> None:
        number = self._number_of(facts)
        if number is None:
            return
        found = certificates.get(self._db, number)
        # A CRL that was read before may list a later hold.
        if found.revocation is not None and found.revocation.at <= at:
            self._restored.released += certificates.release(self._db, number)


def _revocation(at: datetime, facts: dict[str, Any]) -> Revocation:
    return Revocation(at, RevocationReason(facts["reason"]))
