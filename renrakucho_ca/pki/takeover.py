"""Certificates, CRLs and keys that another program made: read as they are, their signatures proven.

What is weak by today's rules is read too (MD5 and SHA-1, short RSA keys, version 1, serial numbers
below 1): it is in use, and has to be known to be replaced.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from renrakucho_ca.errors import Invalid, Unavailable
from renrakucho_ca.model import Revocation, RevocationReason
from renrakucho_ca.pki import UNREADABLE, der
from renrakucho_ca.pki.certificates import load, load_pem, subject_text
from renrakucho_ca.pki.keys import PrivateKey, check_pair, describe, from_pkcs8, to_pkcs8
from renrakucho_ca.pki.signatures import tbs_fields, verifies

_COMMON_NAME = b"\x55\x04\x03"  # 2.5.4.3
_BMP_STRING, _UNIVERSAL_STRING = 0x1E, 0x1C
# The start of a ContentInfo in BER, which may leave its length open (X.690 §8.1.3.6): many programs
# write PKCS#7 so.
_INDEFINITE_CONTENT_INFO = b"\x30\x80\x06"
_CRLS_FIELD = 0xA1  # SignedData.crls, [1] IMPLICIT (RFC 5652 §5.1)


class Kind(Enum):
    """What a value in DER is, by its outermost fields."""

    CERTIFICATE = auto()
    CRL = auto()
    PKCS7 = auto()


class Found(NamedTuple):
    """An end entity's certificate that one of our CAs signed.

    A tuple, because it comes from a worker process: a dataclass is pickled in four times the time.

    Attributes:
        issuer: which of the CAs, by its place among those that were given.
        common_name: the last one of the subject, the most specific; None where there is none.
        key_algorithm: None where the library does not know the kind of key.
    """

    fingerprint_sha256: str
    issuer: int
    serial: int
    not_before: datetime
    not_after: datetime
    common_name: str | None
    key_algorithm: str | None


@dataclass(frozen=True, slots=True)
class CaCertificate:
    """A CA's own certificate among those of people; whose, does not matter."""

    serial: int


Inspected = Found | CaCertificate | Invalid


@dataclass(frozen=True, slots=True)
class FoundCrl:
    """A CRL that one of our CAs signed.

    Attributes:
        number: cRLNumber; 0 where it has none (version 1).
    """

    issuer: int
    number: int
    crl: x509.CertificateRevocationList

    def revocations(self) -> Iterator[tuple[int, Revocation]]:
        """Serial number and revocation of each entry, in order."""
        for entry in self.crl:
            reason = _reason(entry)
            if reason is not None:
                yield entry.serial_number, Revocation(entry.revocation_date_utc, reason)


def kind_of(data: bytes) -> Kind | None:
    """What a value in DER claims to be; None where it is none of these, or not whole."""
    if data.startswith(_INDEFINITE_CONTENT_INFO):
        return Kind.PKCS7
    try:
        outer = next(der.elements(data))
        inner = next(der.elements(outer.content))
        # TBSCertList: version OPTIONAL, AlgorithmIdentifier, Name, Time, where a certificate of
        # version 1 has a serial number, AlgorithmIdentifier, Name, Validity.
        fields = list(islice(der.elements(inner.content), 4))
    except (IndexError, StopIteration):
        return None
    # A text of digits can look like the start of one: its length betrays it.
    header = der.header(der.SEQUENCE, len(outer.content))
    if len(outer.whole) != len(data) or not data.startswith(header):
        return None
    if inner.tag == der.OBJECT_IDENTIFIER:  # ContentInfo.contentType
        return Kind.PKCS7
    if any(field.tag in (der.UTC_TIME, der.GENERALIZED_TIME) for field in fields):
        return Kind.CRL
    return Kind.CERTIFICATE if inner.tag == der.SEQUENCE else None


def open_pkcs7(data: bytes) -> list[tuple[Kind, bytes]]:
    """The certificates and CRLs of a PKCS#7 (RFC 5652 SignedData) in DER.

    Raises:
        Invalid: it cannot be read, or is signed or encrypted content of another kind.
    """
    try:
        certificates = pkcs7.load_der_pkcs7_certificates(data)
    except UNREADABLE:
        raise Invalid("this is not a PKCS#7 with certificates that can be read") from None
    found = [(Kind.CERTIFICATE, c.public_bytes(serialization.Encoding.DER)) for c in certificates]
    return found + [(Kind.CRL, bytes(crl)) for crl in _pkcs7_crls(data)]


def _pkcs7_crls(data: bytes) -> list[memoryview]:
    """The library passes CRLs over; it has parsed what is walked here."""
    try:
        (content_info,) = der.elements(data)
        _, content = der.elements(content_info.content)
        (signed_data,) = der.elements(content.content)
        fields = list(der.elements(signed_data.content))
        return [
            crl.whole
            for field in fields
            if field.tag == _CRLS_FIELD
            for crl in der.elements(field.content)
        ]
    except (IndexError, ValueError):
        # Lengths of indefinite form (BER), which certificates may come in and CRLs have not.
        return []


