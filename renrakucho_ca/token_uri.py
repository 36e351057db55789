"""Parse `pkcs11:` URIs (RFC 7512), which name a key in a token."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from renrakucho_ca.errors import Invalid

_SCHEME = "pkcs11:"
# §2.3: pk11-pchar and pk11-qchar.
_IN_PATH = re.compile(r"(?:[A-Za-z0-9._~:\[\]@!$'()*+,=&-]|%[0-9A-Fa-f]{2})*")
_IN_QUERY = re.compile(r"(?:[A-Za-z0-9._~:\[\]@!$'()*+,=/?|-]|%[0-9A-Fa-f]{2})*")
_OF_PATH = {"token", "manufacturer", "model", "serial", "slot-id", "object", "id", "type"}
_OF_QUERY = {"module-path", "pin-source"}
_EXAMPLE_URI = "for example 'pkcs11:token=ca;object=new-issuing?pin-source=/etc/rca/pin'"


@dataclass(frozen=True, slots=True)
class TokenUri:
    """A parsed URI. Attributes that are None match everything.

    Attributes:
        text: the original, without a PIN.
        token, manufacturer, model, serial, slot_id: the token (§2.3).
        label, id: CKA_LABEL (`object`) and CKA_ID of the key, one of them at least.
        module: the path of the PKCS #11 library.
        pin_source: the file that holds the PIN.
    """

    text: str
    token: str | None
    manufacturer: str | None
    model: str | None
    serial: str | None
    slot_id: int | None
    label: str | None
    id: bytes | None
    module: str | None
    pin_source: str | None

    def __str__(self) -> str:
        return self.text

    @property
    def name_of_token(self) -> str:
        """Return the attributes of the token; URIs with equal ones share a PIN."""
        slot = None if self.slot_id is None else f"slot {self.slot_id}"
        named = (self.token, self.serial, self.manufacturer, self.model, slot)
        return ", ".join(each for each in named if each is not None) or self.text


KeyPlace = Path | TokenUri
"""The operator's place for a key: a sealed file, or a token."""


def is_uri(text: str) -> bool:
    """Return whether a text is meant as a `pkcs11:` URI, not as a file name."""
    return text.startswith(_SCHEME)


def parse(text: str) -> TokenUri:
    """Parse a URI.

    Raises:
        Invalid: no URI, no key, an unknown attribute, or a PIN, which would enter the database and
            the process list. No message repeats it.
    """
    path, _, query = text.removeprefix(_SCHEME).partition("?")
    if not is_uri(text):
        raise Invalid("not a pkcs11: URI", hint=_EXAMPLE_URI)
    found = _attributes(path, ";", _IN_PATH, _OF_PATH)
    found |= _attributes(query, "&", _IN_QUERY, _OF_QUERY)
    if "object" not in found and "id" not in found:
        raise Invalid("the pkcs11: URI names no key: it needs object= or id=", hint=_EXAMPLE_URI)
    if found.get("type", b"private") != b"private":
        raise Invalid("the pkcs11: URI does not name a private key", hint=_EXAMPLE_URI)
    words = {name: _text(name, value) for name, value in found.items() if name != "id"}
    return TokenUri(
        text=text,
        token=words.get("token"),
        manufacturer=words.get("manufacturer"),
        model=words.get("model"),
        serial=words.get("serial"),
        slot_id=_number(words["slot-id"]) if "slot-id" in words else None,
        label=words.get("object"),
        id=found.get("id"),
        module=words.get("module-path"),
        pin_source=_file(words["pin-source"]) if "pin-source" in words else None,
    )


def _attributes(
    text: str, separator: str, allowed: re.Pattern[str], known: set[str]
) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in text.split(separator) if text else []:
        name, equals, value = part.partition("=")
        if name == "pin-value":
            raise Invalid(
                "a pkcs11: URI must not contain the PIN",
                hint="write the PIN to a file of mode 0600, and name the file with pin-source=",
            )
        if name not in known or not equals:
            raise Invalid(
                "unknown attribute {name} in the pkcs11: URI",
                hint=_EXAMPLE_URI,
                name=repr(name[:20]),
            )
        if name in found or not value or not allowed.fullmatch(value):
            raise Invalid(
                "the attribute {name} of the pkcs11: URI is empty, repeated, or has a character "
                "that must be written as %XX",
                hint=_EXAMPLE_URI,
                name=name,
            )
        found[name] = unquote_to_bytes(value)
    return found


def _text(name: str, value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise Invalid("the attribute {name} of the pkcs11: URI is not text", name=name)
    return text


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise Invalid("the attribute {name} of the pkcs11: URI is not a number", name="slot-id")
    return int(text)


def _file(source: str) -> str:
    """Return the path in a `file:` URI or path (§2.4); refuse a program (a leading `|`)."""
    path = re.sub(r"^file:(//(localhost)?(?=/))?", "", source)
    if path.startswith("|") or not path:
        raise Invalid("pin-source of the pkcs11: URI must name a file", hint=_EXAMPLE_URI)
    return path
