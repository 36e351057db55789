"""Certificates: each kind is one expression that can be read beside RFC 5280."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from renrakucho_ca.clock import Randomness
from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import (
    CaProfile,
    Constraints,
    DeviceProfile,
    ExtendedKeyUsage,
    KeyUsage,
    Subject,
    SubjectAttribute,
)
from renrakucho_ca.pki import UNREADABLE, constraints
from renrakucho_ca.pki.keys import PrivateKey, PublicKey, public_key_of, signature_hash
from renrakucho_ca.pki.signatures import signed_by

# What the library says of others' certificates on stderr, whenever it reads one, helps no user.
# Above all it counts the octets of a common name, where RFC 5280 appendix A.1 allows 64
# characters: 64 octets would end a Japanese name after the 21st. The others are old CAs' habits:
# serial number 0, NULL parameters of ECDSA, PKCS#7 in BER, UTF-8 in a VisibleString.
for _message in (
    "Attribute's length must be",
    "Parsed a serial number",
    "The parsed certificate contains a NULL parameter",
    "PKCS#7 certificates could not be parsed as DER",
    "Invalid ASN.1",
):
    warnings.filterwarnings("ignore", _message, UserWarning)

_NAME_OIDS = {
    SubjectAttribute.COUNTRY: NameOID.COUNTRY_NAME,
    SubjectAttribute.ORGANIZATION: NameOID.ORGANIZATION_NAME,
    SubjectAttribute.ORGANIZATIONAL_UNIT: NameOID.ORGANIZATIONAL_UNIT_NAME,
    SubjectAttribute.STATE: NameOID.STATE_OR_PROVINCE_NAME,
    SubjectAttribute.LOCALITY: NameOID.LOCALITY_NAME,
    SubjectAttribute.COMMON_NAME: NameOID.COMMON_NAME,
}
_Kind = TypeVar("_Kind", bound=x509.ExtensionType)

LONGEST_ATTRIBUTE = 64
"""Characters: ub-common-name, ub-organization-name and their neighbours (appendix A.1)."""

_PURPOSES = {
    ExtendedKeyUsage.CLIENT_AUTH: ExtendedKeyUsageOID.CLIENT_AUTH,
    ExtendedKeyUsage.EMAIL_PROTECTION: ExtendedKeyUsageOID.EMAIL_PROTECTION,
}


@dataclass(frozen=True, slots=True)
class Validity:
    """First and last moment of a certificate (§4.1.2.5): aware, in UTC, whole seconds."""

    not_before: datetime
    not_after: datetime

    def __post_init__(self) -> None:
        if self.not_after <= self.not_before:
            raise Invalid(
                "the validity would end on {not_after}, before it begins on {not_before}",
                not_after=self.not_after.isoformat(),
                not_before=self.not_before.isoformat(),
            )


@dataclass(frozen=True, slots=True)
class Distribution:
    """Where a verifier finds what it needs about the issuer; None where there is no address.

    Attributes:
        crl_url: the issuer's CRL (§4.2.1.13).
        ca_issuers_url: the issuer's certificate in DER (§4.2.2.1).
        ocsp_url: the issuer's OCSP responder (§4.2.2.1).
    """

    crl_url: str | None = None
    ca_issuers_url: str | None = None
    ocsp_url: str | None = None


@dataclass(frozen=True, slots=True)
class EndEntity:
    """All that goes into a device's certificate."""

    profile: DeviceProfile
    subject: Subject
    serial: int
    validity: Validity
    public_key: PublicKey
    distribution: Distribution


@dataclass(frozen=True, slots=True)
class Responder:
    """All that goes into the certificate of a CA's OCSP responder."""

    subject: Subject
    serial: int
    validity: Validity
    public_key: PublicKey


def serial_number(randomness: Randomness) -> int:
    """A serial of 128 random bits under a leading one: positive and 17 octets (§4.1.2.2)."""
    return 1 << 128 | int.from_bytes(randomness(16), "big")


def root(
    profile: CaProfile,
    subject: Subject,
    public_key: PublicKey,
    serial: int,
    validity: Validity,
    key: PrivateKey,
) -> x509.Certificate:
    """A root: a self-signed CA certificate, without authorityKeyIdentifier, as §4.2.1.1 allows.

    Args:
        key: the root's own, or a key that stands in for it while the result is linted.

    Raises:
        Invalid: the subject has a value that X.520 does not allow.
    """
    name = _name(subject)
    return (
        _beginning(Distribution(), profile.constraints)
        .serial_number(serial)
        .issuer_name(name)
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .subject_name(name)
        .public_key(public_key)
        # §4.2.1.9: MUST be there and critical in a CA certificate that signs certificates.
        .add_extension(
            x509.BasicConstraints(ca=True, path_length=profile.path_length), critical=True
        )
        # §4.2.1.3: MUST be there in a CA certificate, SHOULD be critical.
        .add_extension(_CA_KEY_USAGE, critical=True)
        # §4.2.1.2: MUST be there in a CA certificate, MUST NOT be critical.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .sign(key, signature_hash(public_key))
    )


