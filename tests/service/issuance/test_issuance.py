"""Issuing: recorded before it is signed, whatever dies; ten years as people count them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1

from renrakucho_ca.clock import system_randomness
from renrakucho_ca.errors import Conflict, NotFound, RcaError, Refused, Unavailable
from renrakucho_ca.model import Certificate, Status, User
from renrakucho_ca.service.hierarchy import creation
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance, issuer
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest, draw_number
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.retrieval import retrieval
from renrakucho_ca.store.tables import users
from tests.shared.homes import (
    BEGIN,
    HANAKO,
    Clock,
    Died,
    DyingRandomness,
    issue,
    open_home,
    openssl,
    pem_blocks,
    published,
    read_certificate,
    record_of,
    rows,
)

STORE_SECRETS = (b"PRIVATE KEY", b"\x30\x77\x02\x01\x01\x04\x20")


# -- what comes out


@pytest.mark.parametrize("device", ["windows", "mac", "android", "iphone", "ipad"])
def test_a_certificate_matches_its_record(home: Home, device: str) -> None:
    issued = issue(home, device)
    certificate = read_certificate(home, issued.certificate.number)
    record = record_of(home, issued.certificate.number)
    assert certificate.serial_number == record.serial
    assert certificate.sha256.hex() == record.fingerprint_sha256
    assert certificate.not_valid_before == record.not_before == BEGIN
    assert certificate.not_valid_after == record.not_after
    assert certificate.subject.native["common_name"] == "hanako"
    assert (record.status(BEGIN), record.device, record.hierarchy) == (Status.ISSUED, device, "new")


def test_openssl_finds_the_way_from_the_certificate_to_the_root(home: Home, tmp_path: Path) -> None:
    publication.publish(home)
    number = issue(home).certificate.number
    leaf = tmp_path / "leaf.pem"
    leaf.write_text(openssl("x509", "-inform", "DER", given=read_certificate(home, number).dump()))
    openssl(
        *(
            "verify",
            "-purpose",
            "sslclient",
            "-crl_check_all",
            "-attime",
            f"{BEGIN.timestamp():.0f}",
        ),
        *("-CAfile", home.public / "new-root.pem", "-untrusted", home.public / "new-issuing.pem"),
        *("-CRLfile", home.public / "new-crl.pem", leaf),
    )


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (datetime(2026, 2, 2, 3, 4, 5), datetime(2036, 2, 2, 3, 4, 5)),
        # 00:00 in Japan on 1 March, and the second before it.
        (datetime(2026, 2, 28, 15, 0, 0), datetime(2036, 2, 29, 15, 0, 0)),
        (datetime(2026, 2, 28, 14, 59, 59), datetime(2036, 2, 28, 14, 59, 59)),
        # 29 February in Japan, from its first second to its last: 2038 has none.
        (datetime(2028, 2, 28, 15, 0, 0), datetime(2038, 2, 27, 15, 0, 0)),
        (datetime(2028, 2, 29, 14, 59, 59), datetime(2038, 2, 28, 14, 59, 59)),
        # Leap day in UTC alone.
        (datetime(2028, 2, 29, 15, 0, 0), datetime(2038, 2, 28, 15, 0, 0)),
        # New Year's night: still 2026 in UTC, 2027 in Japan.
        (datetime(2026, 12, 31, 15, 0, 0), datetime(2036, 12, 31, 15, 0, 0)),
    ],
)
def test_it_ends_on_the_same_japanese_date_ten_years_later(
    home: Home, clock: Clock, now: datetime, end: datetime
) -> None:
    clock.now = now.replace(tzinfo=UTC)
    certificate = read_certificate(home, issue(home).certificate.number)
    assert certificate.not_valid_before == clock.now
    assert certificate.not_valid_after == end.replace(tzinfo=UTC)


def test_a_certificate_that_would_outlive_its_issuer_is_refused_without_a_trace(
    home: Home, clock: Clock
) -> None:
    """The issuing CA lives for 25 years, a certificate for ten."""
    clock.now = BEGIN.replace(year=2041)
    issue(home)
    clock.advance(seconds=1)
    with pytest.raises(Refused, match="would outlive its issuer"):
        issue(home)
    assert rows(home, "SELECT count(*) FROM certificate") == [(1,)]
    assert rows(home, "SELECT count(*) FROM intent") == [(0,)]


def test_numbers_and_serials_are_all_different_and_unpredictable(home: Home) -> None:
    requests = [IssuanceRequest(HANAKO, "android") for _ in range(issuer.BATCH + 20)]
    issued = [each for each in issuance.issue(home, requests) if isinstance(each, Issued)]
    assert len(issued) == len(requests)
    numbers = {each.certificate.number for each in issued}
    serials = {each.certificate.serial for each in issued}
    assert len(numbers) == len(serials) == len({each.password for each in issued}) == len(requests)
    assert all(re.fullmatch("[1-9][0-9]{7}", number) for number in numbers)
    # RFC 5280 §4.1.2.2: positive, 20 octets at most; CA/B §7.1: 64 random bits at least.
    assert all(2**64 < serial < 2**159 for serial in serials)


def test_a_number_that_was_drawn_before_is_drawn_again(home: Home, clock: Clock) -> None:
    first = issue(home).certificate
    repeated = iter([int(first.number) - 10_000_000] * 3)

    def random(length: int) -> bytes:
        drawn = next(repeated, None) if length == 4 else None
        return system_randomness(length) if drawn is None else drawn.to_bytes(4, "big")

    second = issue(open_home(home.path, clock, random)).certificate
    assert next(repeated, None) is None
    assert second.number != first.number


def test_every_retrieval_number_is_equally_likely() -> None:
    """2^32 is no multiple of 90,000,000: what lies past the last whole round is drawn again."""
    last_whole_round = 47 * 90_000_000
    drawn = iter([last_whole_round, 2**32 - 1, last_whole_round - 1])
    assert draw_number(lambda length: next(drawn).to_bytes(length, "big")) == "99999999"
    assert draw_number(lambda length: bytes(length)) == "10000000"


def test_the_certificate_says_where_the_user_belongs_though_only_the_id_was_given(
    home: Home,
) -> None:
    with home.db.write():
        users.put(home.db, User("taro", network="別の市"))
    number = issue(home, user=User("taro")).certificate.number
    assert read_certificate(home, number).subject.native["organizational_unit_name"] == "別の市"


def test_a_later_line_of_a_table_knows_what_an_earlier_one_said_of_the_user(home: Home) -> None:
    first, second = issuance.issue(
        home,
        [
            IssuanceRequest(User("jiro", network="隣の市"), "mac"),
            IssuanceRequest(User("jiro"), "mac"),
        ],
    )
    assert isinstance(first, Issued)
    assert isinstance(second, Issued)
    subject = read_certificate(home, second.certificate.number).subject.native
    assert subject["organizational_unit_name"] == "隣の市"


# -- a batch


def test_one_that_fails_does_not_stop_the_others_and_answers_keep_their_order(home: Home) -> None:
    devices = ["windows", "toaster", "iphone"]
    first, second, third = issuance.issue(
        home, [IssuanceRequest(HANAKO, device) for device in devices]
    )
    assert isinstance(first, Issued)
    assert isinstance(second, NotFound)
    assert isinstance(third, Issued)
    assert (first.certificate.device, third.certificate.device) == ("windows", "iphone")


def test_a_second_successor_is_refused_in_one_batch_and_in_another(home: Home) -> None:
    number = issue(home).certificate.number
    requests = [IssuanceRequest(HANAKO, "windows", supersedes=number) for _ in range(2)]
    first, second = issuance.issue(home, requests)
    assert isinstance(first, Issued)
    assert isinstance(second, Conflict)
    with pytest.raises(Conflict, match="already has the successor"):
        issue(home, supersedes=number)


def test_a_hierarchy_that_is_retired_meanwhile_signs_nothing_more(home: Home, clock: Clock) -> None:
    def requests() -> Iterator[IssuanceRequest]:
        for _ in range(issuer.BATCH):
            yield IssuanceRequest(HANAKO, "android")
        creation.retire(open_home(home.path, clock), "new", None)
        for _ in range(3):
            yield IssuanceRequest(HANAKO, "android")

    new = issuance.choose_hierarchy(home, "new")
    results = [result for _, result in issuance.issue_many(home, new, enumerate(requests()))]
    assert sum(isinstance(result, Issued) for result in results) == issuer.BATCH
    assert [str(result) for result in results if isinstance(result, RcaError)] == [
        "the hierarchy new is closed"
    ] * 3


def test_two_open_hierarchies_without_a_default_have_to_be_named(home: Home, clock: Clock) -> None:
    creation.create(home, "third")
    creation.retire(home, "new", None)
    with pytest.raises(Refused, match="new is closed"):
        issue(home)
    assert issue(home, hierarchy="third").certificate.hierarchy == "third"


# -- the key that stays with the user


def test_a_request_gives_a_chain_and_no_private_key_ever_reaches_us(
    home: Home, tmp_path: Path
) -> None:
    key = tmp_path / "device.key"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    csr = openssl("req", "-new", "-key", key, "-subj", "/CN=whoever/O=wherever")
    request = IssuanceRequest.parse(HANAKO, "windows", request=csr.encode())
    (issued,) = issuance.issue(home, [request])
    assert isinstance(issued, Issued)
    number = issued.certificate.number
    _, written = retrieval.export(home, [number], tmp_path / "out")
    assert written[number].name == f"{number}.pem"
    blocks = list(pem_blocks(written[number].read_bytes()))
    assert [kind for kind, _ in blocks] == ["CERTIFICATE"] * 3
    leaf, issuing, root = (asn1.Certificate.load(der, strict=True) for _, der in blocks)
    assert leaf.subject.native["common_name"] == "hanako"
    assert openssl("x509", "-pubkey", "-noout", given=written[number].read_bytes()) == openssl(
        "pkey", "-pubout", "-in", key
    )
    assert leaf.issuer == issuing.subject
    assert issuing.issuer == root.subject == root.issuer


def test_no_private_key_lies_in_the_open_anywhere_in_the_home(home: Home) -> None:
    for device in ("windows", "iphone"):
        issue(home, device)
    files = [path for path in home.path.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files for mark in STORE_SECRETS if mark in path.read_bytes()] == []


# -- a process that dies


def test_the_next_run_revokes_the_orphaned_issuances_of_a_killed_run(
    home: Home, clock: Clock
) -> None:
    """It dies at each of its draws of randomness in turn: before the intent, and after it."""
    left: set[int] = set()
    for deaths in itertools.count():
        try:
            issue(open_home(home.path, clock, DyingRandomness(deaths)))
        except Died:
            left |= {int(str(serial), 16) for (serial,) in rows(home, "SELECT serial FROM intent")}
            issue(home)
            assert rows(home, "SELECT count(*) FROM intent") == [(0,)]
        else:
            break
    assert 3 <= len(left) < deaths
    publication.publish(home)
    assert published(home).revoked == dict.fromkeys(left, "cessation_of_operation")
    states = rows(home, "SELECT standing, count(*) FROM certificate GROUP BY 1 ORDER BY 1")
    assert states == [("issued", deaths + 1), ("revoked", len(left))]


def test_no_certificate_is_signed_before_its_pending_issuance_is_on_disk(
    home: Home, clock: Clock
) -> None:
    """At the first draw after the intent, which is the password's, others can read the intent."""
    seen: list[list[tuple[object, ...]]] = []

    def look(length: int) -> bytes:
        seen.append(rows(home, "SELECT number, serial FROM intent"))
        return system_randomness(length)

    certificate = issue(open_home(home.path, clock, look)).certificate
    pending: list[tuple[object, ...]] = [(int(certificate.number), f"{certificate.serial:x}")]
    first = seen.index(pending)
    assert seen[:first] == [[]] * first
    assert seen[first:] == [pending] * (len(seen) - first)


