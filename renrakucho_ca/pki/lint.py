"""Our linter: reads a certificate as a stranger would, and tells what deviates from its profile.

It shares nothing with the builder but the request: a mistake there cannot excuse itself here. A
rule is a generator of findings that stands in `RULES`; a finding is one sentence in lower case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, NameOID, ObjectIdentifier

from renrakucho_ca.clock import years_after
from renrakucho_ca.errors import Invalid, Refused
from renrakucho_ca.model import CaProfile, Constraints, ExtendedKeyUsage, Subject, SubjectAttribute
from renrakucho_ca.pki import constraints, der
from renrakucho_ca.pki.certificates import (
    Distribution,
    EndEntity,
    Responder,
    Validity,
    extension,
)
from renrakucho_ca.pki.keys import PublicKey, public_key_of, signature_hash


@dataclass(frozen=True, slots=True)
class Expected:
    """What a certificate must say; `path_length` is None for an end entity, `no_check` tells an
    OCSP responder.

    Attributes:
        subject: a name that is taken over from another certificate stays as it stands there.
        identifier: of its key; None where it is to be derived from the key.
    """

    subject: Subject | x509.Name
    serial: int
    validity: Validity
    years: int
    public_key: PublicKey
    distribution: Distribution
    key_usage: frozenset[str]
    purposes: frozenset[str]
    path_length: int | None
    issuer: x509.Certificate
    bound: Constraints
    no_check: bool = False
    identifier: x509.SubjectKeyIdentifier | None = None


Rule = Callable[[x509.Certificate, Expected], Iterator[str]]


def lint(certificate: x509.Certificate, request: EndEntity, issuer: x509.Certificate) -> list[str]:
    """Findings about a device's certificate; none is a pass. Its signature is not looked at.

    Args:
        request: what was asked for.
        issuer: the CA that is to sign it.
    """
    return _findings(
        certificate,
        Expected(
            subject=request.subject,
            serial=request.serial,
            validity=request.validity,
            years=request.profile.validity_years,
            public_key=request.public_key,
            distribution=request.distribution,
            key_usage=frozenset(bit.value for bit in request.profile.key_usage),
            purposes=frozenset(_PURPOSES[p] for p in request.profile.extended_key_usage),
            path_length=None,
            issuer=issuer,
            bound=Constraints(policies=request.profile.policies),
        ),
    )


def lint_ca(
    certificate: x509.Certificate,
    *,
    profile: CaProfile,
    subject: Subject | x509.Name,
    public_key: PublicKey,
    serial: int,
    validity: Validity,
    issuer: x509.Certificate,
    distribution: Distribution,
    identifier: x509.SubjectKeyIdentifier | None = None,
) -> list[str]:
    """Findings about a CA's certificate; none is a pass. Its signature is not looked at.

    Args:
        issuer: the root above it; for a root, the certificate itself.
        distribution: for a root, an empty one.
        identifier: of the key, where it is not derived from it.
    """
    return _findings(
        certificate,
        Expected(
            subject=subject,
            serial=serial,
            validity=validity,
            years=profile.validity_years,
            public_key=public_key,
            distribution=distribution,
            key_usage=frozenset({"keyCertSign", "cRLSign"}),
            purposes=frozenset(),
            path_length=profile.path_length,
            issuer=issuer,
            bound=profile.constraints,
            identifier=identifier,
        ),
    )


def lint_responder(
    certificate: x509.Certificate, request: Responder, issuer: x509.Certificate
) -> list[str]:
    """Findings about an OCSP responder's certificate; none is a pass. Its signature is not looked
    at."""
    return _findings(
        certificate,
        Expected(
            subject=request.subject,
            serial=request.serial,
            validity=request.validity,
            years=1,
            public_key=request.public_key,
            distribution=Distribution(),
            key_usage=frozenset({"digitalSignature"}),
            purposes=frozenset({"1.3.6.1.5.5.7.3.9"}),  # id-kp-OCSPSigning
            path_length=None,
            issuer=issuer,
            bound=Constraints(),
            no_check=True,
        ),
    )


def enforce(findings: list[str]) -> None:
    """Lets a clean certificate pass.

    Raises:
        Refused: there are findings.
    """
    if findings:
        raise Refused(
            "the certificate would not be what its profile says: {findings}",
            findings="; ".join(findings),
        )


def _findings(certificate: x509.Certificate, expected: Expected) -> list[str]:
    try:
        return [finding for rule in RULES for finding in rule(certificate, expected)]
    except (ValueError, x509.DuplicateExtension) as error:
        return [f"a part of the certificate cannot be read ({error})"]


def _version(certificate: x509.Certificate, _: Expected) -> Iterator[str]:
    """§4.1.2.1: extensions need version 3."""
    if certificate.version is not x509.Version.v3:
        yield f"the version is {certificate.version.name}, not v3"


def _serial(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.1.2.2: positive, at most 20 octets; ours carry 128 random bits, so are never short."""
    serial = certificate.serial_number
    if serial != expected.serial:
        yield f"the serial number is {serial:x}, not {expected.serial:x}"
    if serial <= 0:
        yield "the serial number is not positive"
    elif serial.bit_length() < 127:
        yield f"the serial number has {serial.bit_length()} bits, fewer than 127"
    elif serial.bit_length() > 159:
        yield "the serial number is longer than 20 octets"


