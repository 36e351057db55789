"""Bridges: who trusts one root alone can verify the other's certificates; OpenSSL judges."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1_x509

from renrakucho_ca.errors import Conflict, Invalid, Refused, Unavailable
from renrakucho_ca.model import RevocationReason
from renrakucho_ca.service.hierarchy import ca_issuances, creation, cross_signing
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.recovery import reconcile
from renrakucho_ca.store.tables import certificates
from tests.shared.homes import PASSPHRASE, Clock, Died, issue, openssl, published, rows

pytestmark = pytest.mark.needs("openssl")


@pytest.fixture
def leaf(home: Home, tmp_path: Path) -> Path:
    """A device's certificate of the new hierarchy."""
    path = tmp_path / "leaf.der"
    path.write_bytes(certificates.der(home.db, issue(home).certificate.number))
    return path


def verifies(home: Home, leaf: Path, *untrusted: str, more: tuple[str | Path, ...] = ()) -> bool:
    """Whether OpenSSL, which trusts the old root alone, accepts a certificate."""
    given = [part for name in untrusted for part in ("-untrusted", home.public / name)]
    moment = str(int(home.clock().timestamp()))
    command = ["openssl", "verify", "-attime", moment, "-CAfile", home.public / "old-root.pem"]
    words = [str(word) for word in (*command, *given, *more, leaf)]
    return subprocess.run(words, capture_output=True).returncode == 0


def test_a_verifier_with_the_old_root_alone_accepts_the_cross_certificate(
    home: Home, leaf: Path
) -> None:
    cross_signing.cross(home, "new", "old")
    publication.publish(home)
    assert not verifies(home, leaf, "new-issuing.pem")
    assert verifies(home, leaf, "new-issuing.pem", "new-cross-old.pem")
    assert verifies(home, leaf, "new-issuing.pem", "new-cross-old.pem", more=("-x509_strict",))


def test_a_cross_certificate_has_the_subject_cas_name_and_key(home: Home) -> None:
    made = cross_signing.cross(home, "new", "old")
    assert made.der is not None
    publication.publish(home)
    cross_certificate = asn1_x509.Certificate.load(made.der, strict=True)
    root = asn1_x509.Certificate.load((home.public / "new-root.cer").read_bytes(), strict=True)
    old = asn1_x509.Certificate.load((home.public / "old-root.cer").read_bytes(), strict=True)
    assert cross_certificate.subject.dump() == root.subject.dump()
    assert cross_certificate.public_key.dump() == root.public_key.dump()
    assert cross_certificate.issuer.dump() == old.subject.dump()
    assert cross_certificate.key_identifier == root.key_identifier
    assert cross_certificate.authority_key_identifier == old.key_identifier
    assert cross_certificate.basic_constraints_value.native == {
        "ca": True,
        "path_len_constraint": 1,
    }
    assert cross_certificate.not_valid_after <= min(root.not_valid_after, old.not_valid_after)


def test_where_the_path_length_has_no_room_the_issuing_ca_is_certified(
    home: Home, leaf: Path
) -> None:
    profile = home.profiles / "root.yaml"
    profile.write_text(profile.read_text().replace("path_length: 2", "path_length: 1"))
    creation.create(home, "narrow", common_name="narrow.example.jp")
    made = cross_signing.cross(home, "new", "narrow")
    assert "Issuing" in made.subject
    publication.publish(home)
    openssl(
        *("verify", "-attime", str(int(home.clock().timestamp())), "-x509_strict"),
        *("-CAfile", home.public / "narrow-root.pem"),
        *("-untrusted", home.public / "new-cross-narrow.pem", leaf),
    )


def test_a_cross_certificate_admits_no_device_to_the_server(home: Home, leaf: Path) -> None:
    """A door of nginx trusts the old root and wants a CRL of every CA of the path (ssl_crl)."""
    publication.publish(home)
    names = [f"{each}-{kind}.pem" for each in ("old", "new") for kind in ("root", "chain")]
    before = {name: (home.public / name).read_bytes() for name in names}
    cross_signing.cross(home, "new", "old")
    publication.publish(home)
    assert {name: (home.public / name).read_bytes() for name in names} == before
    options = ("-crl_check_all", "-CRLfile", home.public / "old-crl.pem")
    assert not verifies(home, leaf, "new-issuing.pem", "new-cross-old.pem", more=options)


