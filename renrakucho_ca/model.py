"""The vocabulary: certificates, users, hierarchies and acts as frozen types.

Values are checked when they are parsed, so that later code does not check again.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from renrakucho_ca.errors import Invalid
from renrakucho_ca.text import clean_text


class Status(StrEnum):
    """The status of a certificate at a moment; derived from facts, never stored."""

    ISSUED = "issued"
    DOWNLOADED = "downloaded"
    REVOKED = "revoked"
    HELD = "held"
    EXPIRED = "expired"


LIVE = frozenset({Status.ISSUED, Status.DOWNLOADED, Status.HELD})
"""The states in which a certificate can log in, now or after its release."""


class RevocationReason(StrEnum):
    """CRLReason (RFC 5280 §5.3.1), without removeFromCRL, which only delta CRLs use."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    CA_COMPROMISE = "cACompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    CERTIFICATE_HOLD = "certificateHold"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"
    AA_COMPROMISE = "aACompromise"


@dataclass(frozen=True, slots=True)
class Revocation:
    """Moment and reason. A hold (certificateHold) is a revocation that can be released."""

    at: datetime
    reason: RevocationReason

    @property
    def is_hold(self) -> bool:
        return self.reason is RevocationReason.CERTIFICATE_HOLD


class KeyAlgorithm(StrEnum):
    EC_P256 = "ec-p256"
    EC_P384 = "ec-p384"
    EC_P521 = "ec-p521"
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"


class Tier(StrEnum):
    """The position of a CA in its hierarchy."""

    ROOT = "root"
    ISSUING = "issuing"


class Container(StrEnum):
    """The user's file: a PKCS#12, an Apple profile around one, or a PEM chain (for a CSR)."""

    P12 = "p12"
    MOBILECONFIG = "mobileconfig"
    PEM = "pem"

    @property
    def suffix(self) -> str:
        return f".{self.value}"


class RetrievalNumber(str):
    """証明書取得用No: eight digits that name one certificate for ever. It is not a secret.

    The first digit is never 0, so that spreadsheets keep it.
    """

    __slots__ = ()
    LOWEST, HIGHEST = 10_000_000, 99_999_999

    @classmethod
    def parse(cls, text: str) -> RetrievalNumber:
        """Parse eight digits; fold full-width digits, blanks and hyphens. Raises Invalid."""
        digits = re.sub(r"[\s\-]", "", unicodedata.normalize("NFKC", text))
        if not re.fullmatch(r"[1-9][0-9]{7}", digits, re.ASCII):
            raise Invalid(
                "{text} is not a retrieval number",
                hint="a retrieval number has eight digits, the first not 0, such as 67075623",
                text=repr(text[:40]),
            )
        return cls(digits)


def parse_serial(text: str) -> int:
    """Parse a serial number in hex: plain, with colons, or with 0x; negative ones exist too.

    Raises Invalid if not hexadecimal or above the 20 octets of RFC 5280 §4.1.2.2.
    """
    digits = text.strip().lower().removeprefix("0x").replace(":", "")
    if not re.fullmatch(r"-?[0-9a-f]+", digits) or len(digits.lstrip("-0")) > 40:
        raise Invalid("{text} is not a serial number in hex", text=repr(text[:60]))
    return int(digits, 16)


@dataclass(frozen=True, slots=True)
class User:
    """A user, who has devices.

    Attributes:
        id: the common name of the user's certificates.
        email: up to three addresses, separated by ", ".
    """

    id: str
    name: str | None = None
    email: str | None = None
    facility: str | None = None
    network: str | None = None

    # ub-common-name and its neighbours are 64 characters (RFC 5280 appendix A.1).
    LONGEST_NAME = 64
    # The user's own, and two more for notices.
    MOST_ADDRESSES = 3

    @property
    def addresses(self) -> tuple[str, ...]:
        """The mail addresses; empty if none is known."""
        return tuple(self.email.split(", ")) if self.email else ()

    @classmethod
    def parse(
        cls,
        id: str,
        name: str | None = None,
        email: str | None = None,
        facility: str | None = None,
        network: str | None = None,
    ) -> User:
        """Check and normalize a user's fields; an empty one counts as absent.

        Raises Invalid if a field is too long, unprintable, or no mail address.
        """

        def optional(text: str | None, what: str, longest: int) -> str | None:
            if text is None or not text.strip():
                return None
            return clean_text(text, what=what, longest=longest)

        return cls(
            id=clean_text(id, what="user", longest=cls.LONGEST_NAME),
            name=optional(name, "name", cls.LONGEST_NAME),
            email=_parse_addresses(email or "", cls.MOST_ADDRESSES),
            facility=optional(facility, "facility", cls.LONGEST_NAME),
            network=optional(network, "network", cls.LONGEST_NAME),
        )


