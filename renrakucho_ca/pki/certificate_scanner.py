"""Read certificates and CRLs of other programs, and verify their signatures.

Weak ones are read too (MD5, SHA-1, short RSA keys, version 1, serial numbers below 1): they are in
use, and must be known to be replaced.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import Revocation, RevocationReason
from renrakucho_ca.pki import UNREADABLE, der, lenient_names
from renrakucho_ca.pki.keys import describe
from renrakucho_ca.pki.signatures import tbs_fields, verifies
from renrakucho_ca.pki.x509_certificates import load

_Kind = TypeVar("_Kind", bound=x509.ExtensionType)


class Found(NamedTuple):
    """An end entity's certificate that one of our CAs signed.

    A tuple, because a worker process returns it: a dataclass is pickled in four times the time.

    Attributes:
        issuer: the index of the CA among those given.
        person: the person in the subject, or None.
        key_algorithm: None if the library does not know the kind of key.
    """

    fingerprint_sha256: str
    issuer: int
    serial: int
    not_before: datetime
    not_after: datetime
    person: str | None
    key_algorithm: str | None


@dataclass(frozen=True, slots=True)
class FoundCaCertificate:
    """A CA's certificate in a file of people's certificates."""

    serial: int


InspectionResult = Found | FoundCaCertificate | Invalid


@dataclass(frozen=True, slots=True)
class FoundCrl:
    """A CRL that one of our CAs signed.

    Attributes:
        number: cRLNumber; 0 if it has none (version 1).
        is_complete: it is neither a delta CRL nor partial (RFC 5280 §5.2.4, §5.2.5).
    """

    issuer: int
    number: int
    is_complete: bool
    crl: x509.CertificateRevocationList

    @property
    def age(self) -> tuple[datetime, int]:
        """Return a sort key: greater for the newer of two CRLs of one CA."""
        return self.crl.last_update_utc, self.number

    def serials(self) -> Iterator[int]:
        return (entry.serial_number for entry in self.crl)

    def revocations(self) -> Iterator[tuple[int, Revocation]]:
        """Yield the serial number and revocation of each entry of this CA, in order."""
        is_own = True
        for entry in self.crl:
            is_own = self._is_own(entry, is_own)
            reason = _reason(entry)
            if is_own and reason is not None:
                yield entry.serial_number, Revocation(entry.revocation_date_utc, reason)

    def _is_own(self, entry: x509.RevokedCertificate, is_one_before: bool) -> bool:
        """Return whether this CA issued it. An indirect CRL names each change (RFC 5280 §5.3.3)."""
        issuers = _extension(entry, x509.CertificateIssuer)
        if issuers is None:
            return is_one_before
        return self.crl.issuer in issuers.get_values_for_type(x509.DirectoryName)


def inspect(data: bytes, issuers: Sequence[bytes]) -> InspectionResult:
    """Read a certificate in DER and find the CA that signed it.

    Args:
        issuers: our CAs' certificates in DER.

    Returns:
        Its content, or Invalid if it is unreadable or none of the CAs signed it.
    """
    try:
        certificate = x509.load_der_x509_certificate(data)
        not_before, not_after = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        serial = certificate.serial_number
    except UNREADABLE:
        return Invalid("not a readable certificate")
    tbs, fields = tbs_fields(data)
    if data in issuers or _is_ca(certificate):
        return FoundCaCertificate(serial)
    issuer = _issuer(certificate, tbs, bytes(fields[2].whole), issuers)
    if issuer is None:
        return Invalid("serial number {serial}: another CA signed it", serial=f"{serial:x}")
    # A renewed root of version 1 has no extension that marks it as a CA.
    if fields[2].content == fields[4].content and _has_key_of(certificate, issuers[issuer]):
        return FoundCaCertificate(serial)
    if not_after <= not_before:
        return Invalid(
            "serial number {serial}: its validity ends before it begins", serial=f"{serial:x}"
        )
    return Found(
        fingerprint_sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        issuer=issuer,
        serial=serial,
        not_before=not_before,
        not_after=not_after,
        person=lenient_names.person(fields[4].content) or _alternative_name(certificate),
        key_algorithm=_key_algorithm(certificate),
    )


def inspect_all(issuers: Sequence[bytes], data: Sequence[bytes]) -> list[InspectionResult]:
    """Inspect a batch, in a worker process."""
    return [inspect(each, issuers) for each in data]


def load_crl(data: bytes, issuers: Sequence[bytes]) -> FoundCrl:
    """Read a CRL in DER and verify it. Raise Invalid if it is unreadable or of no given CA."""
    try:
        crl = x509.load_der_x509_crl(data)
        algorithm, parameters = crl.signature_hash_algorithm, crl.signature_algorithm_parameters
        number = _crl_number(crl)
        (whole,) = der.elements(data)
        tbs = next(der.elements(whole.content)).whole
        for place, issuer in enumerate(issuers):
            if crl.issuer == _loaded(issuer).subject and verifies(
                _loaded(issuer), crl.signature, algorithm, parameters, tbs
            ):
                return FoundCrl(place, number, _is_complete(crl), crl)
    except UNREADABLE:
        raise Invalid("not a readable CRL") from None
    raise Invalid("another CA signed this CRL")


def _issuer(
    certificate: x509.Certificate, tbs: memoryview, name: bytes, issuers: Sequence[bytes]
) -> int | None:
    """Return the CA that signed it. Names only set the order: CAs may share a name, and a name may
    be encoded in two ways.
    """
    try:
        algorithm = certificate.signature_hash_algorithm
        parameters = certificate.signature_algorithm_parameters
    except UNREADABLE:
        return None
    order = sorted(range(len(issuers)), key=lambda place: _name(issuers[place]) != name)
    for place in order:
        issuer = _loaded(issuers[place])
        if verifies(issuer, certificate.signature, algorithm, parameters, tbs):
            return place
    return None


@lru_cache(maxsize=8)
def _loaded(issuer: bytes) -> x509.Certificate:
    return load(issuer)


@lru_cache(maxsize=8)
def _name(issuer: bytes) -> bytes:
    return bytes(tbs_fields(issuer)[1][4].whole)


def _is_ca(certificate: x509.Certificate) -> bool:
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _alternative_name(certificate: x509.Certificate) -> str | None:
    """Return the mail address, else the host, of a certificate whose subject is empty."""
    found = _extension(certificate, x509.SubjectAlternativeName)
    if found is None:
        return None
    kinds = (x509.RFC822Name, x509.DNSName)
    return next((name for kind in kinds for name in found.get_values_for_type(kind)), None)


def _has_key_of(certificate: x509.Certificate, issuer: bytes) -> bool:
    try:
        return certificate.public_key() == _loaded(issuer).public_key()
    except UNREADABLE:
        return False


def _key_algorithm(certificate: x509.Certificate) -> str | None:
    try:
        return describe(certificate.public_key())
    except UNREADABLE:
        return None


def _crl_number(crl: x509.CertificateRevocationList) -> int:
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return 0


def _is_complete(crl: x509.CertificateRevocationList) -> bool:
    partial = (x509.DeltaCRLIndicator, x509.IssuingDistributionPoint)
    return not any(isinstance(each.value, partial) for each in crl.extensions)


def _reason(entry: x509.RevokedCertificate) -> RevocationReason | None:
    """Return the reason; None for removeFromCRL, with which a delta CRL removes an entry."""
    found = _extension(entry, x509.CRLReason)
    if found is None:
        return RevocationReason.UNSPECIFIED
    if found.reason is x509.ReasonFlags.remove_from_crl:
        return None
    return RevocationReason(found.reason.value)


def _extension(
    holder: x509.Certificate | x509.RevokedCertificate, kind: type[_Kind]
) -> _Kind | None:
    """Return the value of an extension; None if it is missing or unreadable."""
    try:
        return holder.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return None
