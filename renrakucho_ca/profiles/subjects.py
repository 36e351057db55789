"""Subjects in profiles: templates with placeholders, and the subject of one certificate."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from renrakucho_ca.certificate_profile import Subject, SubjectAttribute
from renrakucho_ca.errors import Invalid
from renrakucho_ca.text import clean_text

LONGEST_ATTRIBUTE = 64
"""ub-common-name, ub-organization-name and ub-organizational-unit-name (RFC 5280 appendix A.1);
a state or locality may have 128, but no place name needs more than 64."""

_LONGEST_TEMPLATE = 200

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def render(subject: Subject, values: Mapping[str, str | None]) -> Subject:
    """Fill in a profile's templates; leave out attributes whose placeholders all have no value.

    Args:
        subject: attributes and templates.
        values: the values of the placeholders; None and empty mean absent.

    Returns:
        Attributes in NFC.

    Raises:
        Invalid: longer than 64 characters, unprintable, no country, or without a common name.
    """
    rendered = []
    for attribute, template in subject:
        filled = [values.get(name) or "" for name in _PLACEHOLDER.findall(template)]
        if any(filled) or not filled:
            text = _PLACEHOLDER.sub(lambda found: values.get(found[1]) or "", template)
            rendered.append((attribute, attribute_value(attribute, text)))
        elif attribute is SubjectAttribute.COMMON_NAME:
            raise Invalid("no value for the placeholders of {template}", template=template)
    return tuple(rendered)


def set_in(structure: object) -> Subject:
    """Return the set fields of a structure with a field for each `SubjectAttribute`, in order."""
    values = ((attribute, getattr(structure, attribute)) for attribute in SubjectAttribute)
    return tuple((attribute, value) for attribute, value in values if value is not None)


def attribute_value(attribute: SubjectAttribute, text: str) -> str:
    """Return the value of an attribute in NFC.

    Raise Invalid if it is longer than 64 characters, unprintable, or no country.
    """
    value = clean_text(text, what=attribute, longest=LONGEST_ATTRIBUTE)
    if attribute is SubjectAttribute.COUNTRY and not re.fullmatch("[A-Z]{2}", value):
        raise Invalid("a country must be two capital letters (ISO 3166), such as JP")
    return value


def checked_template(attribute: SubjectAttribute, allowed: Sequence[str], text: str) -> str:
    """Return a template in NFC. Raise Invalid for a bad placeholder or brace, or if too long."""
    for name in _PLACEHOLDER.findall(text):
        if name not in allowed:
            raise Invalid(
                "unknown placeholder {placeholder}",
                hint="use one of the placeholders: {allowed}",
                placeholder=repr("{" + name[:40] + "}"),
                allowed=" ".join("{" + one + "}" for one in allowed),
            )
    literal = _PLACEHOLDER.sub("", text)
    if "{" in literal or "}" in literal:
        raise Invalid("unbalanced braces")
    if literal == text:
        return attribute_value(attribute, text)
    return clean_text(text, what="text", longest=_LONGEST_TEMPLATE)
