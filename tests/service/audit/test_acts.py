"""Every act leaves a row: who, when, from where, what, and enough to do it again."""

from __future__ import annotations

import json
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from renrakucho_ca.model import Actor, RevocationReason, User
from renrakucho_ca.service import user_records
from renrakucho_ca.service.actor import of_process
from renrakucho_ca.service.hierarchy import creation, cross_signing, external_root, rekey
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.mail import lockout_alert
from renrakucho_ca.service.migration import migration
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.retrieval import authentication, download, retrieval
from renrakucho_ca.service.retrieval.authentication import Attempt
from renrakucho_ca.service.retrieval.download import Claim
from renrakucho_ca.service.revocation import expiry, revocation
from renrakucho_ca.store.tables import hierarchies
from renrakucho_ca.store.tables.migration_progress import Scope
from tests.shared.homes import (
    BEGIN,
    HANAKO,
    Clock,
    Died,
    DyingRandomness,
    issue,
    open_home,
    record_of,
)

from .reader import acts, chain, rows

PHONE = ip_address("203.0.113.9")


def done(home: Home, since: int = 0) -> list[str]:
    return [act for act, _ in acts(home, since)]


@pytest.fixture
def since(home: Home) -> int:
    """The rows that a new home has."""
    return len(rows(home))


def test_each_row_is_chained_to_the_one_before(home: Home) -> None:
    issue(home, user=User('鈴木"\\', '引用 "符"'))
    found = rows(home)
    assert [row["hash"] for row in found] == chain(found)
    assert [row["id"] for row in found] == list(range(1, len(found) + 1))


def test_a_new_hierarchy_can_be_made_again_from_its_row(home: Home) -> None:
    row = next(row for row in rows(home) if row["act"] == "hierarchy-created")
    (root, issuing) = row["detail"]["authorities"]
    assert (row["object"], root["tier"], issuing["tier"]) == ("old", "root", "issuing")
    assert root["fingerprint"] != issuing["fingerprint"]
    assert issuing["key"] == "old-issuing"


def test_a_certificate_can_be_recorded_again_from_its_row(home: Home, since: int) -> None:
    first = issue(home, "android", user=HANAKO).certificate
    second = issuance.reissue(home, first.number, keep_old=False).certificate
    row = next(row for row in rows(home) if row["object"] == second.number)
    authority = hierarchies.get(home.db, "new").issuing
    assert row["at"] == int(second.issued_at.timestamp())
    assert row["detail"] == {
        "serial": f"{second.serial:x}",
        "hierarchy": "new",
        "authority": authority.fingerprint_sha256,
        "user": HANAKO.id,
        "device": "android",
        "profile": "android",
        "note": None,
        "not_before": int(second.not_before.timestamp()),
        "not_after": int(second.not_after.timestamp()),
        "fingerprint": second.fingerprint_sha256,
        "key_algorithm": second.key_algorithm,
        "supersedes": first.number,
    }
    assert acts(home, since) == [
        ("user-recorded", HANAKO.id),
        ("issued", first.number),
        ("issued", second.number),
        ("revoked", first.number),
    ]
    assert rows(home)[-1]["detail"]["reason"] == "superseded"


def test_the_life_of_one_certificate(home: Home, since: int, tmp_path: Path) -> None:
    number = issue(home).certificate.number
    retrieval.reveal(home, number)
    revocation.hold(home, number)
    revocation.release(home, number)
    retrieval.export(home, [number], tmp_path / "out")
    revocation.revoke(home, [number], RevocationReason.KEY_COMPROMISE)
    about = [act for act, object in acts(home, since) if object == number]
    assert about == ["issued", "revealed", "held", "released", "downloaded", "revoked"]
    detail = rows(home)[-1]["detail"]
    assert detail["reason"] == "keyCompromise"
    assert int(detail["serial"], 16) == record_of(home, number).serial


