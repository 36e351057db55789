"""Replay: do again, act by act, what the journal has and a restored database lacks."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
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
"""Rows of the audit log that are written at a time."""


@dataclass
class Learned:
    """Counts of what the store did not know.

    Attributes:
        rows: rows of the journal that were replayed.
        issued: certificates; their bundles are lost with the database that had them.
        downloaded: bundles that were delivered, and are destroyed here.
        revoked: revocations and holds.
        released: holds that were released.
        strangers: revoked certificates of which only the serial number is known.
        missing: what neither journal nor CRL has: certificates that were imported since.
    """

    rows: int = 0
    issued: int = 0
    downloaded: int = 0
    revoked: int = 0
    released: int = 0
    strangers: int = 0
    missing: int = 0


def replay(
    home: Home, journal: Journal, common: int, learned: Learned, state: RecoveryState
) -> None:
    """Do what the journal's rows after `common` say, and put the rows back: all, or none.

    Args:
        common: the last row of the audit log, which the journal has too.
        state: what the store is to remember from then on.

    Raises:
        Invalid: a row does not say what its act needs.
    """
    rows = _sound(journal, common, audit_log.hash_of(home.db, common) or audit_log.START)
    before = asdict(learned)
    try:
        with home.db.write():
            player = _Player(home, learned)
            for page in batched(rows, PAGE):
                for row in page:
                    player.play(row)
                audit_log.put(home.db, page)
                learned.rows += len(page)
            state.write(home.recovery_file)
    except BaseException:
        vars(learned).update(before)
        raise


def _sound(journal: Journal, after: int, previous: bytes) -> Iterator[AuditRecord]:
    """The rows after the one with that id. The journal was examined; if it has changed since, the
    rows up to there."""
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
"""What is raised where a row's detail is not what its act has."""


