"""Rules for a certificate's extensions (RFC 5280 §4.2), except constraints."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, ObjectIdentifier

from renrakucho_ca.certificate_profile import Constraints
from renrakucho_ca.pki.keys import public_key_of
from renrakucho_ca.pki.lint.expected import Expected, Rule
from renrakucho_ca.pki.x509_certificates import extension

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
    # The library raises without keyAgreement, which gives the two a meaning.
    "encipherOnly": lambda usage: usage.key_agreement and usage.encipher_only,
    "decipherOnly": lambda usage: usage.key_agreement and usage.decipher_only,
}


def _extensions(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.2: require exactly the extensions of the profile, as critical as the clause says."""
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
    if expected.request.distribution.crl_url:
        wanted[ExtensionOID.CRL_DISTRIBUTION_POINTS] = False  # §4.2.1.13
    if expected.request.distribution.ocsp_url or expected.request.distribution.ca_issuers_url:
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


def _title(oid: ObjectIdentifier) -> str:
    return _TITLES.get(oid, oid.dotted_string)


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


def _basic_constraints(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.2.1.9: refuse a device that is a CA, and a CA that is none or deeper than its profile."""
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
    """§4.2.1.3: require exactly the profile's bits."""
    found = extension(certificate, x509.KeyUsage)
    if found is None:
        return
    bits = {title for title, is_set in _USAGE_BITS.items() if is_set(found)}
    for bit in sorted(expected.key_usage - bits):
        yield f"the key usage lacks {bit}"
    for bit in sorted(bits - expected.key_usage):
        yield f"the key usage has {bit}"
    # RFC 3279 §2.3.1, RFC 8813 §3. A request may have a key of another kind than the profile.
    kind, never = "an RSA", "keyAgreement"
    if isinstance(expected.request.public_key, ec.EllipticCurvePublicKey):
        kind, never = "an EC", "keyEncipherment"
    if never in expected.key_usage:
        yield f"the key usage has {never}, which {kind} key cannot do"


def _extended_key_usage(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.2.1.12: require exactly the profile's purposes."""
    found = extension(certificate, x509.ExtendedKeyUsage)
    if found is None:
        return
    purposes = {purpose.dotted_string for purpose in found}
    for purpose in sorted(expected.purposes - purposes):
        yield f"the extended key usage lacks {purpose}"
    for purpose in sorted(purposes - expected.purposes):
        yield f"the extended key usage has {purpose}"


def _subject_key_identifier(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.2.1.2, method (1): require the SHA-1 of the key; it finds a path, but proves nothing."""
    found = extension(certificate, x509.SubjectKeyIdentifier)
    wanted = expected.identifier or x509.SubjectKeyIdentifier.from_public_key(
        expected.request.public_key
    )
    if found is not None and found != wanted:
        yield "the subject key identifier is not that of the public key"


def _authority_key_identifier(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.2.1.1: require the issuer's subject key identifier, unchanged."""
    found = extension(certificate, x509.AuthorityKeyIdentifier)
    issuer = extension(expected.issuer, x509.SubjectKeyIdentifier)
    if issuer is None:  # an imported CA
        issuer = x509.SubjectKeyIdentifier.from_public_key(public_key_of(expected.issuer))
    if found is not None and found.key_identifier != issuer.digest:
        yield "the authority key identifier is not that of the issuer"


def _crl_distribution_points(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.2.1.13: require one point with only the full name."""
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
    if points != [([expected.request.distribution.crl_url], None)]:
        yield "the CRL distribution point is not the one that was asked for"


def _authority_information_access(
    certificate: x509.Certificate, expected: Expected
) -> Iterator[str]:
    """§4.2.2.1: require OCSP and caIssuers if there are addresses."""
    found = extension(certificate, x509.AuthorityInformationAccess)
    if found is None:
        return
    access = {(each.access_method.dotted_string, each.access_location.value) for each in found}
    wanted = {
        (method, url)
        for method, url in (
            ("1.3.6.1.5.5.7.48.1", expected.request.distribution.ocsp_url),
            ("1.3.6.1.5.5.7.48.2", expected.request.distribution.ca_issuers_url),
        )
        if url is not None
    }
    if access != wanted or len(list(found)) != len(wanted):
        yield "the authority information access is not the one that was asked for"


RULES: tuple[Rule, ...] = (
    _extensions,
    _basic_constraints,
    _key_usage,
    _extended_key_usage,
    _subject_key_identifier,
    _authority_key_identifier,
    _crl_distribution_points,
    _authority_information_access,
)
