"""Build certificates: each kind is one expression in the order of RFC 5280."""

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
    """A root: a self-signed CA certificate, without authorityKeyIdentifier, as §4.2.1.1 allows.

    Args:
        key: the root's own, or a key that stands in for it while the result is linted.

    Raises:
        Invalid: the subject has a value that X.520 does not allow.
    """
    identifier = x509.SubjectKeyIdentifier.from_public_key(request.public_key)
    return (
        _beginning(request, to_name(request.subject), request.profile.constraints)
        # §4.2.1.9: MUST be there and critical in a CA certificate that signs certificates.
        .add_extension(
            x509.BasicConstraints(ca=True, path_length=request.profile.path_length), critical=True
        )
        # §4.2.1.3: MUST be there in a CA certificate, SHOULD be critical.
        .add_extension(CA_KEY_USAGE, critical=True)
        # §4.2.1.2: MUST be there in a CA certificate, MUST NOT be critical.
        .add_extension(identifier, critical=False)
        .sign(key, signature_hash(request.public_key))
    )


def issuing(request: Ca, issuer: x509.Certificate, issuer_key: PrivateKey) -> x509.Certificate:
    """A CA under a root.

    Args:
        issuer_key: the issuer's, or a key that stands in for it while the result is linted.

    It has no extendedKeyUsage: §4.2.1.12 knows it in end entities, and what it would forbid the
    issuing CA is forbidden by the end entities' own, which the linter demands.

    Raises:
        Invalid: the subject has a value that X.520 does not allow.
    """
    derived = x509.SubjectKeyIdentifier.from_public_key(request.public_key)
    return (
        _beginning(request, issuer.subject, request.profile.constraints)
        # §4.2.1.9: MUST be there and critical in a CA certificate that signs certificates.
        .add_extension(
            x509.BasicConstraints(ca=True, path_length=request.profile.path_length), critical=True
        )
        # §4.2.1.3: MUST be there in a CA certificate, SHOULD be critical.
        .add_extension(CA_KEY_USAGE, critical=True)
        # §4.2.1.2: MUST be there in a CA certificate, MUST NOT be critical.
        .add_extension(request.identifier or derived, critical=False)
        # §4.2.1.1: MUST be there where the issuer is another, MUST NOT be critical.
        .add_extension(authority_key_identifier(issuer), critical=False)
        # Not the hash of the key at hand, which may stand in for a larger one.
        .sign(issuer_key, signature_hash(public_key_of(issuer)))
    )


def ca_request(
    profile: CaProfile,
    subject: Subject,
    public_key: PublicKey,
    distribution: Distribution,
    key: PrivateKey,
) -> bytes:
    """A request (PKCS #10, RFC 2986) for a CA's certificate, with all that its issuer is to put in.

    Args:
        distribution: where the issuer's CRL and certificate will be.
        key: one that stands in for the CA's own, until that signs (`issue.request_ca`).

    Returns:
        DER.
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
    """A device's certificate, unlinted: `issue` is what services call.

    Args:
        issuer_key: the issuer's, or a key that stands in for it while the result is linted.

    Raises:
        Invalid: the subject has a value that X.520 does not allow.
    """
    return (
        _beginning(request, issuer.subject, Constraints(policies=request.profile.policies))
        # §4.2.1.9: may be left out; said aloud, no reader's default can make a CA of a device.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # §4.2.1.3: SHOULD be critical.
        .add_extension(key_usage(request.profile.key_usage), critical=True)
        # §4.2.1.12: not critical, so that a reader that wants another purpose may still decide.
        .add_extension(
            x509.ExtendedKeyUsage([_PURPOSES[p] for p in request.profile.extended_key_usage]),
            critical=False,
        )
        # §4.2.1.2: SHOULD be there in an end entity's certificate, MUST NOT be critical.
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(request.public_key), critical=False
        )
        # §4.2.1.1: MUST be there where the issuer is another, MUST NOT be critical.
        .add_extension(authority_key_identifier(issuer), critical=False)
        # Not the hash of the key at hand, which may stand in for a larger one.
        .sign(issuer_key, signature_hash(public_key_of(issuer)))
    )


def responder(
    request: ResponderContents, issuer: x509.Certificate, issuer_key: PrivateKey
) -> x509.Certificate:
    """The certificate with which a CA lets another key answer for it (RFC 6960 §4.2.2.2), unlinted:
    `issue.issue_responder` is what services call.

    Args:
        issuer_key: the issuer's, or a key that stands in for it while the result is linted.

    Raises:
        Invalid: the subject has a value that X.520 does not allow.
    """
    return (
        _beginning(request, issuer.subject, Constraints())
        # §4.2.1.9: said aloud, as in a device's.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # §4.2.1.3: SHOULD be critical.
        .add_extension(key_usage(frozenset({KeyUsage.DIGITAL_SIGNATURE})), critical=True)
        # RFC 6960 §4.2.2.2: the delegation, MUST be there.
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
        # RFC 6960 §4.2.2.2.1: nobody need ask whether it is revoked; it lives for days. SHOULD NOT
        # be critical.
        .add_extension(x509.OCSPNoCheck(), critical=False)
        # §4.2.1.2: SHOULD be there in an end entity's certificate, MUST NOT be critical.
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(request.public_key), critical=False
        )
        # §4.2.1.1: MUST be there where the issuer is another, MUST NOT be critical.
        .add_extension(authority_key_identifier(issuer), critical=False)
        # Not the hash of the key at hand, which may stand in for a larger one.
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
