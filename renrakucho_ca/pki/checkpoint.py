"""A checkpoint: an issuing CA signs the head of the audit log, which reveals a cut log.

The signed text is five lines of ASCII, each with its line feed:

    rca audit checkpoint 1
    rows 17
    hash 5f0c… (the hash of row 17, 64 hex digits)
    time 2026-08-01T00:00:00Z
    authority 9c31… (SHA-256 of the CA's certificate, 64 hex digits)

Its signature is the CA's, as on a CRL: ECDSA in DER, or RSA PKCS #1 v1.5, by that key's hash.
`<hierarchy>-audit.json` has the text, the signature in base64 and the hash's name.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from renrakucho_ca.errors import Invalid
from renrakucho_ca.pki import keys
from renrakucho_ca.pki.keys import SigningKey

_TEXT = re.compile(
    r"rca audit checkpoint 1\n"
    r"rows ([1-9][0-9]{0,17})\n"
    r"hash ([0-9a-f]{64})\n"
    r"time ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)\n"
    r"authority ([0-9a-f]{64})\n",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The number of rows of the log at a moment, and the hash of the last row.

    `authority` is the SHA-256 of the signing CA's certificate, in hex.
    """

    rows: int
    hash: bytes
    time: datetime
    authority: str

    @property
    def text(self) -> str:
        """Return the signed text."""
        return (
            "rca audit checkpoint 1\n"
            f"rows {self.rows}\n"
            f"hash {self.hash.hex()}\n"
            f"time {self.time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}\n"
            f"authority {self.authority}\n"
        )

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Parse a signed text. Raise Invalid if it is malformed."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise _none()
        rows, hash, time, authority = found.groups()
        try:
            return cls(int(rows), bytes.fromhex(hash), datetime.fromisoformat(time), authority)
        except ValueError:  # the 31st of February
            raise _none() from None


def sign(checkpoint: Checkpoint, key: SigningKey) -> bytes:
    """Return the CA's signature over the text."""
    return keys.sign(key, checkpoint.text.encode())


def verifies(text: str, signature: bytes, authority: x509.Certificate) -> bool:
    """Return whether the CA signed the text."""
    key = keys.public_key_of(authority)
    return keys.verifies(key, signature, keys.signature_hash(key), text.encode())


def to_document(
    checkpoint: Checkpoint, signature: bytes, authority: x509.Certificate
) -> dict[str, str]:
    """Return the JSON object of a checkpoint, for the audit log and the published file."""
    return {
        "signed": checkpoint.text,
        "digest": keys.signature_hash(keys.public_key_of(authority)).name,
        "signature": b64encode(signature).decode(),
    }


def to_json(document: dict[str, str]) -> bytes:
    """Return the file that is published with the CRL."""
    return (json.dumps(document, indent=1) + "\n").encode()


def from_json(data: bytes | str) -> tuple[str, bytes]:
    """Return the text and the signature of a document, unverified. Raise Invalid if malformed."""
    try:
        document: dict[str, Any] = json.loads(data)
        text, signature = document["signed"], b64decode(document["signature"], validate=True)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _none() from None
    if not isinstance(text, str):
        raise _none()
    return text, signature


def _none() -> Invalid:
    return Invalid("not a checkpoint of an audit log")