def test_a_run_killed_while_recording_leaves_a_pending_issuance_and_no_record(home: Home) -> None:
    def notify(_certificate: Certificate, _password: str) -> str | None:
        raise Died

    with pytest.raises(Died):
        issuance.issue(home, [IssuanceRequest(HANAKO, "windows")], notify=notify)
    assert rows(home, "SELECT count(*) FROM certificate") == [(0,)]
    assert rows(home, "SELECT count(*) FROM bundle") == [(0,)]
    assert rows(home, "SELECT count(*) FROM intent") == [(1,)]


def test_pending_issuances_of_a_running_process_are_not_touched(home: Home, clock: Clock) -> None:
    other = open_home(home.path, clock)

    def requests() -> Iterator[IssuanceRequest]:
        for _ in range(issuer.BATCH + 1):
            yield IssuanceRequest(HANAKO, "android")

    new = issuance.choose_hierarchy(other, "new")
    run = issuance.issue_many(other, new, enumerate(requests()))
    next(run)
    pending_rows = rows(home, "SELECT count(*) FROM intent")
    issue(home)
    assert rows(home, "SELECT count(*) FROM intent") == pending_rows
    assert all(isinstance(result, Issued) for _, result in run)
    assert rows(home, "SELECT count(*) FROM certificate WHERE standing = 'revoked'") == [(0,)]


