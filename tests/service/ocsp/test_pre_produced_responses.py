"""What is answered is what holds: signed ahead by `publish`, and never anything outdated."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from asn1crypto import core
from asn1crypto import ocsp as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from renrakucho_ca.errors import Invalid, Unavailable
from renrakucho_ca.model import RetrievalNumber, RevocationReason
from renrakucho_ca.service.hierarchy import cross_signing
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.ocsp import pre_produce, response_file
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store.files import ocsp_responses
from renrakucho_ca.store.tables import hierarchies, ocsp_state
from tests.shared.homes import (
    BEGIN,
    Clock,
    Died,
    DyingRandomness,
    configure,
    issue,
    no_passphrase,
    open_home,
    rows,
)

from .asking import GOOD, REVOKED, TRY_LATER, UNAUTHORIZED, UNKNOWN, OcspClient, ask

SHA1, SHA256 = hashes.SHA1(), hashes.SHA256()
KEY_COMPROMISE = RevocationReason.KEY_COMPROMISE


def publish(home: Home) -> None:
    publication.publish(home, if_due=True)


def revoke(home: Home, number: RetrievalNumber) -> None:
    (outcome,) = revocation.revoke(home, [number], KEY_COMPROMISE)
    outcome.unwrap()


@pytest.fixture
def number(home: Home, client: OcspClient) -> RetrievalNumber:
    """A certificate that was there when everything was signed."""
    number = client.issue()
    publication.publish(home)
    return number


@pytest.mark.parametrize("hash", [SHA1, SHA256], ids=lambda each: each.name)
def test_a_certificate_is_good_by_either_hash_of_its_issuer(
    client: OcspClient, number: RetrievalNumber, hash: hashes.HashAlgorithm
) -> None:
    reply = client.ask(number, hash)
    assert (reply.status, reply.this_update) == (GOOD, BEGIN)
    assert reply.next_update == BEGIN + timedelta(days=7)


def test_a_certificate_is_good_as_soon_as_it_is_issued(published: Home, client: OcspClient) -> None:
    assert client.ask(client.issue()).status == GOOD


def test_a_revoked_one_is_not_called_good_even_before_the_next_publication(
    home: Home, client: OcspClient, number: RetrievalNumber, clock: Clock
) -> None:
    clock.advance(hours=1)
    revoke(home, number)
    assert client.ask(number).status == TRY_LATER
    clock.advance(seconds=30)
    publish(home)
    for hash in (SHA1, SHA256):
        reply = client.ask(number, hash)
        assert (reply.status, reply.reason) == (REVOKED, "keyCompromise")
        assert reply.revoked_at == BEGIN + timedelta(hours=1)
        assert reply.this_update == clock.now


def test_a_revoked_certificate_stays_revoked_when_all_responses_are_re_signed(
    home: Home, client: OcspClient, number: RetrievalNumber, clock: Clock
) -> None:
    revoke(home, number)
    publish(home)
    clock.advance(days=4)
    publish(home)
    reply = client.ask(number)
    assert (reply.status, reply.this_update) == (REVOKED, clock.now)
    assert rows(home, "SELECT * FROM ocsp_change") == []


def test_a_hold_and_its_release_are_answered(
    home: Home, client: OcspClient, number: RetrievalNumber
) -> None:
    revocation.hold(home, number)
    assert client.ask(number).status == TRY_LATER
    publish(home)
    assert client.ask(number).reason == "certificateHold"
    revocation.release(home, number)
    # What was signed for all calls it good, and so it is again.
    assert client.ask(number).status == GOOD
    publish(home)
    assert client.ask(number).status == GOOD


def test_a_revocation_without_a_reason_has_none(
    home: Home, client: OcspClient, number: RetrievalNumber
) -> None:
    revocation.revoke(home, [number], RevocationReason.UNSPECIFIED)
    publish(home)
    reply = client.ask(number)
    assert (reply.status, reply.reason) == (REVOKED, None)


def test_a_revocation_signs_for_one_certificate_and_not_for_all(
    home: Home, client: OcspClient, number: RetrievalNumber
) -> None:
    hierarchy = hierarchies.get(home.db, "new")
    file = response_file.path_of(home, hierarchy.issuing)
    before = file.stat().st_ino
    revoke(home, number)
    assert publication.publish(home, if_due=True).responses == 1
    assert file.stat().st_ino == before


def test_nothing_due_signs_nothing_and_needs_no_passphrase(
    home: Home, number: RetrievalNumber, clock: Clock
) -> None:
    clock.advance(days=1)
    locked = Home(home.path, no_passphrase, clock)
    assert publication.publish(locked, if_due=True).responses == 0


def test_responses_are_renewed_at_half_their_life(
    home: Home, client: OcspClient, number: RetrievalNumber, clock: Clock
) -> None:
    clock.advance(days=3, hours=11)
    publish(home)
    assert client.ask(number).this_update == BEGIN
    clock.advance(hours=2)
    publish(home)
    assert client.ask(number).this_update == clock.now


def test_a_response_past_its_end_is_not_given_out(
    client: OcspClient, number: RetrievalNumber, clock: Clock
) -> None:
    clock.advance(days=7, seconds=-1)
    assert client.ask(number).status == GOOD
    clock.advance(seconds=1)
    assert client.ask(number).status == TRY_LATER


def test_a_response_past_its_end_is_awaited_for_the_issuing_ca_as_for_a_device(
    client: OcspClient, published: Home, clock: Clock
) -> None:
    """A client that asks about the whole chain is not told that nobody answers for it."""
    clock.advance(days=7)
    assert client.send(ask(client.issuer, client.root), client.root).status == TRY_LATER


def test_the_responder_is_renewed_at_half_its_life_and_outlives_every_response(
    home: Home, client: OcspClient, number: RetrievalNumber, clock: Clock
) -> None:
    assert client.ask(number).signer_ends == BEGIN + timedelta(days=30)
    for _ in range(40):
        clock.advance(days=1)
        publish(home)
        reply = client.ask(number)
        assert reply.signer_ends is not None
        assert reply.signer_ends - clock.now >= timedelta(days=14)
    recorded = rows(home, "SELECT count(*), count(sealed_key) FROM responder WHERE authority = 4")
    assert recorded == [(3, 1)]


def test_no_response_outlives_the_cut_off(
    home: Home, client: OcspClient, number: RetrievalNumber, clock: Clock
) -> None:
    cutoff = BEGIN + timedelta(days=2)
    with home.db.write():
        hierarchies.set_cutoff(home.db, "new", cutoff)
    publish(home)
    assert client.ask(number).next_update == cutoff
    clock.now = cutoff
    assert client.ask(number).status == TRY_LATER
    publish(home)
    assert client.ask(number).status == REVOKED


def test_a_certificate_past_its_end_is_not_answered_for(
    home: Home, client: OcspClient, number: RetrievalNumber, clock: Clock
) -> None:
    with home.db.write():
        end = int(clock.now.timestamp()) + 86400
        home.db.execute("UPDATE certificate SET not_after = ?", (end,))
    clock.advance(days=1, seconds=-1)
    assert client.ask(number).status == GOOD
    clock.advance(seconds=1)
    assert client.ask(number).status == UNAUTHORIZED


def test_an_unknown_serial_is_not_answered_without_a_key(
    home: Home, client: OcspClient, number: RetrievalNumber
) -> None:
    """RFC 5019 §2.2.3."""
    other = client.certificate(client.issue())
    with home.db.write():
        home.db.execute("DELETE FROM ocsp_change")
        home.db.execute("UPDATE certificate SET serial = '77' WHERE number <> ?", (int(number),))
    assert client.send(ask(other, client.issuer)).status == UNAUTHORIZED


def test_a_ca_of_another_hierarchy_is_not_answered_for(
    home: Home, client: OcspClient, number: RetrievalNumber
) -> None:
    old = hierarchies.get(home.db, "old").issuing.certificate
    other = x509.load_der_x509_certificate(old)
    request = ask(client.certificate(number), other)
    assert client.send(request, other).status == UNAUTHORIZED


def test_the_root_answers_for_the_issuing_ca(client: OcspClient, published: Home) -> None:
    reply = client.send(ask(client.issuer, client.root), client.root)
    assert (reply.status, reply.serial) == (GOOD, client.issuer.serial_number)


def test_serial_numbers_of_old_cas_may_be_negative_or_long(
    home: Home, client: OcspClient, clock: Clock
) -> None:
    serials = [-1, -(2**64), 0, 1, 127, 128, 255, 2**159, 2**200 + 1]
    numbers = [client.issue() for _ in serials]
    with home.db.write():
        for number, serial in zip(numbers, serials, strict=True):
            home.db.execute(
                "UPDATE certificate SET serial = ? WHERE number = ?", (f"{serial:x}", int(number))
            )
    publish(home)
    template = ocsp.load_der_ocsp_request(ask(client.certificate(numbers[0]), client.issuer))
    for serial in serials:
        octets = (serial + (serial < 0)).bit_length() // 8 + 1
        encoded = serial.to_bytes(octets, "big", signed=True)
        request = raw_request(template.issuer_name_hash, template.issuer_key_hash, encoded)
        reply = client.send(request)
        assert (reply.status, reply.serial) == (GOOD, serial)


def raw_request(name: bytes, key: bytes, serial: bytes) -> bytes:
    identifier = asn1.CertId(
        {
            "hash_algorithm": {"algorithm": "sha1"},
            "issuer_name_hash": name,
            "issuer_key_hash": key,
            "serial_number": core.Integer.load(bytes((2, len(serial))) + serial),
        }
    )
    tbs = asn1.TBSRequest({"request_list": [{"req_cert": identifier}]})
    encoded: bytes = asn1.OCSPRequest({"tbs_request": tbs}).dump()
    return encoded


# -- with the responder's key at hand


@pytest.fixture
def live(home: Home, client: OcspClient) -> Home:
    configure(home, "ocsp: {nonce: true}")
    return home


def test_a_nonce_comes_back(live: Home, client: OcspClient, clock: Clock) -> None:
    number = client.issue()
    publish(live)
    clock.advance(hours=5)
    reply = client.ask(number, nonce=b"n" * 32)
    assert (reply.status, reply.nonce, reply.this_update) == (GOOD, b"n" * 32, clock.now)


def test_without_the_key_a_nonce_is_passed_over(
    client: OcspClient, number: RetrievalNumber
) -> None:
    """RFC 5019 §2.2.1."""
    reply = client.ask(number, nonce=b"n" * 16)
    assert (reply.status, reply.nonce) == (GOOD, None)


def asking_for(client: OcspClient, *pairs: tuple[x509.Certificate, x509.Certificate]) -> bytes:
    """One request about several certificates, each with its issuer."""
    singles = [
        asn1.OCSPRequest.load(ask(certificate, issuer))["tbs_request"]["request_list"][0]
        for certificate, issuer in pairs
    ]
    encoded: bytes = asn1.OCSPRequest({"tbs_request": {"request_list": singles}}).dump()
    return encoded


def test_without_the_key_a_request_has_one_certificate(client: OcspClient, home: Home) -> None:
    """RFC 5019 §2.1.1; an answer about the first alone would be less than was asked for."""
    both = [client.certificate(client.issue()) for _ in range(2)]
    publish(home)
    request = asking_for(client, *[(each, client.issuer) for each in both])
    assert client.send(request).status == UNAUTHORIZED


def test_with_the_key_all_of_one_ca_are_answered_for(live: Home, client: OcspClient) -> None:
    both = [client.certificate(client.issue()) for _ in range(2)]
    publish(live)
    pairs = [(each, client.issuer) for each in both]
    assert client.serials(asking_for(client, *pairs)) == [each.serial_number for each in both]


def test_several_of_two_cas_are_not_answered_for(live: Home, client: OcspClient) -> None:
    """Nobody may sign for both."""
    leaf = client.certificate(client.issue())
    publish(live)
    request = asking_for(client, (leaf, client.issuer), (client.issuer, client.root))
    assert client.send(request).status == UNAUTHORIZED


def test_a_revocation_is_answered_at_once_with_the_key(
    live: Home, client: OcspClient, clock: Clock
) -> None:
    number = client.issue()
    publish(live)
    revoke(live, number)
    assert client.ask(number).status == REVOKED


def test_unknown_is_signed_with_the_key(live: Home, client: OcspClient) -> None:
    other = client.certificate(client.issue())
    publish(live)
    with live.db.write():
        live.db.execute("UPDATE certificate SET serial = '77'")
    reply = client.send(ask(other, client.issuer))
    assert (reply.status, reply.serial) == (UNKNOWN, other.serial_number)


def test_a_cross_certificate_is_known_to_its_issuing_root(live: Home, client: OcspClient) -> None:
    """To call unknown what it has issued, and revoked, would be untrue."""
    cross_certificate = cross_signing.cross(live, "old", by="new")
    assert cross_certificate.der is not None
    publish(live)
    request = ask(x509.load_der_x509_certificate(cross_certificate.der), client.root)
    assert client.send(request, client.root).status == GOOD
    cross_signing.revoke(live, cross_certificate.serial, KEY_COMPROMISE)
    assert client.send(request, client.root).status == REVOKED


def test_a_cross_certificate_is_unknown_to_a_root_that_did_not_issue_it(
    live: Home, client: OcspClient
) -> None:
    """The same serial number under another issuer names another certificate."""
    cross_certificate = cross_signing.cross(live, "new", by="old")
    publish(live)
    names = ocsp.load_der_ocsp_request(ask(client.issuer, client.root))
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        names.issuer_name_hash, names.issuer_key_hash, cross_certificate.serial, SHA1
    )
    request = builder.build().public_bytes(Encoding.DER)
    assert client.send(request, client.root).status == UNKNOWN


def test_the_key_is_taken_from_the_portal_when_the_setting_is(
    live: Home, client: OcspClient, clock: Clock
) -> None:
    number = client.issue()
    publish(live)
    again = open_home(live.path, clock)
    configure(again, "ocsp: {nonce: false}")
    publish(again)
    assert rows(live, "SELECT count(portal_key) FROM responder") == [(0,)]
    assert client.ask(number, nonce=b"n" * 16).nonce is None


# -- faults


def test_a_run_that_dies_leaves_the_responses_before_it(
    home: Home, client: OcspClient, number: RetrievalNumber, clock: Clock
) -> None:
    """It dies at each of its draws of randomness: serial numbers, then sealing the keys."""
    clock.advance(days=6)
    with home.db.write():
        home.db.execute("UPDATE responder SET not_before = not_before - 86400 * 20")
    for deaths in count():
        try:
            publish(open_home(home.path, clock, DyingRandomness(deaths)))
        except Died:
            reply = client.ask(number)
            assert (reply.status, reply.this_update) == (GOOD, BEGIN)
        else:
            break
    assert deaths >= 4
    assert client.ask(number).this_update == clock.now


def test_a_damaged_file_is_an_error_and_then_replaced(
    home: Home, client: OcspClient, number: RetrievalNumber
) -> None:
    file = response_file.path_of(home, hierarchies.get(home.db, "new").issuing)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(Unavailable, match="damaged"):
        client.ask(number)
    publish(home)
    assert client.ask(number).status == GOOD


def test_responses_that_do_not_verify_do_not_replace_the_file(
    home: Home, client: OcspClient, number: RetrievalNumber, clock: Clock
) -> None:
    """The key of one CA's responder signs under the certificate of another's."""
    hierarchy = hierarchies.get(home.db, "new")
    issuing, root = (
        ocsp_state.responder(home.db, each.id) for each in (hierarchy.issuing, hierarchy.root)
    )
    assert issuing is not None
    assert root is not None
    mixed = replace(issuing, certificate=root.certificate)
    file = response_file.path_of(home, hierarchy.issuing)
    before = file.read_bytes()
    clock.advance(hours=1)
    with pytest.raises(Invalid, match="does not verify"):
        response_file.sign_all(home, hierarchy, hierarchy.issuing, mixed, clock.now)
    assert file.read_bytes() == before
    assert client.ask(number).this_update == BEGIN


@pytest.mark.parametrize("said", ["revoked_at = NULL", "reason = 'superseded'"])
def test_a_response_that_says_something_else_than_the_store_is_not_given_out(
    home: Home, client: OcspClient, number: RetrievalNumber, said: str
) -> None:
    revoke(home, number)
    publish(home)
    assert client.ask(number).status == REVOKED
    with home.db.write():
        home.db.execute("UPDATE ocsp_change SET " + said)
    assert client.ask(number).status == TRY_LATER


def put_many(home: Home, count: int) -> None:
    """Certificates that nobody asks for; their numbers follow that of the one that there is."""
    id = hierarchies.get(home.db, "new").issuing.id
    with home.db.write():
        home.db.execute(
            f"""WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count})
                INSERT INTO certificate (number, authority, serial, user, device, profile, line,
                                         issued_at, not_before, not_after)
                SELECT (number - 10000000 + n) % 90000000 + 10000000, {id},
                       printf('%x', n * 7919 % 100003), 'hanako', 'windows', 'windows',
                       (number - 10000000 + n) % 90000000 + 10000000, 1, 1, 9999999999
                FROM n, (SELECT number FROM certificate)"""
        )


def test_many_are_signed_by_worker_processes_in_order(
    home: Home, client: OcspClient, number: RetrievalNumber, clock: Clock
) -> None:
    put_many(home, 4500)
    with home.db.write():
        home.db.execute("DELETE FROM ocsp_change")
    clock.advance(days=5)
    assert publication.publish(home, if_due=True).responses >= 4500
    assert client.ask(number).this_update == clock.now
    with ocsp_responses.opened(
        response_file.path_of(home, hierarchies.get(home.db, "new").issuing)
    ) as file:
        assert all(
            file.find(record.serial) == record for record in map(file.__getitem__, range(len(file)))
        )


def test_after_very_many_were_issued_the_next_publication_signs_for_all(
    home: Home, client: OcspClient, number: RetrievalNumber
) -> None:
    """Nobody who issues waits for signatures that are made anew a moment later."""
    put_many(home, pre_produce.MOST_CHANGES)
    late = client.issue()
    assert [client.ask(each).status for each in (number, late)] == [GOOD, TRY_LATER]
    publish(home)
    assert [client.ask(each).status for each in (number, late)] == [GOOD, GOOD]


def test_with_pre_produced_responses_off_none_are_signed(
    home: Home, client: OcspClient, clock: Clock
) -> None:
    quiet = open_home(home.path, clock)
    configure(quiet, "ocsp: {sign_ahead: false}")
    assert publication.publish(quiet).responses == 0
    issue(quiet, hierarchy="new")
    assert rows(home, "SELECT count(*) FROM responder") == [(0,)]
    assert not (home.store / "ocsp").exists()


def test_issuing_goes_on_when_nothing_can_be_signed(published: Home, client: OcspClient) -> None:
    with published.db.write():
        published.db.execute("UPDATE responder SET sealed_key = x'00'")
    assert client.issue()


def test_the_file_of_another_ca_is_not_answered_from(home: Home, client: OcspClient) -> None:
    """Two CAs may have given out the same serial number."""
    number = client.issue()
    other = issue(home, hierarchy="old").certificate.number
    home.db.execute(
        "UPDATE certificate SET serial = (SELECT serial FROM certificate WHERE number = ?)"
        " WHERE number = ?",
        (int(number), int(other)),
    )
    publication.publish(home)
    folder = home.store / "ocsp"
    assert client.ask(number).status == GOOD
    shutil.copy(folder / "old-issuing.ocsp", folder / "new-issuing.ocsp")
    assert client.ask(number).status == TRY_LATER
    publish(home)
    assert client.ask(number).status == GOOD