def _parse_addresses(text: str, most: int) -> str | None:
    """Normalize addresses separated by commas, semicolons or blanks."""
    addresses = list(dict.fromkeys(filter(None, re.split(r"[,;\s]+", text))))
    for address in addresses:
        # ASCII only: not every server knows SMTPUTF8. RFC 5321 §4.5.3.1.3: 254 octets at most.
        is_plain = len(address) <= 254 and re.fullmatch(r"[!-~]+@[A-Za-z0-9.-]+", address)
        if not is_plain or set(address) & set('<>()[]:\\"') or address.count("@") != 1:
            raise Invalid("{address} is not a mail address", address=repr(address[:60]))
    if len(addresses) > most:
        raise Invalid(
            "{count} mail addresses; at most {most} are allowed", count=len(addresses), most=most
        )
    return ", ".join(addresses) or None


IMPORTED = "imported"
"""The profile of a certificate that another program issued."""

UNKNOWN = "unknown"
"""The device or user of an imported certificate if no record names it."""

LONGEST_NOTE = 200
"""Characters of a note (備考)."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The record of one certificate: facts only. Its DER is stored separately."""

    number: RetrievalNumber
    serial: int
    hierarchy: str
    user: User
    device: str
    note: str | None
    issued_at: datetime
    not_before: datetime
    not_after: datetime
    downloaded_at: datetime | None
    revocation: Revocation | None
    supersedes: RetrievalNumber | None
    superseded_by: RetrievalNumber | None
    profile: str
    key_algorithm: str | None
    fingerprint_sha256: str | None

    def status(self, now: datetime) -> Status:
        """Return the status at `now`; a revoked certificate never becomes expired."""
        if self.revocation is not None:
            return Status.HELD if self.revocation.is_hold else Status.REVOKED
        if now >= self.not_after:
            return Status.EXPIRED
        return Status.DOWNLOADED if self.downloaded_at is not None else Status.ISSUED


@dataclass(frozen=True, slots=True)
class Authority:
    """One CA of a hierarchy.

    Attributes:
        id: its row in the store.
        certificate: DER.
        key: the name of its private key in the keystore; None if the key is off the machine.
    """

    id: int
    hierarchy: str
    tier: Tier
    certificate: bytes
    fingerprint_sha256: str
    subject: str
    not_after: datetime
    key_algorithm: str
    key: str | None

    @property
    def name(self) -> str:
        """The name in file names, such as `new-issuing`."""
        return f"{self.hierarchy}-{self.tier.value}"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A root and its issuing CA; in an imported flat hierarchy, the root is both.

    Attributes:
        retired_at: the permanent end of issuing; None while it is open.
        cutoff: the moment from which its certificates are no longer accepted; None if not set.
    """

    name: str
    created_at: datetime
    retired_at: datetime | None
    cutoff: datetime | None
    authorities: tuple[Authority, ...]

    def is_open(self, now: datetime) -> bool:
        """Return whether it may still issue."""
        return self.retired_at is None and not self.is_cut_off(now)

    def is_cut_off(self, now: datetime) -> bool:
        """Return whether its cut-off has passed."""
        return self.cutoff is not None and self.cutoff <= now

    def authority(self, tier: Tier) -> Authority:
        """Return the CA of that tier, or the root if there is no other."""
        return next((a for a in self.authorities if a.tier is tier), self.root)

    @property
    def root(self) -> Authority:
        return next(a for a in self.authorities if a.tier is Tier.ROOT)

    @property
    def issuing(self) -> Authority:
        return self.authority(Tier.ISSUING)


class Act(StrEnum):
    """The acts in the audit log. Its rows are permanent: words are added, never changed."""

    HIERARCHY_CREATED = "hierarchy-created"
    HIERARCHY_IMPORTED = "hierarchy-imported"
    CERTIFICATES_IMPORTED = "certificates-imported"
    KEY_IMPORTED = "key-imported"
    HIERARCHY_RETIRED = "hierarchy-retired"
    CA_REQUESTED = "ca-requested"
    CA_REQUEST_WITHDRAWN = "ca-request-withdrawn"
    CA_SIGNED = "ca-signed"
    CA_REVOKED = "ca-revoked"
    PASSPHRASE_CHANGED = "passphrase-changed"
    CUTOFF_SET = "cutoff-set"
    USER_RECORDED = "user-recorded"
    ISSUED = "issued"
    ABANDONED = "abandoned"
    REVEALED = "revealed"
    DOWNLOADED = "downloaded"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    HELD = "held"
    RELEASED = "released"
    CUT_OFF = "cut-off"
    LAPSED = "lapsed"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    CRL_SIGNED = "crl-signed"
    RESPONDER_SIGNED = "responder-signed"
    CHECKPOINT_SIGNED = "checkpoint-signed"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Actor:
    """The author of an act: an operating system user or the portal, and the address."""

    name: str
    origin: str = "local"