class _Player:
    """Does again what rows say, within the open transaction. What is done already stays."""

    def __init__(self, home: Home, learned: Learned) -> None:
        self._home = home
        self._db = home.db
        self._learned = learned
        self._acts: dict[str, Callable[[AuditRecord, datetime, dict[str, Any]], None]] = {
            Act.HIERARCHY_CREATED: self._hierarchy,
            Act.HIERARCHY_IMPORTED: self._hierarchy,
            Act.CERTIFICATES_IMPORTED: self._imported,
            Act.KEY_IMPORTED: self._key,
            Act.HIERARCHY_RETIRED: self._retired,
            Act.CUTOFF_SET: self._cutoff,
            Act.USER_RECORDED: self._user,
            Act.ISSUED: self._issued,
            Act.ABANDONED: self._issued,
            Act.DOWNLOADED: self._downloaded,
            Act.WITHDRAWN: self._withdrawn,
            Act.REVOKED: self._revoked,
            Act.HELD: self._revoked,
            Act.RELEASED: self._released,
            Act.CUT_OFF: self._revoked_many,
            Act.LAPSED: self._revoked_many,
            Act.CRL_SIGNED: self._crl,
            Act.CA_REQUESTED: self._ca_requested,
            Act.CA_REQUEST_WITHDRAWN: self._ca_request_withdrawn,
            Act.CA_SIGNED: self._ca_signed,
            Act.CA_REVOKED: self._ca_revoked,
        }

    def play(self, row: AuditRecord) -> None:
        """Raises Invalid where its detail is not what its act has."""
        act = self._acts.get(row.act)
        if act is None:
            return
        try:
            act(row, row.moment, row.facts)
        except NotFound:
            self._learned.missing += 1
        except _UNREADABLE as error:
            raise Invalid("row {row} of the journal cannot be read", row=row.id) from error

    # -- hierarchies

    def _hierarchy(self, row: AuditRecord, at: datetime, facts: dict[str, Any]) -> None:
        made = facts["authorities"]
        authorities = tuple(self._authority(row.object, each) for each in made)
        days = {Tier(each["tier"]): int(each["crl_days"]) for each in made}
        for there in hierarchies.all_of(self._db):
            if there.name == row.object:
                known = {each.fingerprint_sha256 for each in there.authorities}
                if not known <= {each.fingerprint_sha256 for each in authorities}:
                    raise ValueError("another CA has that name here")
                # The import of a root alone may have been completed.
                for each in authorities:
                    if each.fingerprint_sha256 not in known:
                        hierarchies.put_authority(self._db, each, days[each.tier])
                return
        hierarchies.put(self._db, Hierarchy(row.object, at, None, None, authorities), days)
        ca_certificates.delete_request(self._db, row.object)

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

    def _key(self, row: AuditRecord, _at: datetime, facts: dict[str, Any]) -> None:
        authority = self._authority_of(facts["fingerprint"])
        name = facts.get("key", row.object)
        if not ca_keys.is_here(self._home, name):
            raise NotFound("the key {path} is missing", path=name)
        imports.attach_key(self._db, authority, name)

    def _retired(self, row: AuditRecord, at: datetime, facts: dict[str, Any]) -> None:
        hierarchies.retire(self._db, row.object, at, _optional_moment(facts["cutoff"]))

    def _cutoff(self, row: AuditRecord, _at: datetime, facts: dict[str, Any]) -> None:
        hierarchies.set_cutoff(self._db, row.object, _moment(facts["cutoff"]))

    def _imported(self, _row: AuditRecord, _at: datetime, facts: dict[str, Any]) -> None:
        self._learned.missing += sum(map(int, facts.values()))

    def _crl(self, row: AuditRecord, _at: datetime, facts: dict[str, Any]) -> None:
        for authority in self._authorities():
            if authority.name == row.object:
                imports.raise_crl_number(self._db, authority.id, int(facts["number"]))

    # -- CAs that others certify, and those that roots here certify besides

    def _ca_requested(self, row: AuditRecord, at: datetime, facts: dict[str, Any]) -> None:
        if ca_certificates.find_request(self._db, row.object) is None:
            request = ca_certificates.CaRequest(row.object, b64decode(facts["request"]), at)
            ca_certificates.put_request(self._db, request)

    def _ca_request_withdrawn(
        self, row: AuditRecord, _at: datetime, _facts: dict[str, Any]
    ) -> None:
        ca_certificates.delete_request(self._db, row.object)

    def _ca_signed(self, row: AuditRecord, at: datetime, facts: dict[str, Any]) -> None:
        der = b64decode(facts["certificate"], validate=True)
        certificate = x509_certificates.load(der)
        root = hierarchies.get(self._db, row.object).root
        signed = ca_certificates.CaCertificate(
            authority=root.id,
            issuer=row.object,
            serial=certificate.serial_number,
            subject=x509_certificates.subject_text(certificate),
            crosses=facts["crosses"],
            at=at,
            not_after=certificate.not_valid_after_utc,
            der=der,
            revocation=None,
        )
        recovery.put_ca(self._db, signed)

    def _ca_revoked(self, row: AuditRecord, at: datetime, facts: dict[str, Any]) -> None:
        # A run that died may have signed it, and recorded nothing but that it was given up.
        revocation = Revocation(at, RevocationReason(facts["reason"]))
        root, serial = hierarchies.get(self._db, row.object).root, int(facts["serial"], 16)
        if revoke_ca(self._db, recovery.ca(self._db, root, serial, at), revocation):
            self._learned.revoked += 1

    # -- certificates

    def _user(self, row: AuditRecord, _at: datetime, facts: dict[str, Any]) -> None:
        users.put(self._db, User(row.object, **facts))

    def _issued(self, row: AuditRecord, at: datetime, facts: dict[str, Any]) -> None:
        authority = self._authority_of(facts["authority"])
        serial, number = int(facts["serial"], 16), RetrievalNumber.parse(row.object)
        self._free(number, serial)
        if recovery.put_issued(self._db, authority, serial, number, row.at, facts):
            self._learned.issued += 1
        if row.act == Act.ABANDONED:
            self._revoke(number, Revocation(at, RevocationReason(facts["reason"])))

    def _free(self, number: RetrievalNumber, serial: int) -> None:
        """CRLs that were read before the journal may have put a stranger in its place."""
        recovery.move_stranger(self._db, number, serial, draw_number(self._home.random))

    def _number_of(self, facts: dict[str, Any]) -> RetrievalNumber | None:
        """The number of a certificate, by its serial number: a stranger has another number here."""
        serial = int(facts["serial"], 16)
        for authority in hierarchies.get(self._db, facts["hierarchy"]).authorities:
            known = recovery.find(self._db, authority, serial)
            if known is not None:
                return known.number
        return None

    def _downloaded(self, row: AuditRecord, at: datetime, _facts: dict[str, Any]) -> None:
        if recovery.set_downloaded(self._db, RetrievalNumber.parse(row.object), at):
            self._learned.downloaded += 1

    def _withdrawn(self, row: AuditRecord, _at: datetime, _facts: dict[str, Any]) -> None:
        certificates.withdraw(self._db, RetrievalNumber.parse(row.object))

    def _revoked(self, row: AuditRecord, at: datetime, facts: dict[str, Any]) -> None:
        number = self._number_of(facts)
        revocation = Revocation(at, RevocationReason(facts["reason"]))
        if number is not None:
            self._revoke(number, revocation)
            return
        # Imported since the backup: the serial number is enough to keep it on the CRL.
        number, serial = RetrievalNumber.parse(row.object), int(facts["serial"], 16)
        self._free(number, serial)
        issuing = hierarchies.get(self._db, facts["hierarchy"]).issuing
        if not recovery.put_stranger(self._db, issuing, serial, number, at):
            raise ValueError("another certificate has that number")
        revoke_certificates(self._db, [number], revocation)
        self._learned.strangers += 1

    def _revoked_many(self, _row: AuditRecord, at: datetime, facts: dict[str, Any]) -> None:
        for reason, numbers in facts["numbers"].items():
            for number in numbers:
                try:
                    self._revoke(
                        RetrievalNumber.parse(str(number)),
                        Revocation(at, RevocationReason(reason)),
                    )
                except NotFound:
                    self._learned.missing += 1

    def _revoke(self, number: RetrievalNumber, revocation: Revocation) -> None:
        certificates.get(self._db, number)  # raises NotFound
        self._learned.revoked += len(revoke_certificates(self._db, [number], revocation))

    def _released(self, row: AuditRecord, at: datetime, facts: dict[str, Any]) -> None:
        number = self._number_of(facts)
        if number is None:
            return
        found = certificates.get(self._db, number)
        if found.revocation is None or found.revocation.at > at:
            return  # a CRL that was read before lists a later hold
        if certificates.release(self._db, number):
            self._learned.released += 1

    def _authorities(self) -> list[Authority]:
        return [each for one in hierarchies.all_of(self._db) for each in one.authorities]

    def _authority_of(self, fingerprint: str) -> Authority:
        for authority in self._authorities():
            if authority.fingerprint_sha256 == fingerprint:
                return authority
        raise NotFound("there is no CA {fingerprint}", fingerprint=fingerprint)


def _moment(value: int) -> datetime:
    return datetime.fromtimestamp(value, UTC)


def _optional_moment(value: int | None) -> datetime | None:
    return None if value is None else _moment(value)
