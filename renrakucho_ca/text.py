"""Text from outside, normalized and checked."""

from __future__ import annotations

import unicodedata

from renrakucho_ca.errors import Invalid

# Characters that reorder or hide their neighbours, or have no shape: such a name is misread.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean_text(text: str, *, what: str, longest: int, shortest: int = 1) -> str:
    """Return a text in NFC, without blanks at its ends.

    Args:
        what: its name in the message, such as "user".
        longest, shortest: in characters after normalization.

    Raises:
        Invalid: too long, empty, or with control, bidirectional or unassigned characters.
    """
    clean = unicodedata.normalize("NFC", text).strip()
    if len(clean) < shortest:
        raise Invalid("{what} is empty", what=what)
    if len(clean) > longest:
        raise Invalid(
            "{what} has {length} characters; at most {longest} are allowed",
            what=what,
            length=len(clean),
            longest=longest,
        )
    # A printable text has none of these; an unprintable one may only have a wide blank.
    for letter in "" if clean.isprintable() else clean:
        if unicodedata.category(letter) in _UNSAFE_CATEGORIES:
            raise Invalid(
                "{what} has an unprintable character: U+{code}",
                what=what,
                code=f"{ord(letter):04X}",
            )
    return clean
