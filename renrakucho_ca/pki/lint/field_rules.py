"""Rules for a certificate's fields (RFC 5280 §4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID

from renrakucho_ca.certificate_profile import SubjectAttribute
from renrakucho_ca.clock import years_after
from renrakucho_ca.errors import Invalid
from renrakucho_ca.pki import der
from renrakucho_ca.pki.keys import public_key_of, signature_hash
from renrakucho_ca.pki.lint.expected import Expected, Rule
from renrakucho_ca.pki.x509_certificates import extension

# Taken from the RFCs, independently of the builder.
_ATTRIBUTES = {
    SubjectAttribute.COUNTRY: "2.5.4.6",
    SubjectAttribute.ORGANIZATION: "2.5.4.10",
    SubjectAttribute.ORGANIZATIONAL_UNIT: "2.5.4.11",
    SubjectAttribute.STATE: "2.5.4.8",
    SubjectAttribute.LOCALITY: "2.5.4.7",
    SubjectAttribute.COMMON_NAME: "2.5.4.3",
}


def _version(certificate: x509.Certificate, _: Expected) -> Iterator[str]:
    """§4.1.2.1: require version 3, which extensions need."""
    if certificate.version is not x509.Version.v3:
        yield f"the version is {certificate.version.name}, not v3"


def _serial(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.1.2.2: require a positive serial of at most 20 octets; ours have 128 random bits."""
    serial = certificate.serial_number
    if serial != expected.request.serial:
        yield f"the serial number is {serial:x}, not {expected.request.serial:x}"
    if serial <= 0:
        yield "the serial number is not positive"
    elif serial.bit_length() < 127:
        yield f"the serial number has {serial.bit_length()} bits, fewer than 127"
    elif serial.bit_length() > 159:
        yield "the serial number is longer than 20 octets"


def _signature_hash(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.1.1.2: refuse SHA-1, which is broken (RFC 6194), and any hash but the issuer's own."""
    used = certificate.signature_hash_algorithm
    wanted = signature_hash(public_key_of(expected.issuer))
    if used is None or used.name != wanted.name:
        yield f"the signature hash is {used.name if used else 'unknown'}, not {wanted.name}"


def _issuer(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.1.2.4, §6.1.3: require the issuer's subject, byte for byte, and an issuer that is a CA."""
    if certificate.issuer.public_bytes() != expected.issuer.subject.public_bytes():
        yield "the issuer's name is not the subject of the issuer's certificate"
    constraints = extension(expected.issuer, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        yield "the issuer's certificate is not that of a CA"
    usage = extension(expected.issuer, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        yield "the issuer's key usage does not allow it to sign certificates"


def _validity(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.1.2.5: refuse a certificate that outlives its issuer; §6.1 would refuse it later."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if (begin, end) != (expected.request.validity.not_before, expected.request.validity.not_after):
        yield "the validity is not the one that was asked for"
    if end <= begin:
        yield "the validity ends before it begins"
    # One day more than the calendar in UTC: if local midnight is on another day, ten years from 29
    # February differ by a day, and the beginning may be set back for slow clocks.
    elif end > years_after(begin, expected.years) + timedelta(days=1):
        yield f"the validity is longer than the {expected.years} years of the profile"
    if end > expected.issuer.not_valid_after_utc:
        yield "the validity ends after that of the issuer"


def _subject(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.1.2.6: require the requested subject in order, with one attribute in a relative name."""
    if isinstance(expected.request.subject, x509.Name):
        if certificate.subject.public_bytes() != expected.request.subject.public_bytes():
            yield "the subject is not the one that was asked for"
        return
    found = [
        [(attribute.oid.dotted_string, attribute.value) for attribute in relative]
        for relative in certificate.subject.rdns
    ]
    if not found:
        yield "the subject is empty"
    if found != [[(_ATTRIBUTES[name], value)] for name, value in expected.request.subject]:
        yield "the subject is not the one that was asked for"


def _subject_strings(certificate: x509.Certificate, expected: Expected) -> Iterator[str]:
    """§4.1.2.4: require UTF8String or PrintableString, and the lengths of appendix A.1."""
    if isinstance(expected.request.subject, x509.Name):
        return  # copied from another certificate or request, in any string type
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
    """§4.1.2.7: require the requested key, of an accepted kind and strength."""
    try:
        found = public_key_of(certificate)
    except Invalid as refusal:
        yield f"the public key is not acceptable ({refusal})"
    else:
        if found != expected.request.public_key:
            yield "the public key is not the one that was asked for"


RULES: tuple[Rule, ...] = (
    _version,
    _serial,
    _signature_hash,
    _issuer,
    _validity,
    _subject,
    _subject_strings,
    _public_key,
)