def issuing(
    profile: CaProfile,
    subject: Subject | x509.Name,
    public_key: PublicKey,
    serial: int,
    validity: Validity,
    issuer: x509.Certificate,
    issuer_key: PrivateKey,
    distribution: Distribution,
    identifier: x509.SubjectKeyIdentifier | None = None,
) -> x509.Certificate:
    """A CA under a root.

    Args:
        subject: a name of another certificate or request is taken as it stands there.
        issuer_key: the issuer's, or a key that stands in for it while the result is linted.
        identifier: what certificates under this CA call its key; by default derived from the key.

    It has no extendedKeyUsage: §4.2.1.12 knows it in end entities, and what it would forbid the
    issuing CA is forbidden by the end entities' own, which the linter demands.

    Raises:
        Invalid: the subject has a value that X.520 does not allow.
    """
    return (
        _beginning(distribution, profile.constraints)
        .serial_number(serial)
        .issuer_name(issuer.subject)
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .subject_name(subject if isinstance(subject, x509.Name) else _name(subject))
        .public_key(public_key)
        # §4.2.1.9: MUST be there and critical in a CA certificate that signs certificates.
        .add_extension(
            x509.BasicConstraints(ca=True, path_length=profile.path_length), critical=True
        )
        # §4.2.1.3: MUST be there in a CA certificate, SHOULD be critical.
        .add_extension(_CA_KEY_USAGE, critical=True)
        # §4.2.1.2: MUST be there in a CA certificate, MUST NOT be critical.
        .add_extension(
            identifier or x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False
        )
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
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(subject))
    # RFC 2985 §5.4.2, extensionRequest; the clauses are those of `issuing`.
    builder = (
        builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=profile.path_length), critical=True
        )
        .add_extension(_CA_KEY_USAGE, critical=True)
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
        _beginning(request.distribution, Constraints(policies=request.profile.policies))
        .serial_number(request.serial)
        .issuer_name(issuer.subject)
        .not_valid_before(request.validity.not_before)
        .not_valid_after(request.validity.not_after)
        .subject_name(_name(request.subject))
        .public_key(request.public_key)
        # §4.2.1.9: may be left out; said aloud, no reader's default can make a CA of a device.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # §4.2.1.3: SHOULD be critical.
        .add_extension(_key_usage(request.profile.key_usage), critical=True)
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
    request: Responder, issuer: x509.Certificate, issuer_key: PrivateKey
) -> x509.Certificate:
    """The certificate with which a CA lets another key answer for it (RFC 6960 §4.2.2.2), unlinted:
    `issue.issue_responder` is what services call.

    Args:
        issuer_key: the issuer's, or a key that stands in for it while the result is linted.

    Raises:
        Invalid: the subject has a value that X.520 does not allow.
    """
    return (
        x509.CertificateBuilder()
        .serial_number(request.serial)
        .issuer_name(issuer.subject)
        .not_valid_before(request.validity.not_before)
        .not_valid_after(request.validity.not_after)
        .subject_name(_name(request.subject))
        .public_key(request.public_key)
        # §4.2.1.9: said aloud, as in a device's.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # §4.2.1.3: SHOULD be critical.
        .add_extension(_key_usage(frozenset({KeyUsage.DIGITAL_SIGNATURE})), critical=True)
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


# §4.2.1.3: what a CA does and nothing else. An OCSP responder has a certificate of its own.
_CA_KEY_USAGE = x509.KeyUsage(
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


def _key_usage(bits: frozenset[KeyUsage]) -> x509.KeyUsage:
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


def authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """The issuer's subjectKeyIdentifier as it stands there (§4.2.1.1), in certificates and CRLs.

    An issuer that was taken over may have none: then it is derived from its key.
    """
    identifier = extension(issuer, x509.SubjectKeyIdentifier)
    if identifier is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key_of(issuer))
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _beginning(distribution: Distribution, bound: Constraints) -> x509.CertificateBuilder:
    """A builder that begins with the addresses and constraints that there are."""
    builder = x509.CertificateBuilder()
    for value, critical in _first_extensions(distribution, bound):
        builder = builder.add_extension(value, critical=critical)
    return builder


def _first_extensions(distribution: Distribution, bound: Constraints) -> constraints.Extensions:
    yield from ((value, False) for value in _distribution_extensions(distribution))
    yield from constraints.extensions(bound, partial(constraints.general_name, name=_name))


def _distribution_extensions(distribution: Distribution) -> Iterator[x509.ExtensionType]:
    if distribution.crl_url is not None:
        yield x509.CRLDistributionPoints(  # §4.2.1.13
            [x509.DistributionPoint([_uri(distribution.crl_url)], None, None, None)]
        )
    access = [
        x509.AccessDescription(method, _uri(url))
        for method, url in (
            (AuthorityInformationAccessOID.OCSP, distribution.ocsp_url),
            (AuthorityInformationAccessOID.CA_ISSUERS, distribution.ca_issuers_url),
        )
        if url is not None
    ]
    if access:
        yield x509.AuthorityInformationAccess(access)  # §4.2.2.1


def _uri(url: str) -> x509.UniformResourceIdentifier:
    try:
        return x509.UniformResourceIdentifier(url)
    except ValueError:  # an IA5String (§4.2.1.6)
        raise Invalid("the address {url} has a character outside ASCII", url=url) from None


def _name(subject: Subject) -> x509.Name:
    """One attribute a relative name: UTF8String, but the country PrintableString (appendix A.1)."""
    for attribute, value in subject:
        if attribute is SubjectAttribute.COUNTRY and not re.fullmatch("[A-Z]{2}", value):
            raise Invalid("the country {value} is not two capital letters", value=repr(value))
        if not 1 <= len(value) <= LONGEST_ATTRIBUTE:
            raise Invalid(
                "{attribute} has {length} characters; from 1 to {longest} are allowed",
                attribute=attribute.value,
                length=len(value),
                longest=LONGEST_ATTRIBUTE,
            )
    return x509.Name(
        [
            # The library's own limit counts octets: see the filter of warnings above.
            x509.NameAttribute(_NAME_OIDS[attribute], value, _validate=False)
            for attribute, value in subject
        ]
    )


def load(der: bytes) -> x509.Certificate:
    """A certificate from DER, read to its depths: the library itself reads names, extensions and
    key only when they are asked for, and a fault in them would come out anywhere.

    Raises:
        Invalid: not a certificate, or one with a part that cannot be read.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = certificate.subject, certificate.issuer, certificate.extensions
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        _ = certificate.signature_hash_algorithm, certificate.signature_algorithm_parameters
        certificate.public_key()
    except UNREADABLE:
        raise Invalid("this is not a certificate that can be read") from None
    return certificate


def load_pem(data: bytes) -> list[x509.Certificate]:
    """All certificates in a PEM file, in order; at least one.

    Raises:
        Invalid: there is none, or one that cannot be read.
    """
    try:
        found = x509.load_pem_x509_certificates(data)
    except UNREADABLE:
        raise Invalid("there is no certificate in PEM that can be read") from None
    return [load(to_der(certificate)) for certificate in found]


def check_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """Proves that the issuer signed the certificate; a root is its own.

    Raises:
        Invalid: another name, or the signature does not verify.
    """
    if not signed_by(certificate, issuer):
        raise Invalid(
            "{issuer} did not issue {subject}",
            issuer=subject_text(issuer),
            subject=subject_text(certificate),
        )


def to_pem(certificate: x509.Certificate) -> bytes:
    """RFC 7468 text, ending with a line feed."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def request_to_pem(der: bytes) -> bytes:
    """RFC 7468 text of a request that `ca_request` made."""
    return x509.load_der_x509_csr(der).public_bytes(serialization.Encoding.PEM)


def to_der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def fingerprint_sha256(certificate: x509.Certificate) -> str:
    """SHA-256 over the DER, in lower-case hex without colons."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def common_name(certificate: x509.Certificate) -> str:
    """The first common name of the subject; its whole text where it has none."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else subject_text(certificate)


def subject_text(holder: x509.Certificate | x509.CertificateSigningRequest) -> str:
    """The subject as RFC 4514 writes it: the last attribute first."""
    return holder.subject.rfc4514_string()


def extension(certificate: x509.Certificate, kind: type[_Kind]) -> _Kind | None:
    """An extension's value; None where there is none of that kind.

    Raises:
        ValueError, x509.DuplicateExtension: of a certificate that `load` has not seen.
    """
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def path_length(ca: x509.Certificate) -> int | None:
    """How many CAs may follow below (§4.2.1.9); None where there is no limit."""
    constraints = extension(ca, x509.BasicConstraints)
    return None if constraints is None else constraints.path_length
