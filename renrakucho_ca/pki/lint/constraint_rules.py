"""Rules for a certificate's own constraints, and those of its issuer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cryptography import x509
from cryptography.x509.oid import NameOID

from renrakucho_ca.certificate_profile import NameForm
from renrakucho_ca.errors import Invalid
from renrakucho_ca.pki.lint.expected import Expected, Rule
from renrakucho_ca.pki.x509_certificates import extension

ANY_POLICY = "2.5.29.32.0"


def _constraints(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.2.1.4, 10, 11, 14: require the profile's constraints."""
    bound = expected.bound
    names = extension(certificate, x509.NameConstraints)
    for found, subtrees in (
        (names and names.permitted_subtrees, bound.permitted),
        (names and names.excluded_subtrees, bound.excluded),
    ):
        if len(found or ()) != len(subtrees):
            yield "the name constraints are not those of the profile"
    policies = extension(certificate, x509.CertificatePolicies)
    if tuple(p.policy_identifier.dotted_string for p in policies or ()) != bound.policies:
        yield "the certificate policies are not those of the profile"
    policy = extension(certificate, x509.PolicyConstraints)
    depths = (policy and policy.require_explicit_policy, policy and policy.inhibit_policy_mapping)
    if depths != (bound.require_explicit_policy, bound.inhibit_policy_mapping):
        yield "the policy constraints are not those of the profile"
    inhibit = extension(certificate, x509.InhibitAnyPolicy)
    if (inhibit and inhibit.skip_certs) != bound.inhibit_any_policy:
        yield "the inhibition of any policy is not that of the profile"


def _issuers_constraints(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§6.1: refuse what the issuer's constraints forbid: verifiers would refuse it."""
    issuer = expected.issuer
    # Only its issuer's constraints apply to a responder's certificate (RFC 6960 §4.2.2.2).
    if certificate == issuer or expected.no_check:
        return
    for ca in (issuer, *expected.above):
        yield from map(str, name_findings(certificate, ca))
    # A root's policies have no effect: verifiers, also OpenSSL, begin below it (§6.1.1 (d)).
    yield from _policy_findings(
        certificate,
        extension(issuer, x509.CertificatePolicies),
        extension(issuer, x509.PolicyConstraints),
        extension(issuer, x509.InhibitAnyPolicy),
    )


def name_findings(certificate: x509.Certificate, ca: x509.Certificate) -> Iterator[Invalid]:
    """§6.1.4 (b), (c): yield each name that the CA's constraints do not permit.

    Args:
        ca: any CA above the certificate; OpenSSL applies a root's constraints too.
    """
    bound = extension(ca, x509.NameConstraints)
    if bound is None:
        return
    for kind, name in _names(certificate):
        excluded = [base for base in bound.excluded_subtrees or () if _is_kind(base, kind)]
        permitted = [base for base in bound.permitted_subtrees or () if _is_kind(base, kind)]
        shown = name.rfc4514_string() if isinstance(name, x509.Name) else name
        if any(_is_within(name, base) for base in excluded):
            yield Invalid("its CA excludes the name {name}", name=shown)
        if permitted and not any(_is_within(name, base) for base in permitted):
            yield Invalid("its CA does not permit the name {name}", name=shown)


def _policy_findings(
    certificate: x509.Certificate,
    policies: x509.CertificatePolicies | None,
    constraints: x509.PolicyConstraints | None,
    inhibit_any: x509.InhibitAnyPolicy | None,
) -> Iterator[str]:
    """§6.1.3 (d): require one policy along the whole path if an explicit policy is required."""
    explicit = None if constraints is None else constraints.require_explicit_policy
    if explicit != 0:
        return
    allowed = {each.policy_identifier.dotted_string for each in policies or ()}
    own = extension(certificate, x509.CertificatePolicies)
    found = {each.policy_identifier.dotted_string for each in own or ()}
    if inhibit_any is not None and inhibit_any.skip_certs == 0:
        found.discard(ANY_POLICY)
    if not (
        found & allowed or (found and ANY_POLICY in allowed) or (allowed and ANY_POLICY in found)
    ):
        yield "its CA requires a certificate policy that it allows"


_Name = str | x509.Name
_HOST = re.compile(r"([a-z0-9_]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.I)


def _names(certificate: x509.Certificate) -> Iterator[tuple[NameForm, _Name]]:
    """Yield the subject, and the parts of it that verifiers treat as missing alternative names.

    §4.2.1.10 names mail addresses. OpenSSL and GnuTLS also compare a common name that looks like a
    host with the constraints of hosts.
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
    """§7.1: ignore case and repeated blanks."""
    return frozenset(
        (each.oid.dotted_string, " ".join(str(each.value).casefold().split())) for each in relative
    )


RULES: tuple[Rule, ...] = (_constraints, _issuers_constraints)