def inspect(data: bytes, issuers: Sequence[bytes]) -> Inspected:
    """Reads a certificate and proves which CA signed it.

    Args:
        data: the certificate in DER.
        issuers: our CAs' certificates in DER.

    Returns:
        What it says; Invalid where it cannot be read or none of the CAs signed it.
    """
    try:
        certificate = x509.load_der_x509_certificate(data)
        not_before, not_after = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        serial = certificate.serial_number
    except UNREADABLE:
        return Invalid("this is not a certificate that can be read")
    if data in issuers or _is_ca(certificate):
        return CaCertificate(serial)
    tbs, fields = tbs_fields(data)
    issuer = _issuer(certificate, tbs, bytes(fields[2].whole), issuers)
    if issuer is None:
        return Invalid("serial number {serial}: another CA signed it", serial=f"{serial:x}")
    if not_after <= not_before:
        return Invalid("serial number {serial}: it ends before it begins", serial=f"{serial:x}")
    return Found(
        fingerprint_sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        issuer=issuer,
        serial=serial,
        not_before=not_before,
        not_after=not_after,
        common_name=_common_name(fields[4].content),
        key_algorithm=_key_algorithm(certificate),
    )


def inspect_all(issuers: Sequence[bytes], data: Sequence[bytes]) -> list[Inspected]:
    """`inspect` for many: the work of one parcel for a worker process."""
    return [inspect(each, issuers) for each in data]


def load_crl(data: bytes, issuers: Sequence[bytes]) -> FoundCrl:
    """Reads a CRL in DER and proves which CA signed it.

    Raises:
        Invalid: it cannot be read, or none of the CAs signed it.
    """
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
                return FoundCrl(place, number, crl)
    except UNREADABLE:
        raise Invalid("this is not a CRL that can be read") from None
    raise Invalid("another CA signed this CRL")


def load_ca(data: bytes) -> x509.Certificate:
    """The one CA certificate in a file, in PEM or DER.

    Raises:
        Invalid: there is none, or more than one, or it is not a CA's.
    """
    found = [load(data)] if kind_of(data) is Kind.CERTIFICATE else load_pem(data)
    if len(found) != 1:
        raise Invalid("there are {count} certificates where one is wanted", count=len(found))
    certificate = found[0]
    # Version 1 has no extensions, so cannot say; later ones must (RFC 5280 §4.2.1.9).
    if certificate.version is x509.Version.v3 and not _is_ca(certificate):
        raise Invalid("{subject} is not a CA's certificate", subject=subject_text(certificate))
    return certificate


def load_key(data: bytes, passphrase: bytes | None, certificate: x509.Certificate) -> PrivateKey:
    """A CA's private key in PEM or DER: PKCS#8, PKCS #1 or SEC 1, encrypted or not.

    Args:
        certificate: the CA's, to which the key must belong.

    Raises:
        Unavailable: it is encrypted and the passphrase is missing or wrong.
        Invalid: not a key, too weak to sign with, or another CA's.
    """
    read = (
        serialization.load_pem_private_key
        if b"-----BEGIN" in data
        else serialization.load_der_private_key
    )
    try:
        try:
            key = read(data, passphrase)
        except TypeError:
            if passphrase is None:
                raise Unavailable(
                    "the CA's key is encrypted, and there is no passphrase for it",
                    hint="name the file that holds it with --issuing-key-passphrase-file",
                ) from None
            key = read(data, None)  # A passphrase that is not needed is no reason to stop.
    except (ValueError, UnsupportedAlgorithm):
        if passphrase is not None:
            raise Unavailable("the CA's key cannot be opened: is its passphrase right?") from None
        raise Invalid("there is no private key that can be read") from None
    try:
        own = from_pkcs8(to_pkcs8(key))  # type: ignore[arg-type]  # from_pkcs8 refuses other kinds
    except Invalid as error:
        raise Invalid(
            "nothing is signed with the CA's key: {reason}",
            hint="leave the key out: what the CA has issued can be migrated without it",
            reason=error,
        ) from None
    check_pair(own, certificate)
    return own


def _issuer(
    certificate: x509.Certificate, tbs: memoryview, name: bytes, issuers: Sequence[bytes]
) -> int | None:
    """The CA whose signature it is. Names only say which to try first: CAs may share one, and one
    name may be encoded in two ways."""
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
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False
    return found.value.ca


def _common_name(subject: memoryview) -> str | None:
    """By hand, since old CAs wrote Latin-1 into T61 strings, which the library refuses to read."""
    name = None
    for relative in der.elements(subject):
        for attribute in der.elements(relative.content):
            oid, value = der.elements(attribute.content)
            if oid.content == _COMMON_NAME:
                name = _text(value)
    return name


def _text(value: der.Element) -> str:
    octets = bytes(value.content)
    if value.tag == _BMP_STRING:
        return octets.decode("utf-16-be", "replace")
    if value.tag == _UNIVERSAL_STRING:
        return octets.decode("utf-32-be", "replace")
    return decode(octets)


def decode(octets: bytes) -> str:
    """A name's letters: UTF-8, and where they are not that, Latin-1, which takes anything."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


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


def _reason(entry: x509.RevokedCertificate) -> RevocationReason | None:
    """None: removeFromCRL, by which a delta CRL takes an entry back."""
    try:
        flag = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except (x509.ExtensionNotFound, *UNREADABLE):
        return RevocationReason.UNSPECIFIED
    return None if flag is x509.ReasonFlags.remove_from_crl else RevocationReason(flag.value)


def from_pem_lines(lines: Sequence[bytes]) -> bytes:
    """What stands between BEGIN and END.

    Raises:
        Invalid: it is not base64.
    """
    try:
        return binascii.a2b_base64(b"".join(lines))
    except binascii.Error:
        raise Invalid("what stands between BEGIN and END is not base64") from None


def without_trust(data: bytes) -> bytes:
    """The certificate alone of OpenSSL's `TRUSTED CERTIFICATE`: what it is trusted for follows it.

    Raises:
        Invalid: it does not begin with a value in DER.
    """
    try:
        return bytes(next(der.elements(data)).whole)
    except (IndexError, StopIteration):
        raise Invalid("this is not a certificate that can be read") from None