def test_a_successor_can_be_issued_again_after_a_killed_run(home: Home) -> None:
    def notify(_certificate: Certificate, _password: str) -> str | None:
        raise Died

    number = issue(home).certificate.number
    with pytest.raises(Died):
        issuance.issue(home, [IssuanceRequest(HANAKO, "windows", supersedes=number)], notify=notify)
    assert issue(home, supersedes=number).certificate.supersedes == number


def test_a_full_disk_is_unavailable_and_the_next_run_goes_on(home: Home, clock: Clock) -> None:
    (pages,) = rows(home, "PRAGMA page_count")
    home.db.execute(f"PRAGMA max_page_count = {pages[0]}")
    requests = [IssuanceRequest(HANAKO, "android") for _ in range(50)]
    with pytest.raises(Unavailable, match="the disk is full"):
        issuance.issue(home, requests)
    assert rows(home, "SELECT count(*) FROM certificate") == [(0,)]
    issue(open_home(home.path, clock))
    assert rows(home, "SELECT count(*) FROM intent") == [(0,)]


def test_a_certificate_that_fails_the_linter_is_on_the_crl(home: Home, tmp_path: Path) -> None:
    """An RSA key cannot agree on keys. The intent was recorded, and a number is not given back."""
    profile = (home.profiles / "android.yaml").read_text()
    (home.profiles / "agreeing.yaml").write_text(
        profile.replace("[digitalSignature]", "[digitalSignature, keyAgreement]")
    )
    key = tmp_path / "device.key"
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
    csr = openssl("req", "-new", "-key", key, "-subj", "/CN=whoever").encode()
    (result,) = issuance.issue(home, [IssuanceRequest.parse(HANAKO, "agreeing", request=csr)])
    assert isinstance(result, Refused)
    assert rows(home, "SELECT count(*) FROM intent") == [(0,)]
    ((serial, recorded),) = rows(home, "SELECT serial, standing FROM certificate")
    assert recorded == "revoked"
    acts = rows(home, "SELECT act FROM audit ORDER BY id DESC LIMIT 1")
    assert acts == [("abandoned",)]
    publication.publish(home)
    assert published(home).revoked == {int(str(serial), 16): "cessation_of_operation"}


