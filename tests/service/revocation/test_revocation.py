"""Out of use: for good, for a while; each with its entry on the CRL, all or nothing."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from renrakucho_ca.errors import Conflict, Invalid, NotFound, Unavailable
from renrakucho_ca.model import RetrievalNumber, RevocationReason, Status, User
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.retrieval import retrieval
from renrakucho_ca.service.revocation import revocation
from tests.shared.homes import (
    BEGIN,
    HANAKO,
    Clock,
    issue,
    published,
    read_certificate,
    record_of,
    rows,
)

UNKNOWN = RetrievalNumber("12345678")
HOLD = RevocationReason.CERTIFICATE_HOLD
FOR_GOOD = [each for each in RevocationReason if each is not HOLD]

# RFC 5280 §5.3.1, as asn1crypto names them.
NAMES = {
    "unspecified": "unspecified",
    "keyCompromise": "key_compromise",
    "cACompromise": "ca_compromise",
    "affiliationChanged": "affiliation_changed",
    "superseded": "superseded",
    "cessationOfOperation": "cessation_of_operation",
    "privilegeWithdrawn": "privilege_withdrawn",
    "aACompromise": "aa_compromise",
}


def test_each_reason_stands_on_the_crl_by_its_code(home: Home) -> None:
    wanted = {}
    for reason in FOR_GOOD:
        certificate = issue(home, "android").certificate
        (outcome,) = revocation.revoke(home, [certificate.number], reason)
        assert outcome.unwrap().status(BEGIN) is Status.REVOKED
        wanted[certificate.serial] = NAMES[reason]
    publication.publish(home, if_due=True)
    assert published(home).revoked == wanted


def test_one_that_cannot_be_revoked_does_not_keep_the_others_valid(home: Home) -> None:
    first, second = (issue(home).certificate.number for _ in range(2))
    revocation.revoke(home, [first], RevocationReason.SUPERSEDED)
    numbers = [first, UNKNOWN, second, second]
    outcomes = revocation.revoke(home, numbers, RevocationReason.KEY_COMPROMISE)
    assert [each.number for each in outcomes] == [first, UNKNOWN, second]
    assert [type(each.result).__name__ for each in outcomes] == [
        "Conflict",
        "NotFound",
        "Certificate",
    ]
    untouched = record_of(home, first).revocation
    assert untouched is not None
    assert untouched.reason is RevocationReason.SUPERSEDED


def test_a_full_disk_revokes_none_rather_than_some(home: Home) -> None:
    """Revoked in the list and missing on the CRL: the door would stay open."""
    requests = [IssuanceRequest(HANAKO, "android") for _ in range(150)]
    results = issuance.issue(home, requests)
    numbers = [each.certificate.number for each in results if isinstance(each, Issued)]
    fill_up(home)
    with pytest.raises(Unavailable, match="the disk is full"):
        revocation.revoke(home, numbers, RevocationReason.KEY_COMPROMISE)
    assert rows(home, "SELECT count(*) FROM crl_entry") == [(0,)]
    assert rows(home, "SELECT count(*) FROM certificate WHERE revoked_at > 0") == [(0,)]


def fill_up(home: Home) -> None:
    """Leaves no page to the database, not even those that bundles give back."""
    home.db.execute("DELETE FROM bundle")
    home.db.execute("CREATE TABLE filler (content BLOB)")
    (pages,) = rows(home, "PRAGMA page_count")
    home.db.execute(f"PRAGMA max_page_count = {pages[0]}")
    size = 2**16
    while size:
        try:
            home.db.execute("INSERT INTO filler VALUES (zeroblob(?))", (size,))
        except Unavailable:
            size //= 2


def test_a_hold_is_no_reason_for_revoking_for_good(home: Home) -> None:
    with pytest.raises(
        Invalid, match="certificateHold cannot be the reason of a permanent revocation"
    ):
        revocation.revoke(home, [UNKNOWN], HOLD)


def test_a_released_certificate_can_be_delivered_as_before(home: Home, clock: Clock) -> None:
    issued = issue(home)
    number, serial = issued.certificate.number, issued.certificate.serial
    assert revocation.hold(home, number).status(BEGIN) is Status.HELD
    publication.publish(home, if_due=True)
    assert published(home).revoked == {serial: "certificate_hold"}
    with pytest.raises(Conflict, match="is already held"):
        revocation.hold(home, number)

    clock.advance(hours=1)
    assert revocation.release(home, number).status(clock.now) is Status.ISSUED
    publication.publish(home, if_due=True)
    assert published(home).revoked == {}
    assert retrieval.reveal(home, number) == issued.password
    with pytest.raises(Conflict, match="is not held: it is issued"):
        revocation.release(home, number)


def test_a_held_one_can_be_revoked_for_good_and_not_released_after(home: Home) -> None:
    certificate = issue(home).certificate
    revocation.hold(home, certificate.number)
    revocation.revoke(home, [certificate.number], RevocationReason.KEY_COMPROMISE)
    with pytest.raises(Conflict, match="is not held: it is revoked"):
        revocation.release(home, certificate.number)
    with pytest.raises(Conflict, match="is already revoked"):
        revocation.hold(home, certificate.number)
    publication.publish(home, if_due=True)
    assert published(home).revoked == {certificate.serial: "key_compromise"}


def test_past_its_end_there_is_nothing_to_hold(home: Home, clock: Clock) -> None:
    certificate = issue(home).certificate
    clock.now = certificate.not_after
    with pytest.raises(Conflict, match="has expired"):
        revocation.hold(home, certificate.number)
    clock.advance(seconds=-1)
    revocation.hold(home, certificate.number)


def test_revoking_a_user_revokes_all_live_certificates(home: Home) -> None:
    taro = User("taro")
    downloaded, held, revoked = (issue(home, user=taro).certificate.number for _ in range(3))
    issue(home)
    revocation.hold(home, held)
    revocation.revoke(home, [revoked], RevocationReason.SUPERSEDED)
    assert set(revocation.live_of_user(home, "taro")) == {downloaded, held}
    with pytest.raises(NotFound, match="has no live certificate"):
        revocation.live_of_user(home, "jiro")


def test_a_serial_number_names_the_certificate_that_carries_it(home: Home) -> None:
    number = issue(home).certificate.number
    assert revocation.by_serial(home, read_certificate(home, number).serial_number) == number
    with pytest.raises(NotFound, match="no certificate has the serial number 1f"):
        revocation.by_serial(home, 0x1F)


def test_a_serial_number_of_two_cas_names_neither(home: Home) -> None:
    """Imported CAs count from 1: one of the two would be revoked by chance."""
    first = issue(home, "android", "old").certificate
    second = issue(home, "android", "new").certificate
    home.db.execute(
        "UPDATE certificate SET serial = ? WHERE number = ?",
        (f"{first.serial:x}", int(second.number)),
    )
    with pytest.raises(Conflict) as caught:
        revocation.by_serial(home, first.serial)
    named = re.findall("[0-9]{8}", str(caught.value.values["numbers"]))
    assert set(named) == {first.number, second.number}


def test_a_rehearsal_says_what_a_revocation_would_do(home: Home) -> None:
    live, held, revoked = (issue(home, "android").certificate.number for _ in range(3))
    revocation.hold(home, held)
    revocation.revoke(home, [revoked], RevocationReason.SUPERSEDED)
    numbers = [live, held, revoked, UNKNOWN]
    would = revocation.would_revoke(home, numbers)
    assert record_of(home, live).revocation is None
    done = revocation.revoke(home, numbers, RevocationReason.SUPERSEDED)
    kinds = [type(each.result).__name__ for each in would]
    assert kinds == [type(each.result).__name__ for each in done]
    assert kinds == ["Certificate", "Certificate", "Conflict", "NotFound"]


def test_the_hour_of_revocation_is_that_of_the_command(home: Home, clock: Clock) -> None:
    number = issue(home).certificate.number
    clock.advance(days=3, hours=2)
    revocation.revoke(home, [number], RevocationReason.SUPERSEDED)
    found = record_of(home, number).revocation
    assert found is not None
    assert found.at == BEGIN + timedelta(days=3, hours=2)
