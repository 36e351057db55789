"""Build certificates: each kind is one expression in the order of RFC 5280.

An `issuer_key` or `key` may be a lint key, which replaces the CA's key until the linter passes.
A subject with a value that X.520 does not allow raises Invalid.
"""

from __future__ import annotations

from itertools import chain

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from renrakucho_ca.certificate_profile import (
    CaProfile,
    Constraints,
    ExtendedKeyUsage,
    KeyUsage,
    Subject,
)
from renrakucho_ca.pki import extensions
from renrakucho_ca.pki.contents import Ca, Distribution, EndEntity, ResponderContents
from renrakucho_ca.pki.extensions import CA_KEY_USAGE, Extensions, key_usage
from renrakucho_ca.pki.keys import PrivateKey, PublicKey, public_key_of, signature_hash
from renrakucho_ca.pki.names import to_name
from renrakucho_ca.pki.x509_certificates import authority_key_identifier

_PURPOSES = {
    ExtendedKeyUsage.CLIENT_AUTH: ExtendedKeyUsageOID.CLIENT_AUTH,
    ExtendedKeyUsage.EMAIL_PROTECTION: ExtendedKeyUsageOID.EMAIL_PROTECTION,
}


def root(request: Ca, key: PrivateKey) -> x509.Certificate:
    """Return a self-signed root, without authorityKeyIdentifier, as §4.2.1.1 allows."""
    identifier = x509.SubjectKeyIdentifier.from_public_key(request.public_key)
    return (
        _beginning(request, to_name(request.subject), request.profile.constraints)
        # §4.2.1.9: MUST be present and critical in a CA certificate that signs certificates.
        .add_extension(
            x509.BasicConstraints(ca=True, path_length=request.profile.path_length), critical=True
        )
        # §4.2.1.3: MUST be present in a CA certificate, SHOULD be critical.
        .add_extension(CA_KEY_USAGE, critical=True)
        # §4.2.1.2: MUST be present in a CA certificate, MUST NOT be critical.
        .add_extension(identifier, critical=False)
        .sign(key, signature_hash(request.public_key))
    )


def issuing(request: Ca, issuer: x509.Certificate, issuer_key: PrivateKey) -> x509.Certificate:
    """Return an issuing CA's certificate.

    It has no extendedKeyUsage: §4.2.1.12 defines it for end entities. The linter requires the end
    entities' own, which forbids the same.
    """
    derived = x509.SubjectKeyIdentifier.from_public_key(request.public_key)
    return (
        _beginning(request, issuer.subject, request.profile.constraints)
        # §4.2.1.9: MUST be present and critical in a CA certificate that signs certificates.
        .add_extension(
            x509.BasicConstraints(ca=True, path_length=request.profile.path_length), critical=True
        )
        # §4.2.1.3: MUST be present in a CA certificate, SHOULD be critical.
        .add_extension(CA_KEY_USAGE, critical=True)
        # §4.2.1.2: MUST be present in a CA certificate, MUST NOT be critical.
        .add_extension(request.identifier or derived, critical=False)
        # §4.2.1.1: MUST be present if another CA issues, MUST NOT be critical.
        .add_extension(authority_key_identifier(issuer), critical=False)
        # Not the hash of the key passed in, which may be a lint key.
        .sign(issuer_key, signature_hash(public_key_of(issuer)))
    )


def ca_request(
    profile: CaProfile,
    subject: Subject,
    public_key: PublicKey,
    distribution: Distribution,
    key: PrivateKey,
) -> bytes:
    """Return a request (PKCS #10, RFC 2986) for a CA's certificate with all extensions, in DER.

    Args:
        distribution: the future addresses of the issuer's CRL and certificate.
    """
    builder = x509.CertificateSigningRequestBuilder().subject_name(to_name(subject))
    # RFC 2985 §5.4.2, extensionRequest; the clauses are those of `issuing`.
    builder = (
        builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=profile.path_length), critical=True
        )
        .add_extension(CA_KEY_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
    for value, critical in _first_extensions(distribution, profile.constraints):
        builder = builder.add_extension(value, critical=critical)
    return builder.sign(key, signature_hash(public_key)).public_bytes(serialization.Encoding.DER)


def end_entity(
    request: EndEntity, issuer: x509.Certificate, issuer_key: PrivateKey
) -> x509.Certificate:
    """Return a device's certificate, not linted: services call `issue.issue`."""
    return (
        _beginning(request, issuer.subject, Constraints(policies=request.profile.policies))
        # §4.2.1.9: may be absent; explicit, so that no reader's default makes a CA of a device.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # §4.2.1.3: SHOULD be critical.
        .add_extension(key_usage(request.profile.key_usage), critical=True)
        # §4.2.1.12: not critical, so that a reader may still accept another purpose.
        .add_extension(
            x509.ExtendedKeyUsage([_PURPOSES[p] for p in request.profile.extended_key_usage]),
            critical=False,
        )
        # §4.2.1.2: SHOULD be present in an end entity's certificate, MUST NOT be critical.
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(request.public_key), critical=False
        )
        # §4.2.1.1: MUST be present if another CA issues, MUST NOT be critical.
        .add_extension(authority_key_identifier(issuer), critical=False)
        # Not the hash of the key passed in, which may be a lint key.
        .sign(issuer_key, signature_hash(public_key_of(issuer)))
    )


def responder(
    request: ResponderContents, issuer: x509.Certificate, issuer_key: PrivateKey
) -> x509.Certificate:
    """Return an OCSP responder's certificate (RFC 6960 §4.2.2.2), not linted.

    Services call `issue.issue_responder`.
    """
    return (
        _beginning(request, issuer.subject, Constraints())
        # §4.2.1.9: explicit, as in a device's certificate.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # §4.2.1.3: SHOULD be critical.
        .add_extension(key_usage(frozenset({KeyUsage.DIGITAL_SIGNATURE})), critical=True)
        # RFC 6960 §4.2.2.2: the delegation, MUST be present.
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
        # RFC 6960 §4.2.2.2.1: clients skip its revocation check; it is valid for days. SHOULD NOT
        # be critical.
        .add_extension(x509.OCSPNoCheck(), critical=False)
        # §4.2.1.2: SHOULD be present in an end entity's certificate, MUST NOT be critical.
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(request.public_key), critical=False
        )
        # §4.2.1.1: MUST be present if another CA issues, MUST NOT be critical.
        .add_extension(authority_key_identifier(issuer), critical=False)
        # Not the hash of the key passed in, which may be a lint key.
        .sign(issuer_key, signature_hash(public_key_of(issuer)))
    )


def _beginning(
    request: Ca | EndEntity | ResponderContents, issuer: x509.Name, bound: Constraints
) -> x509.CertificateBuilder:
    """Set the fields of §4.1, then the extensions with URLs and constraints, if any."""
    builder = (
        x509.CertificateBuilder()
        .serial_number(request.serial)
        .issuer_name(issuer)
        .not_valid_before(request.validity.not_before)
        .not_valid_after(request.validity.not_after)
        .subject_name(to_name(request.subject))
        .public_key(request.public_key)
    )
    for value, critical in _first_extensions(request.distribution, bound):
        builder = builder.add_extension(value, critical=critical)
    return builder


def _first_extensions(distribution: Distribution, bound: Constraints) -> Extensions:
    return chain(extensions.addresses(distribution), extensions.constraining(bound))