def _signature_hash(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.1.1.2; SHA-1 is broken (RFC 6194), and the draft must name the issuer's own hash."""
    used = certificate.signature_hash_algorithm
    wanted = signature_hash(public_key_of(expected.issuer))
    if used is None or used.name != wanted.name:
        yield f"the signature hash is {used.name if used else 'unknown'}, not {wanted.name}"


def _issuer(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.1.2.4 and §6.1.3: the issuer's subject, byte for byte; and the issuer must be a CA."""
    if certificate.issuer.public_bytes() != expected.issuer.subject.public_bytes():
        yield "the issuer's name is not the subject of the issuer's certificate"
    constraints = extension(expected.issuer, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        yield "the issuer's certificate is not that of a CA"
    usage = extension(expected.issuer, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        yield "the issuer's key usage does not allow it to sign certificates"


def _validity(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.1.2.5; and no certificate outlives its issuer (§6.1 would refuse it from then on)."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if (begin, end) != (expected.validity.not_before, expected.validity.not_after):
        yield "the validity is not the one that was asked for"
    if end <= begin:
        yield "the validity ends before it begins"
    # One day more than the calendar in UTC: where local midnight lies on another day, ten years
    # from 29 February end a day apart, and the beginning may be set back against slow clocks.
    elif end > years_after(begin, expected.years) + timedelta(days=1):
        yield f"the validity is longer than the {expected.years} years of the profile"
    if end > expected.issuer.not_valid_after_utc:
        yield "the validity ends after that of the issuer"


def _subject(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.1.2.6: what was asked for, in that order, one attribute a relative name."""
    if isinstance(expected.subject, x509.Name):
        if certificate.subject.public_bytes() != expected.subject.public_bytes():
            yield "the subject is not the one that was asked for"
        return
    found = [
        [(attribute.oid.dotted_string, attribute.value) for attribute in relative]
        for relative in certificate.subject.rdns
    ]
    if not found:
        yield "the subject is empty"
    if found != [[(_ATTRIBUTES[name], value)] for name, value in expected.subject]:
        yield "the subject is not the one that was asked for"


def _subject_strings(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.1.2.4 wants UTF8String or PrintableString; appendix A.1 bounds the lengths."""
    if isinstance(expected.subject, x509.Name):
        return  # it must be the same as elsewhere, whatever it is
    (name,) = der.elements(certificate.subject.public_bytes())
    for relative in der.elements(name.content):
        for pair in der.elements(relative.content):
            _oid, value = der.elements(pair.content)
            if value.tag not in (der.UTF8_STRING, der.PRINTABLE_STRING):
                yield "the subject has a value that is neither UTF8String nor PrintableString"
    for attribute in certificate.subject:
        longest = 2 if attribute.oid == NameOID.COUNTRY_NAME else 64
        if len(attribute.value) > longest:
            what = attribute.rfc4514_attribute_name
            yield f"the subject's {what} is longer than {longest} characters"


def _public_key(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.1.2.7: the requested key, of an accepted kind and strength."""
    try:
        found = public_key_of(certificate)
    except Invalid as refusal:
        yield f"the public key is not acceptable ({refusal})"
    else:
        if found != expected.public_key:
            yield "the public key is not the one that was asked for"


def _extensions(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.2: exactly the extensions of the profile, each as critical as the clause wants."""
    wanted = {
        ExtensionOID.BASIC_CONSTRAINTS: True,  # §4.2.1.9
        ExtensionOID.KEY_USAGE: True,  # §4.2.1.3
        ExtensionOID.SUBJECT_KEY_IDENTIFIER: False,  # §4.2.1.2
    }
    if certificate != expected.issuer:  # a root's may be left out
        wanted[ExtensionOID.AUTHORITY_KEY_IDENTIFIER] = False  # §4.2.1.1
    if expected.purposes:
        wanted[ExtensionOID.EXTENDED_KEY_USAGE] = False  # §4.2.1.12
    if expected.no_check:
        wanted[ExtensionOID.OCSP_NO_CHECK] = False  # RFC 6960 §4.2.2.2.1
    if expected.distribution.crl_url:
        wanted[ExtensionOID.CRL_DISTRIBUTION_POINTS] = False  # §4.2.1.13
    if expected.distribution.ocsp_url or expected.distribution.ca_issuers_url:
        wanted[ExtensionOID.AUTHORITY_INFORMATION_ACCESS] = False  # §4.2.2.1
    wanted |= _wanted_constraints(expected.bound)
    found = {each.oid: each.critical for each in certificate.extensions}
    for oid, critical in wanted.items():
        if oid not in found:
            yield f"the extension {_title(oid)} is missing"
        elif found[oid] is not critical:
            yield f"the extension {_title(oid)} is {'not ' if critical else ''}critical"
    for oid in found:
        if oid not in wanted:
            yield f"the extension {_title(oid)} is not expected"


def _wanted_constraints(bound: Constraints) -> dict[ObjectIdentifier, bool]:
    wanted = {}
    if bound.permitted or bound.excluded:
        wanted[ExtensionOID.NAME_CONSTRAINTS] = True  # §4.2.1.10
    if bound.policies:
        wanted[ExtensionOID.CERTIFICATE_POLICIES] = False  # §4.2.1.4
    if (bound.require_explicit_policy, bound.inhibit_policy_mapping) != (None, None):
        wanted[ExtensionOID.POLICY_CONSTRAINTS] = True  # §4.2.1.11
    if bound.inhibit_any_policy is not None:
        wanted[ExtensionOID.INHIBIT_ANY_POLICY] = True  # §4.2.1.14
    return wanted


def _constraints(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.2.1.4, 10, 11, 14: those of the profile."""
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
    """§6.1: what the issuer forbids, every verifier would refuse."""
    issuer = expected.issuer
    # A responder's certificate is held against its issuer alone (RFC 6960 §4.2.2.2).
    if certificate == issuer or expected.no_check:
        return
    names = extension(issuer, x509.NameConstraints)
    if names is not None:
        yield from constraints.name_findings(certificate, names)
    yield from constraints.policy_findings(
        certificate,
        extension(issuer, x509.CertificatePolicies),
        extension(issuer, x509.PolicyConstraints),
        extension(issuer, x509.InhibitAnyPolicy),
    )


def _basic_constraints(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.2.1.9: a device is no CA; a CA is one, and no deeper than its profile."""
    found = extension(certificate, x509.BasicConstraints)
    if found is None:
        return
    if found.ca and expected.path_length is None:
        yield "it would be a CA"
    elif not found.ca and expected.path_length is not None:
        yield "it would not be a CA"
    elif found.path_length != expected.path_length:
        yield f"the path length is {found.path_length}, not {expected.path_length}"


def _key_usage(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.2.1.3: the bits of the profile, no fewer and no more."""
    found = extension(certificate, x509.KeyUsage)
    if found is None:
        return
    bits = {title for title, is_set in _USAGE_BITS.items() if is_set(found)}
    for bit in sorted(expected.key_usage - bits):
        yield f"the key usage lacks {bit}"
    for bit in sorted(bits - expected.key_usage):
        yield f"the key usage has {bit}"
    # RFC 3279 §2.3.1, RFC 8813 §3. A request may bring a key of another kind than the profile's.
    kind, never = "an RSA", "keyAgreement"
    if isinstance(expected.public_key, ec.EllipticCurvePublicKey):
        kind, never = "an EC", "keyEncipherment"
    if never in expected.key_usage:
        yield f"the key usage has {never}, which {kind} key cannot do"


def _extended_key_usage(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.2.1.12: the purposes of the profile, no fewer and no more."""
    found = extension(certificate, x509.ExtendedKeyUsage)
    if found is None:
        return
    purposes = {purpose.dotted_string for purpose in found}
    for purpose in sorted(expected.purposes - purposes):
        yield f"the extended key usage lacks {purpose}"
    for purpose in sorted(purposes - expected.purposes):
        yield f"the extended key usage has {purpose}"


def _subject_key_identifier(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.2.1.2, method (1): SHA-1 over the key, by which a path is found, not proven."""
    found = extension(certificate, x509.SubjectKeyIdentifier)
    wanted = expected.identifier or x509.SubjectKeyIdentifier.from_public_key(expected.public_key)
    if found is not None and found != wanted:
        yield "the subject key identifier is not that of the public key"


def _authority_key_identifier(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.2.1.1: the issuer's subject key identifier, as it stands there."""
    found = extension(certificate, x509.AuthorityKeyIdentifier)
    issuer = extension(expected.issuer, x509.SubjectKeyIdentifier)
    if issuer is None:  # a CA that was taken over
        issuer = x509.SubjectKeyIdentifier.from_public_key(public_key_of(expected.issuer))
    if found is not None and found.key_identifier != issuer.digest:
        yield "the authority key identifier is not that of the issuer"


def _crl_distribution_points(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.2.1.13: one point, with the full name alone."""
    found = extension(certificate, x509.CRLDistributionPoints)
    if found is None:
        return
    points = [
        (
            [name.value for name in point.full_name or ()],
            point.relative_name or point.reasons or point.crl_issuer,
        )
        for point in found
    ]
    if points != [([expected.distribution.crl_url], None)]:
        yield "the CRL distribution point is not the one that was asked for"


def _authority_information_access(
    certificate: x509.Certificate, expected: Expected
) -> Iterator[str]:
    """§4.2.2.1: OCSP and caIssuers, where there are addresses."""
    found = extension(certificate, x509.AuthorityInformationAccess)
    if found is None:
        return
    access = {(each.access_method.dotted_string, each.access_location.value) for each in found}
    wanted = {
        (method, url)
        for method, url in (
            ("1.3.6.1.5.5.7.48.1", expected.distribution.ocsp_url),
            ("1.3.6.1.5.5.7.48.2", expected.distribution.ca_issuers_url),
        )
        if url is not None
    }
    if access != wanted or len(list(found)) != len(wanted):
        yield "the authority information access is not the one that was asked for"


RULES: tuple[Rule, ...] = (
    _version,
    _serial,
    _signature_hash,
    _issuer,
    _validity,
    _subject,
    _subject_strings,
    _public_key,
    _extensions,
    _basic_constraints,
    _key_usage,
    _extended_key_usage,
    _subject_key_identifier,
    _authority_key_identifier,
    _crl_distribution_points,
    _authority_information_access,
    _constraints,
    _issuers_constraints,
)

# Read from the RFCs once more, not taken from the builder.
_ATTRIBUTES = {
    SubjectAttribute.COUNTRY: "2.5.4.6",
    SubjectAttribute.ORGANIZATION: "2.5.4.10",
    SubjectAttribute.ORGANIZATIONAL_UNIT: "2.5.4.11",
    SubjectAttribute.STATE: "2.5.4.8",
    SubjectAttribute.LOCALITY: "2.5.4.7",
    SubjectAttribute.COMMON_NAME: "2.5.4.3",
}
_PURPOSES = {
    ExtendedKeyUsage.CLIENT_AUTH: "1.3.6.1.5.5.7.3.2",
    ExtendedKeyUsage.EMAIL_PROTECTION: "1.3.6.1.5.5.7.3.4",
}
_TITLES = {
    ExtensionOID.BASIC_CONSTRAINTS: "basicConstraints",
    ExtensionOID.KEY_USAGE: "keyUsage",
    ExtensionOID.EXTENDED_KEY_USAGE: "extKeyUsage",
    ExtensionOID.SUBJECT_KEY_IDENTIFIER: "subjectKeyIdentifier",
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER: "authorityKeyIdentifier",
    ExtensionOID.CRL_DISTRIBUTION_POINTS: "cRLDistributionPoints",
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS: "authorityInfoAccess",
    ExtensionOID.OCSP_NO_CHECK: "id-pkix-ocsp-nocheck",
    ExtensionOID.NAME_CONSTRAINTS: "nameConstraints",
    ExtensionOID.CERTIFICATE_POLICIES: "certificatePolicies",
    ExtensionOID.POLICY_CONSTRAINTS: "policyConstraints",
    ExtensionOID.INHIBIT_ANY_POLICY: "inhibitAnyPolicy",
}
_USAGE_BITS: dict[str, Callable[[x509.KeyUsage], bool]] = {
    "digitalSignature": lambda usage: usage.digital_signature,
    "nonRepudiation": lambda usage: usage.content_commitment,
    "keyEncipherment": lambda usage: usage.key_encipherment,
    "dataEncipherment": lambda usage: usage.data_encipherment,
    "keyAgreement": lambda usage: usage.key_agreement,
    "keyCertSign": lambda usage: usage.key_cert_sign,
    "cRLSign": lambda usage: usage.crl_sign,
    # The library raises where keyAgreement, which gives the two a meaning, is not set.
    "encipherOnly": lambda usage: usage.key_agreement and usage.encipher_only,
    "decipherOnly": lambda usage: usage.key_agreement and usage.decipher_only,
}


def _title(oid: ObjectIdentifier) -> str:
    return _TITLES.get(oid, oid.dotted_string)