def test_a_refused_operation_records_no_act(home: Home, tmp_path: Path) -> None:
    number = issue(home).certificate.number
    retrieval.export(home, [number], tmp_path / "out")
    before = rows(home)
    retrieval.export(home, [number], tmp_path / "out")
    for refused in (retrieval.reveal, revocation.release):
        with pytest.raises(Exception, match=number):
            refused(home, number)
    assert rows(home) == before


def test_a_download_by_web_is_the_portals_from_the_clients_address(home: Home) -> None:
    portal = Home(home.path, lambda _: b"", home.clock, actor=Actor("portal"))
    number = issue(home).certificate.number
    link = download.make_link(home, number)
    for _ in range(2):
        download.claim(portal, [Claim(link, "visit", PHONE)])
    (row,) = [row for row in rows(home) if row["act"] == "downloaded"]
    assert (row["actor"], row["origin"], row["object"]) == ("portal", str(PHONE), number)


def test_a_number_that_locks_and_is_unlocked(home: Home) -> None:
    number = issue(home).certificate.number
    authentication.verify(home, [Attempt(number, "wrong", PHONE)])
    lockout_alert.number_locked(home, number, PHONE)
    download.unlock(home, number)
    about = [row for row in rows(home) if row["object"] == number][1:]
    assert [(row["act"], row["origin"]) for row in about] == [
        ("locked", str(PHONE)),
        ("unlocked", "local"),
    ]


def test_a_user_is_recorded_where_something_is_new(home: Home, since: int) -> None:
    user_records.add(home, User("taro", "太郎", "taro@example.jp"))
    user_records.add(home, User("taro", "太郎"))
    user_records.add(home, User("taro", email="other@example.com"))
    found = [row["detail"] for row in rows(home)[since:]]
    assert found == [
        {"name": "太郎", "email": "taro@example.jp"},
        {"email": "other@example.com"},
    ]


def test_a_cut_off_names_all_that_it_revokes_by_reason(home: Home, clock: Clock) -> None:
    moved, left = (issue(home, hierarchy="old").certificate.number for _ in range(2))
    successor = issue(home, hierarchy="new", supersedes=moved)
    retrieval.export(home, [successor.certificate.number], home.path / "out")
    cutoff = BEGIN + timedelta(days=30)
    creation.retire(home, "old", cutoff)
    before = len(rows(home))
    clock.advance(days=31)
    expiry.expire(home)
    (row,) = rows(home)[before:]
    assert (row["act"], row["object"], row["detail"]) == (
        "cut-off",
        "old",
        {"count": 2, "numbers": {"superseded": [int(moved)], "cessationOfOperation": [int(left)]}},
    )
    expiry.expire(home)
    publication.publish(home)
    assert "cut-off" not in done(home, before + 1)
    assert "hierarchy-retired" not in done(home, before)


def test_lapsed_certificates_are_named(home: Home, clock: Clock) -> None:
    number = issue(home).certificate.number
    before = len(rows(home))
    clock.advance(days=home.settings.bundle_days + 1)
    expiry.expire(home)
    (row,) = rows(home)[before:]
    assert row["act"] == "lapsed"
    assert row["detail"]["numbers"] == {"cessationOfOperation": [int(number)]}


def test_a_migration_records_successors_and_sets_the_cut_off_once(home: Home) -> None:
    old = issue(home, hierarchy="old").certificate.number
    before = len(rows(home))
    for _ in range(2):
        migration.migrate(home, migration.MigrationOptions(BEGIN + timedelta(days=9), Scope("old")))
    found = rows(home)[before:]
    assert [row["act"] for row in found] == ["issued", "withdrawn", "cutoff-set"]
    assert found[0]["detail"]["supersedes"] == found[1]["object"] == old
    assert found[2]["detail"]["cutoff"] == int((BEGIN + timedelta(days=9)).timestamp())


