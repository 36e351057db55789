"""The vocabulary: what a certificate, a user, a hierarchy, a profile is. No input, no output.

Every type here is checked when it is made; whoever holds one need not check again.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from renrakucho_ca.errors import Invalid

Subject = tuple[tuple["SubjectAttribute", str], ...]
"""A distinguished name (RFC 5280 §4.1.2.6): attribute and NFC value, most significant first."""


class Status(StrEnum):
    """What can be said of a certificate at a moment; derived from facts, never stored."""

    ISSUED = "issued"
    DOWNLOADED = "downloaded"
    REVOKED = "revoked"
    HELD = "held"
    EXPIRED = "expired"


LIVE = frozenset({Status.ISSUED, Status.DOWNLOADED, Status.HELD})
"""The states in which a certificate may log in now or, once released, again."""


class RevocationReason(StrEnum):
    """CRLReason (RFC 5280 §5.3.1), without removeFromCRL, which belongs to delta CRLs alone."""

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
    """When and why. A hold is a revocation that can be taken back (reason certificateHold)."""

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
    """The place of a CA in its hierarchy."""

    ROOT = "root"
    ISSUING = "issuing"


class Container(StrEnum):
    """What the user gets: a PKCS#12, an Apple profile around one, or (own key, CSR) a PEM chain."""

    P12 = "p12"
    MOBILECONFIG = "mobileconfig"
    PEM = "pem"

    @property
    def suffix(self) -> str:
        return f".{self.value}"


class P12Format(StrEnum):
    """Which algorithms the PKCS#12 uses: old devices open `compat` alone."""

    COMPAT = "compat"
    MODERN = "modern"


class SubjectAttribute(StrEnum):
    """The name attributes that a profile may set, by their X.520 names."""

    COUNTRY = "country"
    ORGANIZATION = "organization"
    ORGANIZATIONAL_UNIT = "organizational_unit"
    STATE = "state"
    LOCALITY = "locality"
    COMMON_NAME = "common_name"


class KeyUsage(StrEnum):
    """The bits that an end entity's profile may set (RFC 5280 §4.2.1.3)."""

    DIGITAL_SIGNATURE = "digitalSignature"
    KEY_ENCIPHERMENT = "keyEncipherment"
    KEY_AGREEMENT = "keyAgreement"


class ExtendedKeyUsage(StrEnum):
    """The purposes that an end entity's profile may name (RFC 5280 §4.2.1.12)."""

    CLIENT_AUTH = "clientAuth"
    EMAIL_PROTECTION = "emailProtection"


# Letters that reorder or hide what stands beside them, and everything that has no shape:
# a name with one of these reads otherwise than it is.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean_text(text: str, *, what: str, longest: int, shortest: int = 1) -> str:
    """A person's text in NFC, without blanks at its ends.

    Args:
        text: what came from outside.
        what: its name in the message, such as "user".
        longest, shortest: in characters after normalization.

    Raises:
        Invalid: too long, empty, or with control, bidirectional or unassigned characters.
    """
    clean = unicodedata.normalize("NFC", text).strip()
    if len(clean) < shortest:
        raise Invalid("{what} is empty", what=what)
    if len(clean) > longest:
        raise Invalid(
            "{what} has {length} characters; the longest allowed has {longest}",
            what=what,
            length=len(clean),
            longest=longest,
        )
    # What is printable has none of these; what is not may have a wide blank.
    for letter in "" if clean.isprintable() else clean:
        if unicodedata.category(letter) in _UNSAFE_CATEGORIES:
            raise Invalid(
                "{what} has a character that cannot be shown: U+{code}",
                what=what,
                code=f"{ord(letter):04X}",
            )
    return clean


class RetrievalNumber(str):
    """証明書取得用No: eight digits that name one certificate for ever. Never a secret.

    The first digit is never 0, so that no spreadsheet drops it.
    """

    __slots__ = ()
    LOWEST, HIGHEST = 10_000_000, 99_999_999

    @classmethod
    def parse(cls, text: str) -> RetrievalNumber:
        """Reads a number as people write it: full-width digits, blanks and hyphens are folded.

        Raises:
            Invalid: not eight digits.
        """
        digits = re.sub(r"[\s\-]", "", unicodedata.normalize("NFKC", text))
        if not re.fullmatch(r"[1-9][0-9]{7}", digits, re.ASCII):
            raise Invalid(
                "{text} is not a retrieval number",
                hint="a retrieval number has eight digits, the first not 0, such as 67075623",
                text=repr(text[:40]),
            )
        return cls(digits)


def parse_serial(text: str) -> int:
    """Reads a certificate's serial number in hex: plain, with colons, or with 0x; old CAs gave out
    negative ones too.

    Raises:
        Invalid: not hexadecimal, or more than the 20 octets of RFC 5280 §4.1.2.2.
    """
    digits = text.strip().lower().removeprefix("0x").replace(":", "")
    if not re.fullmatch(r"-?[0-9a-f]+", digits) or len(digits.lstrip("-0")) > 40:
        raise Invalid("{text} is not a serial number in hex", text=repr(text[:60]))
    return int(digits, 16)


