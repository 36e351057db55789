"""The vocabulary: values from outside are normalized or refused."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import (
    LIVE,
    Authority,
    Certificate,
    Container,
    Hierarchy,
    RetrievalNumber,
    Revocation,
    RevocationReason,
    Status,
    Tier,
    User,
    parse_serial,
)
from renrakucho_ca.text import clean_text

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)

# -- numbers


@pytest.mark.parametrize(
    "text", ["67075623", "6707 5623", "6707-5623", " 67075623\n", "６７０７５６２３", "6707－5623"]
)
def test_a_retrieval_number_is_read_as_people_write_it(text: str) -> None:
    assert RetrievalNumber.parse(text) == "67075623"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "6707562",
        "670756233",
        "07075623",
        "6707562a",
        "+67075623",
        "67.075623",
        "٦٧٠٧٥٦٢٣",
        "1e7",
    ],
)
def test_anything_else_is_no_retrieval_number(text: str) -> None:
    with pytest.raises(Invalid, match="is not a retrieval number"):
        RetrievalNumber.parse(text)


def test_a_message_shows_the_beginning_of_a_long_text() -> None:
    with pytest.raises(Invalid) as caught:
        RetrievalNumber.parse("9" * 100_000)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("text", ["0a1b", "0A:1B", "0x0a1b", " 0XA1B ", "a1b"])
def test_a_serial_number_is_read_in_all_common_forms(text: str) -> None:
    assert parse_serial(text) == 0xA1B


def test_a_negative_serial_number_of_an_imported_ca_is_parsed() -> None:
    assert parse_serial("-a1b") == -0xA1B


@pytest.mark.parametrize("text", ["", "0x", "-", "--1", ":", "xyz", "12 34", "f" * 41, "１２"])
def test_anything_else_is_no_serial_number(text: str) -> None:
    with pytest.raises(Invalid, match="is not a serial number"):
        parse_serial(text)


def test_a_serial_number_has_twenty_octets_at_most() -> None:
    assert parse_serial("0" + "f" * 40) == 2**160 - 1


# -- text


def test_text_is_kept_in_nfc_without_blanks_at_its_ends() -> None:
    typed = unicodedata.normalize("NFD", "ガーデン介護")
    assert clean_text(f"　{typed} ", what="name", longest=6) == "ガーデン介護"


@pytest.mark.parametrize(
    ("letter", "code"),
    [
        ("\n", "000A"),
        ("\x1b", "001B"),  # escapes of a terminal
        ("\u202e", "202E"),  # turns what follows round
        ("\u200b", "200B"),  # is not seen
        ("\u2028", "2028"),
        ("\ud800", "D800"),  # half of a pair
        ("\ue000", "E000"),  # every font its own
        ("\u0378", "0378"),  # unassigned
    ],
)
def test_an_unprintable_character_is_refused_by_its_code_point(letter: str, code: str) -> None:
    with pytest.raises(Invalid, match=rf"U\+{code}"):
        clean_text(f"a{letter}b", what="name", longest=10)


@pytest.mark.parametrize("text", ["髙橋", "𠮷野", "渡邉\U000e0102", "O'Neill", "👩"])
def test_names_keep_their_rare_letters(text: str) -> None:
    """Also a variation selector, which says how 邉 is written in this family."""
    assert clean_text(text, what="name", longest=64) == unicodedata.normalize("NFC", text)


def test_length_counts_characters_after_normalization() -> None:
    assert len(clean_text(unicodedata.normalize("NFD", "が" * 64), what="name", longest=64)) == 64
    with pytest.raises(Invalid, match="65 characters; at most 64 are allowed"):
        clean_text("あ" * 65, what="name", longest=64)


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1))
def test_clean_text_leaves_clean_text_alone(text: str) -> None:
    assume(text.strip())
    clean = clean_text(text, what="note", longest=10_000)
    assert clean_text(clean, what="note", longest=10_000) == clean == clean.strip()


# -- users


def test_an_empty_field_of_a_user_is_an_absent_one() -> None:
    assert User.parse("hanako", "", " ", "　", None) == User("hanako")


@pytest.mark.parametrize("id", ["", "   ", "a\0b", "x" * 65])
def test_a_user_needs_a_name_that_a_certificate_can_carry(id: str) -> None:
    with pytest.raises(Invalid):
        User.parse(id)


@pytest.mark.parametrize("email", ["hanako", "@example.jp", "a@", "a@b@c", "<a@example.jp>"])
def test_a_malformed_mail_address_is_refused(email: str) -> None:
    with pytest.raises(Invalid):
        User.parse("hanako", email=email)


# -- certificates

CERTIFICATE = Certificate(
    number=RetrievalNumber("67075623"),
    serial=1,
    hierarchy="new",
    user=User("hanako"),
    device="windows",
    note=None,
    issued_at=NOW,
    not_before=NOW,
    not_after=NOW.replace(year=2036),
    downloaded_at=None,
    revocation=None,
    supersedes=None,
    superseded_by=None,
    profile="windows",
    key_algorithm=None,
    fingerprint_sha256=None,
)
HELD = Revocation(NOW, RevocationReason.CERTIFICATE_HOLD)
REVOKED = Revocation(NOW, RevocationReason.SUPERSEDED)


@pytest.mark.parametrize("downloaded", [None, NOW])
@pytest.mark.parametrize("is_over", [False, True])
@pytest.mark.parametrize("revocation", [None, HELD, REVOKED])
def test_the_order_of_states_is_revoked_held_expired_downloaded_issued(
    revocation: Revocation | None, is_over: bool, downloaded: datetime | None
) -> None:
    certificate = replace(CERTIFICATE, revocation=revocation, downloaded_at=downloaded)
    at = certificate.not_after if is_over else certificate.not_after - SECOND
    first_that_applies = (
        (Status.REVOKED, revocation is REVOKED),
        (Status.HELD, revocation is HELD),
        (Status.EXPIRED, is_over),
        (Status.DOWNLOADED, downloaded is not None),
        (Status.ISSUED, True),
    )
    assert certificate.status(at) is next(state for state, applies in first_that_applies if applies)


def test_held_certificates_are_live_and_revoked_or_expired_ones_are_not() -> None:
    assert set(Status) - LIVE == {Status.REVOKED, Status.EXPIRED}


# -- hierarchies


def authority(tier: Tier) -> Authority:
    return Authority(1, "new", tier, b"", "", "", NOW, "ec-p384", None)


def test_a_flat_hierarchy_issues_with_its_root() -> None:
    root, issuing = authority(Tier.ROOT), authority(Tier.ISSUING)
    flat = Hierarchy("new", NOW, None, None, (root,))
    assert flat.issuing is flat.root is root
    assert Hierarchy("new", NOW, None, None, (issuing, root)).issuing is issuing
    assert issuing.name == "new-issuing"


@pytest.mark.parametrize(
    ("retired", "cutoff"), list(product([None, NOW], [None, NOW - SECOND, NOW, NOW + SECOND]))
)
def test_a_hierarchy_is_open_until_it_is_retired_or_cut_off(
    retired: datetime | None, cutoff: datetime | None
) -> None:
    hierarchy = Hierarchy("old", NOW, retired, cutoff, (authority(Tier.ROOT),))
    assert hierarchy.is_open(NOW) == (retired is None and cutoff in {None, NOW + SECOND})


def test_a_container_names_the_suffix_that_devices_know() -> None:
    assert {each.suffix for each in Container} == {".p12", ".mobileconfig", ".pem"}
