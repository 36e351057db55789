"""Reads `profiles/*.yaml`: what each kind of device gets, and what a CA is made like.

A profile's name is its file's: `iphone.yaml` is what `--device iphone` asks for. `root.yaml` and
`issuing.yaml` are for the two CAs of a hierarchy; every other file is a kind of device.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec

from renrakucho_ca import yamlfile
from renrakucho_ca.errors import Attention, Invalid, NotFound
from renrakucho_ca.model import (
    CaProfile,
    Constraints,
    Container,
    DeviceProfile,
    ExtendedKeyUsage,
    KeyAlgorithm,
    KeyUsage,
    NameForm,
    P12Format,
    Subject,
    SubjectAttribute,
    Subtree,
    Tier,
    clean_text,
)

LONGEST_ATTRIBUTE = 64
"""ub-common-name, ub-organization-name and ub-organizational-unit-name (RFC 5280 appendix A.1);
state and locality may have 128, which nobody's place needs."""

_LONGEST_TEMPLATE = 200

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

_Years = Annotated[int, msgspec.Meta(ge=1, le=50)]


# --- Constraints --------------------------------------------------------------------------------

_LABEL = r"[a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"({_LABEL}\.)*{_LABEL}")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,14})){1,30}")


def _domain(text: str) -> str:
    """§4.2.1.10: without a leading dot; all below it is meant too. In A-labels (§7.2)."""
    if not _DOMAIN.fullmatch(text.lower()) or len(text) > 253:
        raise Invalid("{text} is not a domain", hint="such as example.jp", text=repr(text[:60]))
    return text.lower()


def _mails(text: str) -> str:
    """§4.2.1.10: one address, one host (`example.jp`), or all hosts of a domain (`.example.jp`)."""
    local, at, host = text.rpartition("@")
    if at and not re.fullmatch(r"[!-?A-~]{1,64}", local):
        raise Invalid("{text} is not a mail address", text=repr(text[:60]))
    return f"{local}{at}" + (host[:1] + _domain(host[1:]) if host[:1] == "." else _domain(host))


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise Invalid(
            "{text} is not a network", hint="such as 10.0.0.0/8", text=repr(text[:60])
        ) from None


_SUBTREES = {NameForm.DNS: _domain, NameForm.EMAIL: _mails, NameForm.IP: _network}


def _subtrees(form: NameForm, texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_SUBTREES[form](text) for text in texts)


def _policies(oids: tuple[str, ...]) -> tuple[str, ...]:
    """Object identifiers, each once (§4.2.1.4)."""
    for oid in oids:
        first, second = (*oid.split("."), "")[:2]
        if not _OID.fullmatch(oid) or (first in "01" and int(second) > 39):
            raise Invalid(
                "{text} is not an object identifier",
                hint="such as 2.5.29.32.0, which is any policy",
                text=repr(oid[:60]),
            )
    if len(set(oids)) < len(oids):
        raise Invalid("a value stands here twice")
    return oids


# --- What stands in the files -------------------------------------------------------------------


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
            yamlfile.refine(self, attribute, partial(_template, attribute, self.placeholders))

    def templates(self) -> Subject:
        values = ((attribute, getattr(self, attribute)) for attribute in SubjectAttribute)
        return tuple((attribute, value) for attribute, value in values if value is not None)


class _DeviceSubject(_Subject, frozen=True):
    placeholders = (
        "user",
        "name",
        "facility",
        "network",
        "organization",
        "device",
        "hierarchy",
        "number",
    )


class _CaSubject(_Subject, frozen=True):
    placeholders = ("common_name", "organization", "network", "hierarchy")