def test_each_crl_is_an_act_with_its_number(home: Home) -> None:
    publication.publish(home)
    signed = [row for row in rows(home) if row["act"] == "crl-signed"]
    assert [row["object"] for row in signed[:4]] == [
        "old-root",
        "old-issuing",
        "new-root",
        "new-issuing",
    ]
    assert signed[-1]["detail"]["number"] > signed[-5]["detail"]["number"]


def test_requests_and_signatures_of_cas_are_recorded(
    home: Home, since: int, tmp_path: Path
) -> None:
    external_root.request(home, "third", tmp_path / "third.csr", common_name="third.example.jp")
    external_root.withdraw(home, "third")
    made = cross_signing.cross(home, "new", "old")
    cross_signing.revoke(home, made.serial, RevocationReason.SUPERSEDED)
    assert acts(home, since) == [
        ("ca-requested", "third"),
        ("ca-request-withdrawn", "third"),
        ("ca-signed", "old"),
        ("ca-revoked", "old"),
    ]
    signed, revoked = rows(home)[-2:]
    assert signed["detail"]["crosses"] == "new"
    assert revoked["detail"] == {"serial": f"{made.serial:x}", "reason": "superseded"}


def test_each_responder_is_an_act_with_its_serial(home: Home, since: int) -> None:
    publication.publish(home)
    signed = [row for row in rows(home) if row["act"] == "responder-signed"]
    names = {"old-root", "old-issuing", "new-root", "new-issuing"}
    assert sorted(row["object"] for row in signed) == sorted(names)
    stored = {row["serial"] for row in home.db.rows("SELECT serial FROM responder")}
    assert {row["detail"]["serial"] for row in signed} == stored
    publication.publish(home)
    assert len([act for act in done(home) if act == "responder-signed"]) == len(names)


def test_another_passphrase_is_recorded(home: Home, since: int) -> None:
    rekey.rekey_passphrase(home, lambda: b"a newer and longer passphrase")
    assert acts(home, since) == [("passphrase-changed", "store")]
    assert rows(home)[-1]["detail"] == {"keys": 5, "root_key": False}


def test_cleaning_up_after_a_killed_run_is_recorded_with_its_actor(
    home: Home, template: Path
) -> None:
    for calls in range(4, 40):
        dying = open_home(home.path, Clock(), DyingRandomness(calls))
        try:
            issue(dying)
        except Died:
            continue
        finally:
            dying.db.close()
        break
    abandoned = [row for row in rows(home) if row["act"] == "abandoned"]
    assert abandoned
    for row in abandoned:
        record = record_of(home, row["object"])
        assert int(row["detail"]["serial"], 16) == record.serial


def test_no_secret_is_in_it(home: Home) -> None:
    issued = issue(home)
    link = download.make_link(home, issued.certificate.number)
    download.claim(home, [Claim(link, "visit", PHONE)])
    retrieval.record_revealed(home, [issued.certificate.number])
    text = json.dumps([{**row, "hash": None} for row in rows(home)], ensure_ascii=False)
    assert issued.certificate.number in text
    assert issued.password not in text
    assert link not in text


@pytest.mark.parametrize(
    ("environment", "name", "origin"),
    [
        ({"SUDO_USER": "tanaka"}, "tanaka", "local"),
        ({"SUDO_USER": "a\nb"}, None, "local"),
        ({"SUDO_USER": "x" * 65}, None, "local"),
        ({"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.9 22"}, None, "192.0.2.1"),
        ({"SSH_CONNECTION": "2001:db8::1 5 ::1 22"}, None, "2001:db8::1"),
        ({"SSH_CONNECTION": "not an address"}, None, "local"),
        ({"SSH_CONNECTION": ""}, None, "local"),
    ],
)
def test_an_act_records_actor_and_origin(
    environment: dict[str, str], name: str | None, origin: str
) -> None:
    actor = of_process(environment)
    assert actor == Actor(name or of_process({}).name, origin)
    assert actor.name
