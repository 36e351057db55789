"""Generate, normalize and hash the retrieval password (証明書取得用パスワード)."""

from __future__ import annotations

import re
import unicodedata

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from renrakucho_ca.clock import Randomness

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""31 letters and digits that cannot be confused, on paper or on the telephone."""

_LENGTH = 12
"""31^12 is 59.45 bits, the whole strength of a PKCS#12: its MAC has 2,048 rounds."""

_LONGEST_INPUT = 100
_NEVER_VERIFIES = ""

# Japanese keyboards offer these for a hyphen, but Unicode does not class them as one (Pd):
# long vowel mark, minus sign, box drawings, hyphen bullet, modifier minus.
_HYPHEN_LOOKALIKES = frozenset("ー−─━⁃˗")
_DROPPED_CATEGORIES = frozenset({"Pd", "Zs", "Zl", "Zp", "Cc", "Cf"})

# RFC 9106 §4 recommends 64 MiB and more for passwords that people choose. This one has 59 random
# bits, and an attacker with a .p12 tries passwords at the 2,048 SHA-1 rounds of its MAC. The hash
# must cost an attacker more than that, and otherwise little: a migration makes hundreds a second.
# A graphics card with 5 * 10^10 SHA-1 a second computes 2.4 * 10^7 MACs; moving 256 KiB, written
# once and read twice, at 10^12 octets a second, it computes 1.3 * 10^6 hashes, a twentieth. On one
# core a hash takes 0.16 ms; 512 KiB took 0.29 (measured).
_MEMORY_KIB = 256
_PASSES = 1
_LANES = 1
_SALT_BYTES = 16  # RFC 9106 §3.1
_HASH_BYTES = 32


def generate(random: Randomness) -> str:
    """Return a password: twelve characters of `ALPHABET`, as `xxxx-xxxx-xxxx`.

    The hyphens are part of it, so that the text on the sheet opens the file.
    """
    letters = ""
    while len(letters) < _LENGTH:
        # Five bits name 32 letters; the missing one is drawn again, so all are equally likely.
        indices = (byte & 0b11111 for byte in random(_LENGTH))
        letters += "".join(ALPHABET[i] for i in indices if i < len(ALPHABET))
    return _grouped(letters[:_LENGTH])


def fold(text: str) -> str:
    """Normalize a typed password to the form of `generate`.

    Full-width and capital letters become plain ones; blanks and hyphens are replaced by the
    hyphens of the form. A text of another length stays one that no hash verifies.
    """
    if len(text) > _LONGEST_INPUT:
        return _NEVER_VERIFIES
    plain = unicodedata.normalize("NFKC", text).lower()
    return _grouped("".join(letter for letter in plain if not _is_separator(letter)))


def hash(password: str, random: Randomness) -> str:
    """Return a PHC string: argon2id with 16 bytes of salt from `random`."""
    kdf = Argon2id(
        salt=random(_SALT_BYTES),
        length=_HASH_BYTES,
        iterations=_PASSES,
        lanes=_LANES,
        memory_cost=_MEMORY_KIB,
    )
    return kdf.derive_phc_encoded(_encoded(password))


def verify(phc: str, password: str) -> bool:
    """Return whether the folded `password` has this hash."""
    try:
        Argon2id.verify_phc_encoded(_encoded(password), phc)
    except InvalidKey:
        return False
    return True


def _grouped(letters: str) -> str:
    return "-".join(re.findall(".{1,4}", letters))


def _is_separator(letter: str) -> bool:
    return letter in _HYPHEN_LOOKALIKES or unicodedata.category(letter) in _DROPPED_CATEGORIES


def _encoded(password: str) -> bytes:
    # A form field can contain half a surrogate pair, for which UTF-8 raises an error.
    return password.encode("utf-8", "surrogatepass")