class _Title(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    en: str
    ja: str

    def __post_init__(self) -> None:
        for language in ("en", "ja"):
            yamlfile.refine(self, language, partial(clean_text, what="text", longest=64))


class _BaseName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most significant part of a distinguished name, in the order of `SubjectAttribute`."""

    country: str | None = None
    organization: str | None = None
    organizational_unit: str | None = None
    state: str | None = None
    locality: str | None = None
    common_name: str | None = None

    def __post_init__(self) -> None:
        for attribute in SubjectAttribute:
            yamlfile.refine(self, attribute, partial(_attribute_value, attribute))

    def subject(self) -> Subject:
        values = ((attribute, getattr(self, attribute)) for attribute in SubjectAttribute)
        return tuple((attribute, value) for attribute, value in values if value is not None)


_Names = tuple[str, ...]


class _Subtrees(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dns: _Names = ()
    email: _Names = ()
    ip: _Names = ()
    dirname: tuple[_BaseName, ...] = ()

    def __post_init__(self) -> None:
        for form in (NameForm.DNS, NameForm.EMAIL, NameForm.IP):
            yamlfile.refine(self, form, partial(_subtrees, form))
        if not all(each.subject() for each in self.dirname):
            raise yamlfile.Fault("dirname", Invalid("a name without attributes"))

    def all(self) -> tuple[Subtree, ...]:
        texts = ((form, text) for form in _SUBTREES for text in getattr(self, form))
        return (*texts, *((NameForm.DIRNAME, each.subject()) for each in self.dirname))


class _NameConstraints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    permitted: _Subtrees = _Subtrees()
    excluded: _Subtrees = _Subtrees()

    def __post_init__(self) -> None:
        # RFC 5280 §4.2.1.10: MUST NOT be empty.
        if not self.permitted.all() + self.excluded.all():
            raise yamlfile.Fault("permitted", Invalid("no name is permitted or excluded"))


_Depth = Annotated[int, msgspec.Meta(ge=0, le=9)]


class _PolicyConstraints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    require_explicit_policy: _Depth | None = None
    inhibit_policy_mapping: _Depth | None = None

    def __post_init__(self) -> None:
        # RFC 5280 §4.2.1.11: MUST NOT be empty.
        if self.require_explicit_policy is None and self.inhibit_policy_mapping is None:
            raise yamlfile.Fault(
                "require_explicit_policy", Invalid("policy_constraints without any of the two")
            )


class _Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["device"]
    title: _Title
    key_algorithm: KeyAlgorithm
    validity_years: _Years
    subject: _DeviceSubject
    key_usage: Annotated[tuple[KeyUsage, ...], msgspec.Meta(min_length=1)]
    extended_key_usage: Annotated[tuple[ExtendedKeyUsage, ...], msgspec.Meta(min_length=1)]
    # Not `pem`: that is what a person gets who brings an own key.
    container: Literal["p12", "mobileconfig"]
    chain: tuple[Tier, ...]
    p12: P12Format = P12Format.COMPAT
    certificate_policies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        yamlfile.refine(self, "certificate_policies", _policies)
        self._check_repetitions()
        self._check_key_usage()
        if self.container == "mobileconfig":
            self._check_mobileconfig()

    def _check_repetitions(self) -> None:
        for key in ("key_usage", "extended_key_usage", "chain"):
            values = getattr(self, key)
            if len(set(values)) < len(values):
                raise yamlfile.Fault(key, Invalid("a value stands here twice"))

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
                    "{usage} is not for a key of {algorithm}",
                    usage=wrong,
                    algorithm=self.key_algorithm,
                ),
            )

    def _check_mobileconfig(self) -> None:
        # Apple: only one certificate may be in the PKCS#12 of a profile; the CAs have payloads of
        # their own.
        if self.chain:
            raise yamlfile.Fault(
                "chain",
                Invalid("a mobileconfig carries the CA certificates itself; expected []"),
            )
        # iOS up to 17 answers "wrong password" to anything else.
        if self.p12 is not P12Format.COMPAT:
            raise yamlfile.Fault("p12", Invalid("a mobileconfig needs compat"))


class _Ca(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    key_algorithm: KeyAlgorithm
    validity_years: _Years
    subject: _CaSubject
    # How many CAs may follow below (RFC 5280 §4.2.1.9).
    path_length: Annotated[int, msgspec.Meta(ge=0, le=9)]
    # A CRL past its end locks everyone out: a week is the least that leaves time to notice.
    crl_days: Annotated[int, msgspec.Meta(ge=7, le=3650)]
    name_constraints: _NameConstraints | None = None
    certificate_policies: tuple[str, ...] = ()
    policy_constraints: _PolicyConstraints | None = None
    inhibit_any_policy: _Depth | None = None

    def __post_init__(self) -> None:
        yamlfile.refine(self, "certificate_policies", _policies)

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
    # With 0 its issuing CA would be void.
    path_length: Annotated[int, msgspec.Meta(ge=1, le=9)]


class _Issuing(_Ca, frozen=True, kw_only=True):
    kind: Literal["issuing"]


_CA_KINDS: dict[str, type[_Ca]] = {Tier.ROOT: _Root, Tier.ISSUING: _Issuing}


# --- Reading ------------------------------------------------------------------------------------


def load(folder: Path, name: str) -> DeviceProfile:
    """The profile of a kind of device.

    Args:
        folder: a home's `profiles`.
        name: such as `iphone`.

    Raises:
        NotFound: there is none of that name; the hint lists those that exist.
        Invalid: it is no name, or the file is not what a profile should be.
    """
    _check_name(name)
    known = names(folder)
    if name not in known:
        raise NotFound(
            "there is no profile for a device {name}",
            hint="profiles: {known}",
            name=name,
            known=", ".join(known) or "none",
        )
    return _load_device(folder / f"{name}.yaml", name)


def _check_name(name: str) -> None:
    """Before it becomes a part of a path."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            "{name} is not a profile's name",
            hint="a name has up to 32 of a-z, 0-9 and -, such as iphone",
            name=repr(name[:40]),
        )


def _load_device(path: Path, name: str) -> DeviceProfile:
    raw = yamlfile.read(path, _Device)
    return DeviceProfile(
        name=name,
        title={"en": raw.title.en, "ja": raw.title.ja},
        key_algorithm=raw.key_algorithm,
        validity_years=raw.validity_years,
        subject=raw.subject.templates(),
        key_usage=frozenset(raw.key_usage),
        extended_key_usage=raw.extended_key_usage,
        container=Container(raw.container),
        p12=raw.p12,
        chain=raw.chain,
        policies=raw.certificate_policies,
    )