# -- the passphrase


def test_a_wrong_passphrase_records_nothing(home: Home, clock: Clock) -> None:
    other_home = Home(home.path, lambda is_new: b"wrong", clock)
    with pytest.raises(Unavailable, match="wrong passphrase"):
        issue(other_home)
    assert rows(home, "SELECT count(*) FROM intent") == [(0,)]
    assert rows(home, "SELECT count(*) FROM user") == [(0,)]


class TokenThatGoes:
    """Randomness, and a token that is pulled out while the password after so many is made."""

    def __init__(self, passwords: int) -> None:
        self._passwords = itertools.count(-passwords)

    def __call__(self, length: int) -> bytes:
        drawn = system_randomness(length)
        if length != 12:
            return drawn
        if next(self._passwords) == 0:
            raise Unavailable("the token has gone")
        # Letters that there are, so that no password is drawn a second time.
        return bytes(byte & 0b1111 for byte in drawn)


def test_certificates_made_before_a_token_went_are_recorded(home: Home, clock: Clock) -> None:
    """And the rest, which may have been signed, is revoked by the next run."""
    going = open_home(home.path, clock, TokenThatGoes(passwords=3))
    requests = [IssuanceRequest(User(name), "android") for name in "abcdef"]
    done: list[str] = []

    def issue_all() -> None:
        new = issuance.choose_hierarchy(going, "new")
        named = ((request.user.id, request) for request in requests)
        for user, result in issuance.issue_many(going, new, named):
            assert isinstance(result, Issued)
            done.append(user)

    with pytest.raises(Unavailable, match="the token has gone"):
        issue_all()
    assert done == ["a", "b", "c"]
    live = "SELECT user FROM certificate WHERE standing = 'issued' ORDER BY user"
    assert [user for (user,) in rows(home, live)] == done
    issue(open_home(home.path, clock), "android")
    revoked = "SELECT user FROM certificate WHERE standing = 'revoked' ORDER BY user"
    assert [user for (user,) in rows(home, revoked)] == ["d", "e", "f"]
