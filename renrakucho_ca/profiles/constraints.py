"""Name and policy constraints in a CA's profile (RFC 5280 §4.2.1.4, §4.2.1.10, §4.2.1.11)."""

from __future__ import annotations

import ipaddress
import re
from functools import partial
from typing import Annotated

import msgspec

from renrakucho_ca import yamlfile
from renrakucho_ca.certificate_profile import NameForm, SubjectAttribute, Subtree
from renrakucho_ca.errors import Invalid
from renrakucho_ca.profiles.subjects import attribute_value, set_in

_LABEL = r"[a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"({_LABEL}\.)*{_LABEL}")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,14})){1,30}")


def _domain(text: str) -> str:
    """Check a domain (§4.2.1.10): in A-labels (§7.2), without a leading dot."""
    if not _DOMAIN.fullmatch(text.lower()) or len(text) > 253:
        raise Invalid(
            "{text} is not a domain", hint="write one such as example.jp", text=repr(text[:60])
        )
    return text.lower()


def _mails(text: str) -> str:
    """Check one address, one host (`example.jp`) or all hosts of a domain (`.example.jp`)."""
    local, at, host = text.rpartition("@")
    if at and not re.fullmatch(r"[!-?A-~]{1,64}", local):
        raise Invalid("{text} is not a mail address", text=repr(text[:60]))
    return f"{local}{at}" + (host[:1] + _domain(host[1:]) if host[:1] == "." else _domain(host))


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise Invalid(
            "{text} is not a network", hint="write one such as 10.0.0.0/8", text=repr(text[:60])
        ) from None


_SUBTREES = {NameForm.DNS: _domain, NameForm.EMAIL: _mails, NameForm.IP: _network}


def _subtrees(form: NameForm, texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_SUBTREES[form](text) for text in texts)


def checked_policies(oids: tuple[str, ...]) -> tuple[str, ...]:
    """Check object identifiers, which must be unique (§4.2.1.4)."""
    for oid in oids:
        first, second = (*oid.split("."), "")[:2]
        if not _OID.fullmatch(oid) or (first in "01" and int(second) > 39):
            raise Invalid(
                "{text} is not an object identifier",
                hint="write one such as 2.5.29.32.0, which is any policy",
                text=repr(oid[:60]),
            )
    if len(set(oids)) < len(oids):
        raise Invalid("a value appears twice")
    return oids


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
            yamlfile.refine(self, partial(attribute_value, attribute), attribute)


_Names = tuple[str, ...]


class _Subtrees(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dns: _Names = ()
    email: _Names = ()
    ip: _Names = ()
    dirname: tuple[_BaseName, ...] = ()

    def __post_init__(self) -> None:
        for form in (NameForm.DNS, NameForm.EMAIL, NameForm.IP):
            yamlfile.refine(self, partial(_subtrees, form), form)
        if not all(map(set_in, self.dirname)):
            raise yamlfile.Fault("dirname", Invalid("a name has no attributes"))

    def all(self) -> tuple[Subtree, ...]:
        texts = ((form, text) for form in _SUBTREES for text in getattr(self, form))
        return (*texts, *((NameForm.DIRNAME, set_in(each)) for each in self.dirname))


class NameConstraints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    permitted: _Subtrees = _Subtrees()
    excluded: _Subtrees = _Subtrees()

    def __post_init__(self) -> None:
        # RFC 5280 §4.2.1.10: MUST NOT be empty.
        if not self.permitted.all() + self.excluded.all():
            raise yamlfile.Fault("permitted", Invalid("no name is permitted or excluded"))


Depth = Annotated[int, msgspec.Meta(ge=0, le=9)]


class PolicyConstraints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    require_explicit_policy: Depth | None = None
    inhibit_policy_mapping: Depth | None = None

    def __post_init__(self) -> None:
        # RFC 5280 §4.2.1.11: MUST NOT be empty.
        if self.require_explicit_policy is None and self.inhibit_policy_mapping is None:
            raise yamlfile.Fault(
                "require_explicit_policy",
                Invalid(
                    "policy_constraints needs require_explicit_policy or inhibit_policy_mapping"
                ),
            )
