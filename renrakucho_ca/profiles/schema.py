"""The structure of a profile's file: one for devices, one for each CA."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, ClassVar, Literal

import msgspec

from renrakucho_ca import yamlfile
from renrakucho_ca.certificate_profile import (
    Constraints,
    ExtendedKeyUsage,
    KeyUsage,
    P12Format,
    SubjectAttribute,
)
from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import KeyAlgorithm, Tier
from renrakucho_ca.profiles.constraints import (
    Depth,
    NameConstraints,
    PolicyConstraints,
    checked_policies,
)
from renrakucho_ca.profiles.subjects import checked_template
from renrakucho_ca.text import clean_text

_Years = Annotated[int, msgspec.Meta(ge=1, le=50)]


class _Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Templates, in the order of `SubjectAttribute`."""

    common_name: str
    country: str | None = None
    organization: str | None = None
    organizational_unit: str | None = None
    state: str | None = None
    locality: str | None = None

    placeholders: ClassVar[Sequence[str]]

    def __post_init__(self) -> None:
        for attribute in SubjectAttribute:
            check = partial(checked_template, attribute, self.placeholders)
            yamlfile.refine(self, check, attribute)


class _DeviceSubject(_Subject, frozen=True):
    placeholders = (
        *("user", "name", "facility", "network", "organization"),
        *("device", "hierarchy", "number"),
    )


class _CaSubject(_Subject, frozen=True):
    placeholders = ("common_name", "organization", "network", "hierarchy")


class _Title(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    en: str
    ja: str

    def __post_init__(self) -> None:
        yamlfile.refine(self, partial(clean_text, what="text", longest=64), "en", "ja")


class DeviceDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["device"]
    title: _Title
    key_algorithm: KeyAlgorithm
    validity_years: _Years
    subject: _DeviceSubject
    key_usage: Annotated[tuple[KeyUsage, ...], msgspec.Meta(min_length=1)]
    extended_key_usage: Annotated[tuple[ExtendedKeyUsage, ...], msgspec.Meta(min_length=1)]
    # Not `pem`: that is for CSRs.
    container: Literal["p12", "mobileconfig"]
    chain: tuple[Tier, ...]
    p12: P12Format = P12Format.COMPAT
    certificate_policies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        yamlfile.refine(self, checked_policies, "certificate_policies")
        self._check_repetitions()
        self._check_key_usage()
        if self.container == "mobileconfig":
            self._check_mobileconfig()

    def _check_repetitions(self) -> None:
        for key in ("key_usage", "extended_key_usage", "chain"):
            values = getattr(self, key)
            if len(set(values)) < len(values):
                raise yamlfile.Fault(key, Invalid("a value appears twice"))

    def _check_key_usage(self) -> None:
        # TLS asks a client for a signature (RFC 5280 §4.2.1.12, RFC 8446 §4.4.2.2).
        if (
            ExtendedKeyUsage.CLIENT_AUTH in self.extended_key_usage
            and KeyUsage.DIGITAL_SIGNATURE not in self.key_usage
        ):
            raise yamlfile.Fault("key_usage", Invalid("clientAuth needs digitalSignature"))
        # RFC 8813 §3 for elliptic curves, RFC 3279 §2.3.1 for RSA.
        wrong = KeyUsage.KEY_ENCIPHERMENT
        if self.key_algorithm.startswith("rsa"):
            wrong = KeyUsage.KEY_AGREEMENT
        if wrong in self.key_usage:
            raise yamlfile.Fault(
                "key_usage",
                Invalid(
                    "{usage} does not fit a key of {algorithm}",
                    usage=wrong,
                    algorithm=self.key_algorithm,
                ),
            )

    def _check_mobileconfig(self) -> None:
        # Apple allows one certificate in the PKCS#12 of a profile; the CAs have their own payloads.
        if self.chain:
            raise yamlfile.Fault(
                "chain", Invalid("expected [], since a mobileconfig contains the CA certificates")
            )
        # iOS before 18 reports "wrong password" for other algorithms.
        if self.p12 is not P12Format.COMPAT:
            raise yamlfile.Fault("p12", Invalid("a mobileconfig needs compat"))


class _Ca(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    key_algorithm: KeyAlgorithm
    validity_years: _Years
    subject: _CaSubject
    # The number of CAs allowed below (RFC 5280 §4.2.1.9).
    path_length: Annotated[int, msgspec.Meta(ge=0, le=9)]
    # An expired CRL locks all users out: a week leaves time to notice a failing renewal.
    crl_days: Annotated[int, msgspec.Meta(ge=7, le=3650)]
    name_constraints: NameConstraints | None = None
    certificate_policies: tuple[str, ...] = ()
    policy_constraints: PolicyConstraints | None = None
    inhibit_any_policy: Depth | None = None

    def __post_init__(self) -> None:
        yamlfile.refine(self, checked_policies, "certificate_policies")

    def constraints(self) -> Constraints:
        names, policy = self.name_constraints, self.policy_constraints
        return Constraints(
            permitted=() if names is None else names.permitted.all(),
            excluded=() if names is None else names.excluded.all(),
            policies=self.certificate_policies,
            require_explicit_policy=None if policy is None else policy.require_explicit_policy,
            inhibit_policy_mapping=None if policy is None else policy.inhibit_policy_mapping,
            inhibit_any_policy=self.inhibit_any_policy,
        )


class _Root(_Ca, frozen=True, kw_only=True):
    kind: Literal["root"]
    # With 0, its issuing CA would be invalid.
    path_length: Annotated[int, msgspec.Meta(ge=1, le=9)]


class _Issuing(_Ca, frozen=True, kw_only=True):
    kind: Literal["issuing"]


CA_KINDS: dict[str, type[_Ca]] = {Tier.ROOT: _Root, Tier.ISSUING: _Issuing}
