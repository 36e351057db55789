"""Encode our subjects as distinguished names (RFC 5280 §4.1.2.4)."""

from __future__ import annotations

import re

from cryptography import x509
from cryptography.x509.oid import NameOID

from renrakucho_ca.certificate_profile import Subject, SubjectAttribute
from renrakucho_ca.errors import Invalid

LONGEST_ATTRIBUTE = 64
"""Characters: ub-common-name, ub-organization-name and others (appendix A.1)."""

_OIDS = {
    SubjectAttribute.COUNTRY: NameOID.COUNTRY_NAME,
    SubjectAttribute.ORGANIZATION: NameOID.ORGANIZATION_NAME,
    SubjectAttribute.ORGANIZATIONAL_UNIT: NameOID.ORGANIZATIONAL_UNIT_NAME,
    SubjectAttribute.STATE: NameOID.STATE_OR_PROVINCE_NAME,
    SubjectAttribute.LOCALITY: NameOID.LOCALITY_NAME,
    SubjectAttribute.COMMON_NAME: NameOID.COMMON_NAME,
}


def to_name(subject: Subject | x509.Name) -> x509.Name:
    """Return a name with one attribute in a relative name; copy another certificate's name.

    Values are UTF8String, the country PrintableString (appendix A.1). Raise Invalid if X.520 does
    not allow a value.
    """
    if isinstance(subject, x509.Name):
        return subject
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
            # The library's own limit counts octets: see the filter of warnings in
            # `x509_certificates`.
            x509.NameAttribute(_OIDS[attribute], value, _validate=False)
            for attribute, value in subject
        ]
    )
