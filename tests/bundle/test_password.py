"""The retrieval password: how strong it is, how it is typed, how it is kept."""

from __future__ import annotations

import math
import re
import secrets
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from renrakucho_ca.bundle import password

SHAPE = re.compile("[a-hjkmnp-z2-9]{4}-[a-hjkmnp-z2-9]{4}-[a-hjkmnp-z2-9]{4}")


class Redrawn(Exception):
    """The password's first bytes were refused and others asked for."""


def letter_for(byte: int) -> str:
    """The letter that this random byte becomes, or `redrawn`."""
    draws = iter([bytes([byte]) * 12])

    def random(count: int) -> bytes:
        assert count == 12
        try:
            return next(draws)
        except StopIteration:
            raise Redrawn from None

    try:
        letters = set(password.generate(random)) - {"-"}
    except Redrawn:
        return "redrawn"
    assert len(letters) == 1
    return letters.pop()


def test_alphabet_has_31_letters_without_those_taken_for_others() -> None:
    assert len(set(password.ALPHABET)) == len(password.ALPHABET) == 31
    assert not set(password.ALPHABET) & set("01ilo")
    assert re.fullmatch("[a-z0-9]+", password.ALPHABET)


def test_a_password_is_twelve_letters_in_groups_of_four() -> None:
    for _ in range(200):
        assert SHAPE.fullmatch(password.generate(secrets.token_bytes))


def test_a_password_has_at_least_59_bits() -> None:
    letters = password.generate(secrets.token_bytes).replace("-", "")
    assert math.log2(len(password.ALPHABET) ** len(letters)) > 59.4


def test_every_letter_is_equally_likely() -> None:
    outcomes = Counter(letter_for(byte) for byte in range(256))
    assert outcomes.pop("redrawn") == 8
    assert outcomes == dict.fromkeys(password.ALPHABET, 8)


def test_every_random_byte_decides_a_letter() -> None:
    drawn = bytes(range(12))
    shown = password.generate(lambda count: drawn[:count]).replace("-", "")
    assert shown == password.ALPHABET[:12]


def test_a_rejected_letter_is_drawn_again() -> None:
    draws = iter([b"\x1f" * 11 + b"\x00", b"\x01" * 12])
    assert password.generate(lambda _: next(draws)) == "abbb-bbbb-bbbb"


@pytest.mark.parametrize(
    "typed",
    [
        "k7mw-3hqp-xr4t",
        "K7MW3HQPXR4T",
        "Ｋ７ＭＷ３ＨＱＰＸＲ４Ｔ",
        " k7mw 3hqp\txr4t\n",
        "ｋ７ｍｗ　３ｈｑｐ　ｘｒ４ｔ",
        "k7mwー3hqpーxr4t",
        "k7mwｰ3hqp－xr4t",
        "k7mw‐3hqp‑xr4t",
        "k7mw–3hqp—xr4t",
        "k7mw−3hqp―xr4t",
        "k7mw─3hqp━xr4t",
        "k7mw〜3hqp〰xr4t",
        "k7mw⁃3hqp˗xr4t",
        "\ufeffk7mw\u00ad3hqp\u200bxr4t",
        "k7-mw3-hqpx-r4t-",
    ],
)
def test_a_password_typed_on_any_keyboard_folds_to_itself(typed: str) -> None:
    assert password.fold(typed) == "k7mw-3hqp-xr4t"


def test_a_made_password_folds_to_itself() -> None:
    made = password.generate(secrets.token_bytes)
    assert password.fold(made) == made


@pytest.mark.parametrize(
    "typed", ["k7mw-3hqp-xr4", "k7mw-3hqp-xr4t2", "k7mw-3hqp-xr4x", "", "山田"]
)
def test_another_password_does_not_fold_to_it(typed: str) -> None:
    assert password.fold(typed) != "k7mw-3hqp-xr4t"


def test_input_beyond_any_password_is_not_read() -> None:
    kept = password.hash("k7mw-3hqp-xr4t", secrets.token_bytes)
    assert password.verify(kept, password.fold("k7mw-3hqp-xr4t" + " " * 86))
    assert not password.verify(kept, password.fold("k7mw-3hqp-xr4t" + " " * 87))
    assert password.fold("x" * 10_000_000) == password.fold("y" * 101)


@given(typed=st.text(st.characters(), max_size=120))
@example(typed="\ud800")  # half a surrogate pair, which UTF-8 cannot write
def test_nonsense_is_refused_quietly(typed: str) -> None:
    kept = "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAA"
    assert not password.verify(kept, password.fold(typed))


def test_a_hash_is_argon2id_of_256_kibibytes_one_pass_one_lane() -> None:
    kept = password.hash("k7mw-3hqp-xr4t", secrets.token_bytes)
    assert kept.startswith("$argon2id$v=19$m=256,t=1,p=1$")


def test_a_hash_is_read_by_the_reference_implementation() -> None:
    argon2 = pytest.importorskip("argon2", reason="argon2-cffi, the reference implementation")
    kept = password.hash("k7mw-3hqp-xr4t", secrets.token_bytes)
    assert argon2.PasswordHasher().verify(kept, "k7mw-3hqp-xr4t")
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        argon2.PasswordHasher().verify(kept, "k7mw-3hqp-xr4s")


def test_a_hash_verifies_its_own_password_alone() -> None:
    kept = password.hash("k7mw-3hqp-xr4t", secrets.token_bytes)
    assert password.verify(kept, "k7mw-3hqp-xr4t")
    assert not password.verify(kept, "k7mw-3hqp-xr4s")
    assert not password.verify(kept, "")


def test_one_password_hashed_twice_has_two_salts() -> None:
    first, second = (password.hash("k7mw-3hqp-xr4t", secrets.token_bytes) for _ in range(2))
    assert first != second


def test_the_salt_is_sixteen_bytes_of_the_randomness_handed_in() -> None:
    asked: list[int] = []

    def random(count: int) -> bytes:
        asked.append(count)
        return b"s" * count

    kept = password.hash("k7mw-3hqp-xr4t", random)
    assert asked == [16]
    assert kept.split("$")[4] == "c3Nzc3Nzc3Nzc3Nzc3Nzcw"  # base64 of sixteen `s`


@pytest.mark.parametrize("kept", ["", "x", "$argon2id$", "$argon2i$v=19$m=8,t=1,p=1$AAAA$AAAA"])
def test_a_damaged_hash_verifies_nothing(kept: str) -> None:
    assert not password.verify(kept, "k7mw-3hqp-xr4t")
