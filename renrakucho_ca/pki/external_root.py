"""Check CAs that other roots sign, and CA requests from other homes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import reduce

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from renrakucho_ca.errors import Invalid
from renrakucho_ca.pki import csr, x509_certificates
from renrakucho_ca.pki.keys import accept, describe, public_key_of
from renrakucho_ca.pki.lint.constraint_rules import name_findings
from renrakucho_ca.pki.signatures import signed_by
from renrakucho_ca.pki.x509_certificates import extension

_HASHES = {"sha256", "sha384", "sha512"}
"""RFC 8017 §9.1, FIPS 186-5: other hashes are broken (RFC 6194) or unknown."""

_UNDERSTOOD = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.CERTIFICATE_POLICIES,
    ExtensionOID.POLICY_CONSTRAINTS,
    ExtensionOID.INHIBIT_ANY_POLICY,
}
"""Critical extensions that verifiers process, RFC 5280 §6.1. Any other one makes them refuse."""


def load_request(data: bytes) -> x509.CertificateSigningRequest:
    """Read a request for a CA's certificate, and verify that its maker has the key.

    Raise Invalid if it is unreadable, its key is weak, its subject empty, or it is not for a CA.
    """
    request = csr.read(data)
    if not list(request.subject):
        raise Invalid("the request has no subject")
    try:
        extensions = request.extensions
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return request  # `openssl req` adds none by default
    except (ValueError, x509.DuplicateExtension):
        raise Invalid("the extensions of the request cannot be read") from None
    if not constraints.ca:
        raise Invalid("the request is not for a CA's certificate")
    return request


def check_root(root: x509.Certificate, now: datetime) -> None:
    """Raise Invalid, with all defects, if a certificate cannot be the root of a hierarchy."""
    _enforce(root, [*_root_findings(root), *_common_findings(root, now)])


def check_issuing(
    issuing: x509.Certificate,
    root: x509.Certificate,
    request: x509.CertificateSigningRequest,
    now: datetime,
) -> None:
    """Raise Invalid, with all defects, unless root issued a usable certificate for the request."""
    _enforce(issuing, [*_issuing_findings(issuing, root, request), *_common_findings(issuing, now)])


def _enforce(certificate: x509.Certificate, findings: list[Invalid]) -> None:
    if findings:
        raise Invalid(
            "the certificate of {subject} cannot be used: {findings}",
            subject=x509_certificates.subject_text(certificate),
            findings=reduce(_and, findings),
        )


def _and(first: Invalid, second: Invalid) -> Invalid:
    return Invalid("{first}; {second}", first=first, second=second)


def _root_findings(root: x509.Certificate) -> Iterator[Invalid]:
    if not signed_by(root, root):
        yield Invalid("it is not self-signed, so it is not a root")
    constraints = extension(root, x509.BasicConstraints)
    if constraints is not None and constraints.ca and constraints.path_length == 0:
        yield Invalid("its path length allows no subordinate CA")


def _issuing_findings(
    issuing: x509.Certificate, root: x509.Certificate, request: x509.CertificateSigningRequest
) -> Iterator[Invalid]:
    if not signed_by(issuing, root):
        yield Invalid("{root} did not sign it", root=x509_certificates.subject_text(root))
    # RFC 5280 §4.1.1.2. The hash of a root's own signature does not matter: it proves nothing.
    used = issuing.signature_hash_algorithm
    if used is None or used.name not in _HASHES:
        yield Invalid("it is signed with {hash}", hash=used.name if used else "?")
    if issuing.public_key() != request.public_key():
        yield Invalid("its key is not the one that was requested")
    if issuing.subject.public_bytes() != request.subject.public_bytes():
        yield Invalid(
            "its name is not the one that was requested, {requested}",
            requested=x509_certificates.subject_text(request),
        )
    if issuing.not_valid_after_utc > root.not_valid_after_utc:
        yield Invalid("it expires after its root")
    ours = extension(issuing, x509.AuthorityKeyIdentifier)
    theirs = extension(root, x509.SubjectKeyIdentifier)
    named = None if ours is None else ours.key_identifier
    if named is not None and theirs is not None and named != theirs.digest:  # §4.2.1.1
        yield Invalid("its authority key identifier is not that of the root")
    if extension(issuing, x509.SubjectKeyIdentifier) is None:  # §4.2.1.2: MUST
        yield Invalid("it has no subject key identifier")
    yield from name_findings(issuing, root)


def _common_findings(certificate: x509.Certificate, now: datetime) -> Iterator[Invalid]:
    if certificate.version is not x509.Version.v3:
        yield Invalid("it is not of version 3")
    try:
        accept(public_key_of(certificate))
    except Invalid:
        yield Invalid("its key, {kind}, is not accepted", kind=describe(certificate.public_key()))
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        yield Invalid("it is not valid now")
    constraints = extension(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca:  # §4.2.1.9
        yield Invalid("it is not a CA certificate")
    usage = extension(certificate, x509.KeyUsage)
    if usage is None:  # §4.2.1.3: MUST be there
        yield Invalid("it has no key usage")
    elif not (usage.key_cert_sign and usage.crl_sign):
        yield Invalid("its key usage lacks keyCertSign or cRLSign")
    # OpenSSL, and so nginx, requires clientAuth in each CA of the path that has purposes, also in
    # the root; anyExtendedKeyUsage is not enough.
    purposes = extension(certificate, x509.ExtendedKeyUsage)
    if purposes is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        yield Invalid("its extended key usage does not allow clientAuth")
    for each in certificate.extensions:
        if each.critical and each.oid not in _UNDERSTOOD:  # §4.2
            yield Invalid(
                "verifiers may not understand its critical extension {oid}",
                oid=each.oid.dotted_string,
            )
