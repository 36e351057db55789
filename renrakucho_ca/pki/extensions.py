"""Extensions of certificates (RFC 5280 §4.2): addresses, key usage, constraints."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from renrakucho_ca.certificate_profile import Constraints, KeyUsage, NameForm, Subtree
from renrakucho_ca.errors import Invalid
from renrakucho_ca.pki.contents import Distribution
from renrakucho_ca.pki.names import to_name

Extensions = Iterator[tuple[x509.ExtensionType, bool]]
"""Each extension, and whether it is critical."""

# §4.2.1.3: only a CA's own tasks. An OCSP responder has a separate certificate.
CA_KEY_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def key_usage(bits: frozenset[KeyUsage]) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=KeyUsage.DIGITAL_SIGNATURE in bits,
        content_commitment=False,
        key_encipherment=KeyUsage.KEY_ENCIPHERMENT in bits,
        data_encipherment=False,
        key_agreement=KeyUsage.KEY_AGREEMENT in bits,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def addresses(distribution: Distribution) -> Extensions:
    """Yield the addresses of the issuer's CRL, certificate and OCSP responder."""
    if distribution.crl_url is not None:
        point = x509.DistributionPoint([_uri(distribution.crl_url)], None, None, None)
        yield x509.CRLDistributionPoints([point]), False  # §4.2.1.13: SHOULD NOT be critical
    access = [
        x509.AccessDescription(method, _uri(url))
        for method, url in (
            (AuthorityInformationAccessOID.OCSP, distribution.ocsp_url),
            (AuthorityInformationAccessOID.CA_ISSUERS, distribution.ca_issuers_url),
        )
        if url is not None
    ]
    if access:
        yield x509.AuthorityInformationAccess(access), False  # §4.2.2.1: MUST NOT be critical


def _uri(url: str) -> x509.UniformResourceIdentifier:
    try:
        return x509.UniformResourceIdentifier(url)
    except ValueError:  # an IA5String (§4.2.1.6)
        raise Invalid("the URL {url} has a character outside ASCII", url=url) from None


def constraining(bound: Constraints) -> Extensions:
    """Yield the constraints that a CA imposes on subordinates, and certificate policies."""
    if bound.permitted or bound.excluded:  # §4.2.1.10: MUST be critical
        yield (
            x509.NameConstraints(
                [_base(each) for each in bound.permitted] or None,
                [_base(each) for each in bound.excluded] or None,
            ),
            True,
        )
    if bound.policies:  # §4.2.1.4: not critical; other verifiers ignore it
        yield (
            x509.CertificatePolicies(
                [x509.PolicyInformation(x509.ObjectIdentifier(p), None) for p in bound.policies]
            ),
            False,
        )
    explicit, mapping = bound.require_explicit_policy, bound.inhibit_policy_mapping
    if explicit is not None or mapping is not None:  # §4.2.1.11: MUST be critical
        yield x509.PolicyConstraints(explicit, mapping), True
    if bound.inhibit_any_policy is not None:  # §4.2.1.14: MUST be critical
        yield x509.InhibitAnyPolicy(bound.inhibit_any_policy), True


def _base(subtree: Subtree) -> x509.GeneralName:
    """Return a subtree's base as the library's name."""
    form, value = subtree
    if not isinstance(value, str):
        return x509.DirectoryName(to_name(value))
    if form is NameForm.IP:
        return x509.IPAddress(ipaddress.ip_network(value))
    return x509.RFC822Name(value) if form is NameForm.EMAIL else x509.DNSName(value)