def test_there_is_one_valid_cross_certificate_at_a_time(home: Home) -> None:
    first = cross_signing.cross(home, "new", "old")
    with pytest.raises(Conflict, match="old has already cross-certified new"):
        cross_signing.cross(home, "new", "old")
    cross_signing.cross(home, "old", "new")
    cross_signing.revoke(home, first.serial, RevocationReason.SUPERSEDED)
    cross_signing.cross(home, "new", "old")


def test_a_revoked_cross_certificate_is_on_the_crl_and_unpublished(home: Home) -> None:
    made = cross_signing.cross(home, "new", "old")
    publication.publish(home)
    assert (home.public / "new-cross-old.pem").exists()
    cross_signing.revoke(home, made.serial, RevocationReason.CA_COMPROMISE)
    publication.publish(home, if_due=True)
    assert published(home, "old-root").revoked == {made.serial: "ca_compromise"}
    assert not (home.public / "new-cross-old.pem").exists()
    with pytest.raises(Conflict, match="already revoked"):
        cross_signing.revoke(home, made.serial, RevocationReason.CA_COMPROMISE)


def test_a_cross_certificate_ends_at_the_given_date(home: Home, clock: Clock) -> None:
    end = datetime(2026, 8, 1, tzinfo=UTC)
    assert cross_signing.cross(home, "new", "old", end).not_after == end
    clock.now = end
    publication.publish(home)
    assert not (home.public / "new-cross-old.pem").exists()


def test_a_cross_certificate_outlives_neither_ca(home: Home) -> None:
    with pytest.raises(Refused, match="can be valid until"):
        cross_signing.cross(home, "new", "old", datetime(2080, 1, 1, tzinfo=UTC))
    assert rows(home, "SELECT * FROM ca_certificate") == []


def test_a_root_signs_no_cross_certificate_if_the_clock_was_set_back(
    home: Home, clock: Clock
) -> None:
    clock.advance(days=-1)
    with pytest.raises(Unavailable, match="the clock is at 2026-02-01"):
        cross_signing.cross(home, "new", "old")
    assert rows(home, "SELECT * FROM ca_certificate") == []


def test_no_signature_predates_a_cross_certificate_until_it_is_revoked(
    home: Home, clock: Clock
) -> None:
    """The clock was a year ahead when it was made, and is right again."""
    clock.advance(days=365)
    before_the_root = cross_signing.cross(home, "new", "old")
    clock.advance(days=-365)
    for sign in (lambda: issue(home), lambda: cross_signing.cross(home, "old", "new")):
        with pytest.raises(Unavailable, match="newest signature of 2027-02-02"):
            sign()
    cross_signing.revoke(home, before_the_root.serial, RevocationReason.SUPERSEDED)
    issue(home)
    cross_signing.cross(home, "new", "old")


def test_a_root_with_its_key_elsewhere_signs_with_the_given_file(
    home: Home, tmp_path: Path
) -> None:
    stick = tmp_path / "root.key"
    creation.create(home, "third", common_name="third.example.jp", root_key_out=stick)
    assert cross_signing.cross(home, "new", "third", root_key=stick).der is not None


def die(*_: object) -> None:
    raise Died