@dataclass(frozen=True, slots=True)
class User:
    """A person to whom devices belong.

    Attributes:
        id: the name in the certificate.
        email: up to three addresses, parted by ", ".
    """

    id: str
    name: str | None = None
    email: str | None = None
    facility: str | None = None
    network: str | None = None

    # ub-common-name and its neighbours are 64 characters (RFC 5280 appendix A.1).
    LONGEST_NAME = 64
    # The user's own, and two more that are to know.
    MOST_ADDRESSES = 3

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where mails go; none where no address is known."""
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
        """Checks and normalizes what came from outside; an empty field counts as absent.

        Raises:
            Invalid: a field is too long, has unprintable characters, or is no mail address.
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
    """One address or a few, parted by commas, semicolons or blanks; brought to the first form."""
    addresses = list(dict.fromkeys(filter(None, re.split(r"[,;\s]+", text))))
    for address in addresses:
        # ASCII alone: not every server knows SMTPUTF8. RFC 5321 §4.5.3.1.3: 254 octets at most.
        if len(address) > 254 or not re.fullmatch(r"[!-~]+@[A-Za-z0-9.-]+", address):
            raise Invalid("{address} is not a mail address", address=repr(address[:60]))
        if set(address) & set('<>()[]:\\"') or address.count("@") != 1:
            raise Invalid("{address} is not a mail address", address=repr(address[:60]))
    if len(addresses) > most:
        raise Invalid(
            "{count} mail addresses; at most {most} are kept", count=len(addresses), most=most
        )
    return ", ".join(addresses) or None


IMPORTED = "imported"
"""What stands for the profile of a certificate that another program made."""

UNKNOWN = "unknown"
"""The device, or the user, of a certificate that was taken over, where nothing tells."""

LONGEST_NOTE = 200
"""Characters of a note (備考)."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Our record of one certificate: facts alone. Its bytes lie elsewhere."""

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
        """What it is at `now`. The order decides: a revoked one never becomes expired."""
        if self.revocation is not None:
            return Status.HELD if self.revocation.is_hold else Status.REVOKED
        if now >= self.not_after:
            return Status.EXPIRED
        return Status.DOWNLOADED if self.downloaded_at is not None else Status.ISSUED


class NameForm(StrEnum):
    """The kinds of name that a CA can be bound to (GeneralName, RFC 5280 §4.2.1.10)."""

    DNS = "dns"
    EMAIL = "email"
    IP = "ip"
    DIRNAME = "dirname"


Subtree = tuple[NameForm, "str | Subject"]
"""A name and all below it: a domain, an address or host or domain of mails, a network in CIDR
notation, the most significant part of a distinguished name."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a CA binds everything below it to.

    Attributes:
        permitted, excluded: of each kind that is permitted anywhere, only what is permitted; and
            nothing that is excluded (§4.2.1.10).
        policies: object identifiers of certificate policies (§4.2.1.4).
        require_explicit_policy, inhibit_policy_mapping: after so many CAs (§4.2.1.11).
        inhibit_any_policy: after so many CAs (§4.2.1.14).
    """

    permitted: tuple[Subtree, ...] = ()
    excluded: tuple[Subtree, ...] = ()
    policies: tuple[str, ...] = ()
    require_explicit_policy: int | None = None
    inhibit_policy_mapping: int | None = None
    inhibit_any_policy: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """What a kind of device gets."""

    name: str
    title: dict[str, str]
    key_algorithm: KeyAlgorithm
    validity_years: int
    subject: Subject
    key_usage: frozenset[KeyUsage]
    extended_key_usage: tuple[ExtendedKeyUsage, ...]
    container: Container
    p12: P12Format
    chain: tuple[Tier, ...]
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaProfile:
    """What a root or an issuing CA is made like."""

    name: str
    tier: Tier
    key_algorithm: KeyAlgorithm
    validity_years: int
    subject: Subject
    path_length: int
    crl_days: int
    constraints: Constraints = Constraints()


@dataclass(frozen=True, slots=True)
class Authority:
    """One CA of a hierarchy.

    Attributes:
        id: its row in the store.
        certificate: DER.
        key: the name of its private key in the keystore; None where the key is off the machine.
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
        """Its name in file names: `new-issuing`."""
        return f"{self.hierarchy}-{self.tier.value}"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A root and its issuing CA (for a flat one that was taken over, the root is both).

    Attributes:
        retired_at: when issuing was stopped for good; None while it is open.
        cutoff: the moment from which nothing of it is accepted any more; None where none is set.
    """

    name: str
    created_at: datetime
    retired_at: datetime | None
    cutoff: datetime | None
    authorities: tuple[Authority, ...]

    def is_open(self, now: datetime) -> bool:
        """Whether it may still issue."""
        return self.retired_at is None and (self.cutoff is None or now < self.cutoff)

    def authority(self, tier: Tier) -> Authority:
        """The CA of that tier; the root where the hierarchy has no other."""
        return next((a for a in self.authorities if a.tier is tier), self.root)

    @property
    def root(self) -> Authority:
        return next(a for a in self.authorities if a.tier is Tier.ROOT)

    @property
    def issuing(self) -> Authority:
        return self.authority(Tier.ISSUING)


class Act(StrEnum):
    """What the audit log speaks of. Its rows last for ever: a word is added, never changed."""

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
    """Who does something: a user of the operating system, or the portal; and from where."""

    name: str
    origin: str = "local"


class Severity(StrEnum):
    """How bad it is what `doctor` has found."""

    OK = "ok"
    """A check found nothing."""
    UNKNOWN = "unknown"
    """A check could not be run, for a reason that another one tells."""
    WARNING = "warning"
    """It will go wrong, or is weaker than it need be."""
    PROBLEM = "problem"
    """It is wrong now."""