def load_ca(folder: Path, tier: Tier) -> CaProfile:
    """The profile of the root or of the issuing CA.

    Args:
        folder: a home's `profiles`.
        tier: which of the two.

    Raises:
        NotFound: the file is missing.
        Invalid: it is not what a CA's profile should be.
    """
    raw = yamlfile.read(folder / f"{tier}.yaml", _CA_KINDS[tier])
    return CaProfile(
        name=tier.value,
        tier=tier,
        key_algorithm=raw.key_algorithm,
        validity_years=raw.validity_years,
        subject=raw.subject.templates(),
        path_length=raw.path_length,
        crl_days=raw.crl_days,
        constraints=raw.constraints(),
    )


def check(path: Path) -> DeviceProfile | CaProfile:
    """Reads one file as what its name says that it is.

    Raises:
        NotFound: there is no such file.
        Invalid: it is not what a profile should be.
    """
    if path.suffix != ".yaml":
        raise Invalid("{file}: a profile's file is named NAME.yaml", file=path)
    _check_name(path.stem)
    if path.stem in _CA_KINDS:
        return load_ca(path.parent, Tier(path.stem))
    return _load_device(path, path.stem)


def names(folder: Path) -> list[str]:
    """The kinds of device that have a profile, sorted. Files whose name is none are passed over."""
    stems = (path.stem for path in folder.glob("*.yaml"))
    return sorted(stem for stem in stems if _NAME.fullmatch(stem) and stem not in _CA_KINDS)


def shipped() -> Path:
    """The folder of the profiles that come with the program, for a new home to copy."""
    package = Path(__file__).parent
    installed = package / "shipped" / "profiles"
    # A checkout has them at its root, where the wheel is built from (pyproject.toml).
    return installed if installed.is_dir() else package.parent / "profiles"


def warnings(profile: DeviceProfile | CaProfile) -> list[Attention]:
    """What a profile may say, but an operator should know. Returned, not raised."""
    found = []
    if profile.key_algorithm is KeyAlgorithm.RSA_2048:
        found.append(
            Attention(
                "{name}: rsa-2048 has 112 bits of strength, deprecated after 2030 (NIST IR 8547); "
                "certificates last {years} years",
                hint="rsa-3072 or ec-p256 lasts",
                name=profile.name,
                years=profile.validity_years,
            )
        )
    if isinstance(profile, DeviceProfile) and profile.p12 is P12Format.MODERN:
        found.append(
            Attention(
                "{name}: iOS before 18, macOS before 15, Android before 14 and Windows 10 before "
                "1709 say `wrong password` to a modern PKCS#12",
                hint="compat opens everywhere",
                name=profile.name,
            )
        )
    return found


# --- Subjects -----------------------------------------------------------------------------------


def render_subject(subject: Subject, values: Mapping[str, str | None]) -> Subject:
    """Fills a profile's templates in.

    Args:
        subject: a profile's: attribute and template.
        values: what the placeholders stand for; None or empty is the same as absent.

    Returns:
        Attributes in NFC. One whose placeholders all stand for nothing is left out.

    Raises:
        Invalid: longer than 64 characters, unprintable, no country, or without a common name.
    """
    rendered = []
    for attribute, template in subject:
        filled = [values.get(name) or "" for name in _PLACEHOLDER.findall(template)]
        if any(filled) or not filled:
            text = _PLACEHOLDER.sub(lambda found: values.get(found[1]) or "", template)
            rendered.append((attribute, _attribute_value(attribute, text)))
        elif attribute is SubjectAttribute.COMMON_NAME:
            raise Invalid("there is nothing to fill {template} in with", template=template)
    return tuple(rendered)


def _attribute_value(attribute: SubjectAttribute, text: str) -> str:
    value = clean_text(text, what=attribute, longest=LONGEST_ATTRIBUTE)
    if attribute is SubjectAttribute.COUNTRY and not re.fullmatch("[A-Z]{2}", value):
        raise Invalid("a country is two capital letters (ISO 3166), such as JP")
    return value


def _template(attribute: SubjectAttribute, allowed: Sequence[str], text: str) -> str:
    """The template in NFC, known to have plain placeholders alone."""
    for name in _PLACEHOLDER.findall(text):
        if name not in allowed:
            raise Invalid(
                "unknown placeholder {placeholder}",
                hint="placeholders: {allowed}",
                placeholder=repr("{" + name[:40] + "}"),
                allowed=" ".join("{" + one + "}" for one in allowed),
            )
    literal = _PLACEHOLDER.sub("", text)
    if "{" in literal or "}" in literal:
        raise Invalid("a brace without its other half")
    if literal == text:
        return _attribute_value(attribute, text)
    return clean_text(text, what="text", longest=_LONGEST_TEMPLATE)