def test_the_pending_cross_certificate_of_a_killed_run_is_on_the_crl(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(ca_issuances, "record", die)
        with pytest.raises(Died):
            cross_signing.cross(home, "new", "old")
    ((lost,),) = rows(home, "SELECT serial FROM ca_certificate")
    cross_signing.cross(home, "new", "old")
    publication.publish(home)
    assert set(published(home, "old-root").revoked) == {int(str(lost), 16)}


def times_listed(home: Home, serial: int) -> int:
    """How often OpenSSL finds a serial number on the CRL of the old root."""
    path = home.public / "old-root.crl"
    said = openssl("crl", "-inform", "DER", "-in", path, "-noout", "-text")
    return said.count(f"Serial Number: {serial:0{len(f'{serial:x}') + 1 & ~1}X}")


def test_reconciling_with_its_own_crl_a_home_knows_every_cross_certificate(home: Home) -> None:
    """What a root revoked besides is no certificate of a device that nobody knows."""
    cross_certificate = cross_signing.cross(home, "new", "old")
    cross_signing.revoke(home, cross_certificate.serial, RevocationReason.SUPERSEDED)
    publication.publish(home)
    assert set(vars(reconcile.reconcile(home).restored).values()) == {0}
    publication.publish(home)
    assert times_listed(home, cross_certificate.serial) == 1


def test_the_roots_crl_alone_restores_a_cross_certificates_revocation(home: Home) -> None:
    """One that was made before the older database, and one that is not in it."""
    known = cross_signing.cross(home, "new", "old")
    older = home.store / "rca.sqlite.older"
    shutil.copy(home.store / "rca.sqlite", older)
    cross_signing.revoke(home, known.serial, RevocationReason.CA_COMPROMISE)
    unknown = cross_signing.cross(home, "new", "old")
    cross_signing.revoke(home, unknown.serial, RevocationReason.SUPERSEDED)
    publication.publish(home)
    home.db.close()
    older.replace(home.store / "rca.sqlite")
    journal = (home.store / "journal").rename(home.path / "journal")
    again = Home(home.path, lambda is_new: PASSPHRASE, home.clock)
    reconcile.reconcile(again, without_journal=True)
    publication.publish(again)
    both = {known.serial: "ca_compromise", unknown.serial: "superseded"}
    assert published(again, "old-root").revoked == both
    assert not (again.public / "new-cross-old.pem").exists()
    reconcile.reconcile(again)  # its own journal has both, too
    # The store gave up the older journal, and has had acts of its own since.
    with pytest.raises(Invalid, match="diverge after row"):
        reconcile.reconcile(again, [journal])
    assert times_listed(again, known.serial) == times_listed(again, unknown.serial) == 1


def test_a_restore_keeps_the_pending_cross_certificate_of_a_killed_run(home: Home) -> None:
    """Its journal names no certificate, only that one was given up."""
    older = home.store / "rca.sqlite.older"
    shutil.copy(home.store / "rca.sqlite", older)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ca_issuances, "record", die)
        with pytest.raises(Died):
            cross_signing.cross(home, "new", "old")
    ((lost,),) = rows(home, "SELECT serial FROM ca_certificate")
    cross_signing.cross(home, "new", "old")
    home.db.close()
    older.replace(home.store / "rca.sqlite")
    again = Home(home.path, lambda is_new: PASSPHRASE, home.clock)
    assert reconcile.reconcile(again).restored.missing == 0
    publication.publish(again)
    assert set(published(again, "old-root").revoked) == {int(str(lost), 16)}


def test_an_older_database_restores_cross_certificates_from_its_journal(home: Home) -> None:
    """A revoked one comes back revoked, once: a CRL names a serial number once."""
    older = home.store / "rca.sqlite.older"
    shutil.copy(home.store / "rca.sqlite", older)
    lost = cross_signing.cross(home, "new", "old")
    cross_signing.revoke(home, lost.serial, RevocationReason.CA_COMPROMISE)
    kept = cross_signing.cross(home, "new", "old")
    publication.publish(home)
    home.db.close()
    older.replace(home.store / "rca.sqlite")
    again = Home(home.path, lambda is_new: PASSPHRASE, home.clock)
    reconcile.reconcile(again, crl_files=[home.public / "old-root.crl"])
    publication.publish(again)
    assert published(again, "old-root").revoked == {lost.serial: "ca_compromise"}
    assert times_listed(again, lost.serial) == 1
    assert set(cross_signing.cross_certificates(again.db, "new", again.clock())) == {"old"}
    cross_certificate = (again.public / "new-cross-old.pem").read_bytes()
    assert (
        f"{kept.serial:x}" in openssl("x509", "-noout", "-serial", given=cross_certificate).lower()
    )
