"""Name and policy constraints (RFC 5280 §4.2.1.4, 10, 11, 14): put into CAs, kept below them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator

from cryptography import x509
from cryptography.x509.oid import NameOID

from renrakucho_ca.model import Constraints, NameForm, Subtree

ANY_POLICY = "2.5.29.32.0"

Extensions = Iterator[tuple[x509.ExtensionType, bool]]


def extensions(
    constraints: Constraints, name_of: Callable[[Subtree], x509.GeneralName]
) -> Extensions:
    """The extensions and whether each is critical.

    Args:
        name_of: a subtree's base as the library has it.
    """
    if constraints.permitted or constraints.excluded:  # §4.2.1.10: MUST be critical
        yield (
            x509.NameConstraints(
                list(map(name_of, constraints.permitted)) or None,
                list(map(name_of, constraints.excluded)) or None,
            ),
            True,
        )
    if constraints.policies:  # §4.2.1.4: not critical; verifiers that know none go on
        yield (
            x509.CertificatePolicies(
                [
                    x509.PolicyInformation(x509.ObjectIdentifier(p), None)
                    for p in constraints.policies
                ]
            ),
            False,
        )
    explicit, mapping = constraints.require_explicit_policy, constraints.inhibit_policy_mapping
    if explicit is not None or mapping is not None:  # §4.2.1.11: MUST be critical
        yield x509.PolicyConstraints(explicit, mapping), True
    if constraints.inhibit_any_policy is not None:  # §4.2.1.14: MUST be critical
        yield x509.InhibitAnyPolicy(constraints.inhibit_any_policy), True


# -- what a certificate under a CA breaks


def name_findings(certificate: x509.Certificate, issuer: x509.NameConstraints) -> Iterator[str]:
    """§6.1.4 (b), (c): every name of a kind that is permitted somewhere must be permitted."""
    for kind, name in _names(certificate):
        excluded = [base for base in issuer.excluded_subtrees or () if _is_kind(base, kind)]
        permitted = [base for base in issuer.permitted_subtrees or () if _is_kind(base, kind)]
        shown = name.rfc4514_string() if isinstance(name, x509.Name) else name
        if any(_is_within(name, base) for base in excluded):
            yield f"its CA excludes the name {shown}"
        if permitted and not any(_is_within(name, base) for base in permitted):
            yield f"its CA does not permit the name {shown}"


def policy_findings(
    certificate: x509.Certificate,
    policies: x509.CertificatePolicies | None,
    constraints: x509.PolicyConstraints | None,
    inhibit_any: x509.InhibitAnyPolicy | None,
) -> Iterator[str]:
    """§6.1.3 (d): with an explicit policy required, one must hold along the whole path.

    Args:
        policies, constraints, inhibit_any: the issuer's.
    """
    explicit = None if constraints is None else constraints.require_explicit_policy
    if explicit != 0:
        return
    allowed = {each.policy_identifier.dotted_string for each in policies or ()}
    try:
        own = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
        found = {each.policy_identifier.dotted_string for each in own}
    except x509.ExtensionNotFound:
        found = set()
    if inhibit_any is not None and inhibit_any.skip_certs == 0:
        found.discard(ANY_POLICY)
    if not (
        found & allowed or (found and ANY_POLICY in allowed) or (allowed and ANY_POLICY in found)
    ):
        yield "its CA requires a certificate policy that it allows"


_Name = str | x509.Name
_HOST = re.compile(r"([a-z0-9_]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.I)


def _names(certificate: x509.Certificate) -> Iterator[tuple[NameForm, _Name]]:
    """The subject; and what verifiers take for other names in it, where there are no others.

    Mail addresses §4.2.1.10 itself names; a common name that looks like a host OpenSSL and GnuTLS
    hold against the constraints of hosts.
    """
    yield NameForm.DIRNAME, certificate.subject
    for attribute in certificate.subject:
        value = str(attribute.value)
        if attribute.oid == NameOID.EMAIL_ADDRESS:
            yield NameForm.EMAIL, value
        elif attribute.oid == NameOID.COMMON_NAME and _HOST.fullmatch(value):
            yield NameForm.DNS, value


def _is_kind(base: x509.GeneralName, kind: NameForm) -> bool:
    return isinstance(base, _KINDS[kind])


_KINDS: dict[NameForm, type[x509.GeneralName]] = {
    NameForm.DNS: x509.DNSName,
    NameForm.EMAIL: x509.RFC822Name,
    NameForm.IP: x509.IPAddress,
    NameForm.DIRNAME: x509.DirectoryName,
}


def _is_within(name: _Name, base: x509.GeneralName) -> bool:
    if isinstance(name, x509.Name):
        top = [_compared(each) for each in base.value.rdns]
        return [_compared(each) for each in name.rdns][: len(top)] == top
    name, within = name.lower(), str(base.value).lower()
    if isinstance(base, x509.DNSName):
        return not within or name == within or name.endswith("." + within.lstrip("."))
    host = name.rpartition("@")[2]
    if "@" in within:
        return name == within
    return host.endswith(within) if within.startswith(".") else host == within


def _compared(relative: x509.RelativeDistinguishedName) -> frozenset[tuple[str, str]]:
    """§7.1: without regard to case and to repeated blanks."""
    return frozenset(
        (each.oid.dotted_string, " ".join(str(each.value).casefold().split())) for each in relative
    )


def general_name(subtree: Subtree, name: Callable[..., x509.Name]) -> x509.GeneralName:
    """A subtree's base.

    Args:
        name: makes a distinguished name.
    """
    form, value = subtree
    match form:
        case NameForm.DIRNAME:
            return x509.DirectoryName(name(value))
        case NameForm.IP:
            return x509.IPAddress(ipaddress.ip_network(str(value)))
        case NameForm.EMAIL:
            return x509.RFC822Name(str(value))
        case NameForm.DNS:
            return x509.DNSName(str(value))
