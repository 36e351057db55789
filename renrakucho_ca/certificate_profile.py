"""Certificate profiles: the content of devices' and CAs' certificates, as frozen, checked types."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from renrakucho_ca.model import Container, KeyAlgorithm, Tier

Subject = tuple[tuple["SubjectAttribute", str], ...]
"""A distinguished name (RFC 5280 §4.1.2.6): attribute and NFC value, most significant first."""


class P12Format(StrEnum):
    """The algorithms of the PKCS#12: old devices open only `compat`."""

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


class NameForm(StrEnum):
    """The kinds of name that a CA can be constrained to (GeneralName, RFC 5280 §4.2.1.10)."""

    DNS = "dns"
    EMAIL = "email"
    IP = "ip"
    DIRNAME = "dirname"


Subtree = tuple[NameForm, "str | Subject"]
"""A name and all names below it: a domain; a mail address, host or domain; a network in CIDR
notation; the most significant part of a distinguished name."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """The constraints of a CA on all certificates below it (RFC 5280).

    Attributes:
        permitted, excluded: subtrees (§4.2.1.10); `permitted` limits only the kinds of name that it
            contains.
        policies: object identifiers of certificate policies (§4.2.1.4).
        require_explicit_policy, inhibit_policy_mapping: numbers of CAs before it applies
            (§4.2.1.11).
        inhibit_any_policy: the same (§4.2.1.14).
    """

    permitted: tuple[Subtree, ...] = ()
    excluded: tuple[Subtree, ...] = ()
    policies: tuple[str, ...] = ()
    require_explicit_policy: int | None = None
    inhibit_policy_mapping: int | None = None
    inhibit_any_policy: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """The certificate and file of one kind of device."""

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
    """The certificate and CRL of a root or an issuing CA."""

    name: str
    tier: Tier
    key_algorithm: KeyAlgorithm
    validity_years: int
    subject: Subject
    path_length: int
    crl_days: int
    constraints: Constraints = Constraints()
