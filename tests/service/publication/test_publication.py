"""What servers get: always whole, never older than before, and they are told of it."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1
from cryptography import x509

from renrakucho_ca.errors import Invalid, Unavailable
from renrakucho_ca.model import RetrievalNumber, RevocationReason, Status
from renrakucho_ca.service.ca import crls
from renrakucho_ca.service.hierarchy import creation
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.publication import artifacts, publication
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store import files
from renrakucho_ca.store.tables import hierarchies
from tests.shared.homes import (
    BEGIN,
    Clock,
    PublishedCrl,
    configure,
    issue,
    make_home,
    no_passphrase,
    open_home,
    openssl,
    pem_blocks,
    published,
    record_of,
    rows,
)

ISSUING_DAYS, ROOT_DAYS = 14, 365
FILES = {"-root.pem", "-issuing.pem", "-chain.pem", "-crl.pem"}
FILES |= {"-root.cer", "-issuing.cer", "-root.crl", "-issuing.crl", "-audit.json"}


def revoke(home: Home, number: RetrievalNumber) -> None:
    (outcome,) = revocation.revoke(home, [number], RevocationReason.KEY_COMPROMISE)
    outcome.unwrap()


# -- the files


def test_all_that_servers_need_is_written_for_each_hierarchy_and_anyone_may_read_it(
    home: Home,
) -> None:
    done = publication.publish(home)
    wanted = {f"{name}{suffix}" for name in ("old", "new") for suffix in FILES}
    wanted |= {"nginx-old.conf", "nginx-new.conf"}
    assert {path.name for path in home.public.iterdir()} == wanted
    assert set(done.files) == {home.public / name for name in wanted}
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.public.iterdir()} == {0o644}
    assert stat.S_IMODE(home.public.stat().st_mode) == 0o755
    assert stat.S_IMODE(home.store.stat().st_mode) == 0o700


def test_a_correct_file_is_kept_and_an_incorrect_one_corrected(home: Home) -> None:
    written = publication.publish(home).files
    for name, spoil in (
        ("new-issuing.crl", lambda path: path.write_bytes(path.read_bytes()[:-1])),
        ("new-root.pem", lambda path: path.write_bytes(path.read_bytes() + b" ")),
        ("new-chain.pem", lambda path: path.chmod(0o600)),
        ("new-root.cer", lambda path: path.unlink()),
        ("old-root.cer", lambda path: (path.unlink(), path.symlink_to(written[0]))),
        ("old-root.pem", lambda path: (home.public / "another").hardlink_to(path)),
    ):
        before = {path: path.stat().st_mtime_ns for path in written}
        spoiled = home.public / name
        content = spoiled.read_bytes()
        spoil(spoiled)
        publication.publish(home, if_due=True)
        assert spoiled.read_bytes() == content
        assert stat.S_IMODE(spoiled.lstat().st_mode) == 0o644
        assert not spoiled.is_symlink()
        changed = {path for path in written if path.stat().st_mtime_ns != before[path]}
        assert changed == {spoiled}


def test_nothing_secret_is_among_them(home: Home) -> None:
    issue(home)
    publication.publish(home)
    for path in home.public.glob("*.pem"):
        assert {kind for kind, _ in pem_blocks(path.read_bytes())} <= {"CERTIFICATE", "X509 CRL"}
    for path in home.public.glob("*.cer"):
        assert asn1.Certificate.load(path.read_bytes(), strict=True).ca
    for path in home.public.glob("*.crl"):
        assert PublishedCrl(path).number > 0


def test_openssl_accepts_chain_and_crls(home: Home) -> None:
    publication.publish(home)
    chain = list(pem_blocks((home.public / "new-chain.pem").read_bytes()))
    issuing, root = (asn1.Certificate.load(der, strict=True) for _, der in chain)
    assert issuing.issuer == root.subject
    assert (home.public / "new-root.cer").read_bytes() == root.dump()
    lists = list(pem_blocks((home.public / "new-crl.pem").read_bytes()))
    assert [kind for kind, _ in lists] == ["X509 CRL", "X509 CRL"]
    assert {der for _, der in lists} == {
        (home.public / f"new-{tier}.crl").read_bytes() for tier in ("root", "issuing")
    }
    for tier in ("root", "issuing"):
        crl = home.public / f"new-{tier}.crl"
        openssl(
            "crl",
            "-inform",
            "DER",
            "-in",
            crl,
            "-noout",
            "-CAfile",
            home.public / f"new-{tier}.pem",
        )


def test_another_folder_can_be_published_to(home: Home, tmp_path: Path) -> None:
    done = publication.publish(home, out=tmp_path / "a" / "b")
    assert {path.parent for path in done.files} == {tmp_path / "a" / "b"}
    assert not home.public.exists()
    snippet = (tmp_path / "a" / "b" / "nginx-new.conf").read_text()
    assert f'"{tmp_path}/a/b/new-crl.pem"' in snippet


def test_files_that_are_gone_or_changed_come_back(home: Home) -> None:
    publication.publish(home)
    before = {path.name: path.read_bytes() for path in home.public.iterdir()}
    (home.public / "new-crl.pem").unlink()
    (home.public / "new-root.pem").write_bytes(b"")
    publication.publish(home, if_due=True)
    assert {path.name: path.read_bytes() for path in home.public.iterdir()} == before


@pytest.mark.parametrize("content", ["another CA's", "cut off", "spoilt", "empty"])
def test_a_damaged_crl_is_re_signed(home: Home, content: str) -> None:
    publication.publish(home)
    before = published(home)
    damage(home, "new-issuing", content)
    assert publication.publish(home, if_due=True).renewed == ("new-issuing",)
    assert published(home).number > before.number


def damage(home: Home, name: str, content: str) -> None:
    path = home.store / "crl" / f"{name}.crl"
    whole = path.read_bytes()
    path.write_bytes(
        {
            "another CA's": (home.store / "crl" / "old-issuing.crl").read_bytes(),
            "cut off": whole[:-1],
            "spoilt": whole[:-1] + bytes((whole[-1] ^ 1,)),
            "empty": b"",
        }[content]
    )


def test_a_crl_that_could_not_be_read_does_not_replace_the_one_before(home: Home) -> None:
    """An entry of the store is damaged: the list would be signed, and no server could use it."""
    first, second = (issue(home, "android").certificate.number for _ in range(2))
    revoke(home, first)
    publication.publish(home)
    lists = (home.store / "crl" / "new-issuing.crl", home.public / "new-issuing.crl")
    before = [path.read_bytes() for path in lists]
    revoke(home, second)
    home.db.execute("UPDATE crl_entry SET der = x'30030201'")
    with pytest.raises(Invalid, match="not a readable CRL"):
        publication.publish(home)
    assert [path.read_bytes() for path in lists] == before


def test_a_damaged_crl_of_a_ca_without_its_key_does_not_replace_the_published_one(
    home: Home, tmp_path: Path
) -> None:
    creation.create(home, "away", root_key_out=tmp_path / "root.key")
    publication.publish(home, root_key=tmp_path / "root.key")
    names = ("away-root.crl", "away-crl.pem")
    before = {name: (home.public / name).read_bytes() for name in names}
    damage(home, "away-root", "spoilt")
    assert publication.publish(home, if_due=True).overdue == ("away-root",)
    assert {name: (home.public / name).read_bytes() for name in names} == before
    publication.publish(home, if_due=True, root_key=tmp_path / "root.key")
    assert (home.public / "away-root.crl").read_bytes() != before["away-root.crl"]


# -- numbers


def test_crl_numbers_grow_though_clock_and_database_go_back(home: Home, clock: Clock) -> None:
    numbers = []

    def publish() -> None:
        publication.publish(home, trust_clock=True)
        numbers.append(published(home).number)

    publish()
    publish()
    clock.advance(days=100)
    publish()
    clock.now = BEGIN - timedelta(days=100)
    publish()
    publish()
    assert numbers == sorted(set(numbers))
    assert all(0 < number < 2**63 for number in numbers)


def test_a_database_from_before_gives_no_number_twice(home: Home, clock: Clock) -> None:
    backup = home.path / "backup.sqlite"
    home.db.row("SELECT 1")
    shutil.copyfile(home.store / "rca.sqlite", backup)
    publication.publish(home)
    first = published(home).number
    home.db.close()
    shutil.copyfile(backup, home.store / "rca.sqlite")
    restored = open_home(home.path, clock)
    publication.publish(restored)
    second = published(restored).number
    # And where the whole store came back, with its CRLs: time has passed.
    shutil.copyfile(backup, home.store / "rca.sqlite")
    for crl in (home.store / "crl").iterdir():
        crl.unlink()
    clock.advance(seconds=1)
    everything = open_home(home.path, clock)
    publication.publish(everything)
    assert first < second < published(everything).number


def test_two_that_publish_at_once_sign_two_numbers_and_the_files_belong_together(
    home: Home, clock: Clock
) -> None:
    threads = [
        threading.Thread(target=lambda: publication.publish(open_home(home.path, clock)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (state,) = [
        row["crl_number"]
        for row in home.db.rows(
            "SELECT crl_number FROM authority WHERE hierarchy = 'new' AND tier = 'issuing'"
        )
    ]
    assert published(home).number == state
    lists = dict(pem_blocks((home.public / "new-crl.pem").read_bytes()))
    assert lists["X509 CRL"] == published(home).der


# -- when


def test_a_file_that_reads_back_otherwise_does_not_replace_the_one_before(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication.publish(home)
    before = {path: path.read_bytes() for path in home.public.iterdir()}
    read = files.pieces

    def flipped(path: Path) -> Iterator[bytes]:
        for piece in read(path):
            yield bytes([piece[0] ^ 1]) + piece[1:] if path.suffix == ".tmp" else piece

    monkeypatch.setattr(files, "pieces", flipped)
    with pytest.raises(Unavailable, match="differs from the data that was written"):
        publication.publish(home)
    assert {path: path.read_bytes() for path in home.public.iterdir()} == before


def test_a_crl_is_renewed_at_half_its_life(home: Home, clock: Clock) -> None:
    publication.publish(home)
    assert published(home).next_update == BEGIN + timedelta(days=ISSUING_DAYS)
    assert published(home, "new-root").next_update == BEGIN + timedelta(days=ROOT_DAYS)
    clock.advance(days=ISSUING_DAYS / 2, seconds=-1)
    assert publication.publish(home, if_due=True).renewed == ()
    clock.advance(seconds=1)
    assert publication.publish(home, if_due=True).renewed == ("old-issuing", "new-issuing")
    assert published(home).this_update == clock.now


def test_a_revocation_is_due_at_once_and_for_its_own_ca_alone(home: Home) -> None:
    publication.publish(home)
    certificate = issue(home).certificate
    revoke(home, certificate.number)
    assert publication.publish(home, if_due=True).renewed == ("new-issuing",)
    assert published(home).revoked == {certificate.serial: "key_compromise"}
    assert publication.publish(home, if_due=True).renewed == ()


def test_publish_with_nothing_due_needs_no_passphrase(home: Home, clock: Clock) -> None:
    publication.publish(home)
    assert publication.publish(Home(home.path, no_passphrase, clock), if_due=True).renewed == ()


def test_a_revocation_that_comes_while_a_crl_is_signed_is_due_again(
    home: Home, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The count of changes that a CRL carries is of the same moment as its entries."""
    first, second = (issue(home, "android").certificate for _ in range(2))
    verify, other = crls.verify, open_home(home.path, clock)
    later = [second.number]

    def verify_while_another_revokes(issuer: x509.Certificate, file: Path) -> None:
        if later and file == files.temporary_for(home.store / "crl" / "new-issuing.crl"):
            revoke(other, later.pop())
        verify(issuer, file)

    monkeypatch.setattr(crls, "verify", verify_while_another_revokes)
    revoke(home, first.number)
    publication.publish(home, if_due=True)
    assert set(published(home).revoked) == {first.serial}
    publication.publish(home, if_due=True)
    assert set(published(home).revoked) == {first.serial, second.serial}


def test_a_ca_past_its_end_signs_no_crl(home: Home, clock: Clock) -> None:
    """The issuing CA ends after 25 years, the root after 30."""
    clock.now = BEGIN.replace(year=2051)
    assert publication.publish(home).renewed == ("old-root", "new-root")


def test_no_crl_outlives_its_ca(home: Home, clock: Clock) -> None:
    clock.now = BEGIN.replace(year=2051) - timedelta(days=1)
    publication.publish(home)
    assert published(home).next_update == BEGIN.replace(year=2051)


# -- the cut-off


def test_before_a_cutoff_no_crl_of_the_issuing_ca_lives_past_it(home: Home, clock: Clock) -> None:
    publication.publish(home)
    cutoff = BEGIN + timedelta(days=10)
    creation.retire(home, "old", cutoff)
    assert publication.publish(home, if_due=True).renewed == ("old-issuing",)
    assert published(home, "old-issuing").next_update == cutoff
    assert published(home, "new-issuing").next_update == BEGIN + timedelta(days=ISSUING_DAYS)
    assert publication.publish(home, if_due=True).renewed == ()


def test_from_the_cutoff_on_all_that_was_live_stands_on_the_crl(home: Home, clock: Clock) -> None:
    old, new = (issue(home, "android", name).certificate for name in ("old", "new"))
    cutoff = BEGIN + timedelta(days=10)
    creation.retire(home, "old", cutoff)
    clock.now = cutoff - timedelta(seconds=1)
    publication.publish(home, if_due=True)
    assert published(home, "old-issuing").revoked == {}
    clock.now = cutoff
    publication.publish(home, if_due=True)
    assert published(home, "old-issuing").revoked == {old.serial: "cessation_of_operation"}
    assert published(home, "old-issuing").next_update > cutoff
    assert record_of(home, old.number).status(cutoff) is Status.REVOKED
    assert record_of(home, new.number).status(cutoff) is Status.ISSUED


# -- a root's key in a safe


@pytest.mark.parametrize("tier", ["root", "issuing"])
def test_a_ca_with_a_damaged_certificate_is_named(home: Home, tier: str) -> None:
    with closing(sqlite3.connect(home.store / "rca.sqlite")) as other, other:
        other.execute(
            "UPDATE authority SET certificate = CAST(x'00' || certificate AS BLOB) WHERE tier = ?",
            (tier,),
        )
    with pytest.raises(Invalid, match=f"the certificate of [a-z]+-{tier}: not a readable"):
        publication.publish(home)


@pytest.fixture
def stick(home: Home, tmp_path: Path) -> Path:
    path = tmp_path / "third-root.key"
    creation.create(home, "third", root_key_out=path)
    return path


def test_a_chain_whose_root_did_not_sign_its_issuing_ca_is_never_published(
    home: Home, tmp_path: Path
) -> None:
    """Servers would refuse every device with it."""
    old, new = (hierarchies.get(home.db, name) for name in ("old", "new"))
    mixed = replace(new, authorities=(new.root, old.issuing))
    with pytest.raises(Invalid):
        artifacts.write(home, mixed, {}, [], tmp_path)
    assert list(tmp_path.glob("*.pem")) == []
    assert artifacts.write(home, new, {}, [], tmp_path)


def test_the_key_of_another_homes_ca_of_the_same_name_signs_nothing(
    home: Home, clock: Clock, stick: Path, tmp_path: Path
) -> None:
    """Name and passphrase agree; the certificate alone tells the two keys apart."""
    publication.publish(home)
    other = make_home(tmp_path / "other", clock, hierarchies=["new"])
    others_key = tmp_path / "other.key"
    creation.create(other, "third", root_key_out=others_key)
    before = published(home, "third-root").der
    clock.advance(days=ROOT_DAYS / 2)
    with pytest.raises(Invalid, match="does not belong"):
        publication.publish(home, if_due=True, root_key=others_key)
    own = home.store / "keys" / "new-issuing.key"
    own.write_bytes((other.store / "keys" / "new-issuing.key").read_bytes())
    with pytest.raises(Invalid, match="does not belong"):
        issue(open_home(home.path, clock), hierarchy="new")
    assert rows(home, "SELECT count(*) FROM certificate") == [(0,)]
    assert published(home, "third-root").der == before


def test_an_overdue_root_is_reported_and_the_others_are_published(
    home: Home, clock: Clock, stick: Path
) -> None:
    assert publication.publish(home).overdue == ()
    clock.advance(days=ROOT_DAYS / 2)
    done = publication.publish(home, if_due=True)
    assert done.overdue == ("third-root",)
    assert "third-issuing" in done.renewed
    done = publication.publish(home, if_due=True, root_key=stick)
    assert (done.overdue, done.renewed) == ((), ("third-root",))
    assert published(home, "third-root").this_update == clock.now


def test_with_two_keys_in_a_safe_each_is_brought_by_itself(
    home: Home, clock: Clock, stick: Path, tmp_path: Path
) -> None:
    other = tmp_path / "fourth-root.key"
    creation.create(home, "fourth", root_key_out=other)
    clock.advance(days=ROOT_DAYS / 2)
    assert publication.publish(home, root_key=stick).overdue == ("fourth-root",)
    assert publication.publish(home, root_key=other).overdue == ()


def test_a_key_that_no_ca_waits_for_is_refused_before_anything_is_done(
    home: Home, stick: Path
) -> None:
    for path in (home.store / "keys" / "new-root.key", home.path / "rca.yaml", home.path / "no"):
        with pytest.raises(Unavailable):
            publication.publish(home, root_key=path)
    assert not home.public.exists()


# -- the hook

HOOK = """
import sys
from pathlib import Path
log, code = Path("hook.log"), Path("hook.code")
with log.open("a") as file:
    file.write("run\\n")
print("nginx: [emerg] cannot load certificate", file=sys.stderr)
raise SystemExit(int(code.read_text()) if code.exists() else 0)
"""


@pytest.fixture
def hooked(home: Home) -> Home:
    """A home whose hook writes down that it ran, and fails where `hook.code` says so."""
    (home.path / "hook.py").write_text(HOOK)
    configure(home, f"publish_hook: [{sys.executable}, hook.py]")
    return home


def runs(home: Home) -> int:
    log = home.path / "hook.log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_the_hook_runs_for_new_files_alone(hooked: Home, clock: Clock) -> None:
    publication.publish(hooked)
    assert runs(hooked) == 1
    publication.publish(hooked, if_due=True)
    assert runs(hooked) == 1
    clock.advance(days=ISSUING_DAYS / 2)
    publication.publish(hooked, if_due=True)
    assert runs(hooked) == 2
    publication.publish(hooked)
    assert runs(hooked) == 3


def test_a_hook_that_failed_is_tried_again_until_it_succeeds(hooked: Home) -> None:
    code = hooked.path / "hook.code"
    code.write_text("3")
    with pytest.raises(Unavailable, match=r"exited with 3: nginx: \[emerg\] cannot load"):
        publication.publish(hooked)
    assert published(hooked).this_update == BEGIN
    with pytest.raises(Unavailable):
        publication.publish(hooked, if_due=True)
    code.unlink()
    publication.publish(hooked, if_due=True)
    publication.publish(hooked, if_due=True)
    assert runs(hooked) == 3


def test_a_run_that_ends_between_the_crl_and_the_hook_leaves_the_hook_to_the_next(
    hooked: Home, tmp_path: Path
) -> None:
    """The CRL is renewed then, and nothing is due any more but the hook."""
    out = tmp_path / "out"
    (out / "old-root.pem" / "in the way").mkdir(parents=True)
    revoke(hooked, issue(hooked, "android", "old").certificate.number)
    with pytest.raises(OSError, match="directory"):
        publication.publish(hooked, out=out, if_due=True)
    assert runs(hooked) == 0
    shutil.rmtree(out)
    assert publication.publish(hooked, out=out, if_due=True).renewed == ()
    assert runs(hooked) == 1


def test_a_hook_that_is_not_there_is_unavailable(home: Home) -> None:
    configure(home, "publish_hook: [/no/such/program]")
    with pytest.raises(Unavailable, match="could not be run: No such file"):
        publication.publish(home)
    assert published(home).this_update == BEGIN


def test_a_hook_reads_no_shell(home: Home) -> None:
    configure(home, f'publish_hook: [{sys.executable}, -c, "pass", "; touch pwned", "$(touch p)"]')
    publication.publish(home)
    assert not (home.path / "pwned").exists()
    assert not (home.path / "p").exists()


def test_every_hierarchy_has_its_first_crls_without_any_publishing(home: Home) -> None:
    for each in hierarchies.all_of(home.db):
        for authority in each.authorities:
            crl = PublishedCrl(home.store / "crl" / f"{authority.name}.crl")
            assert crl.revoked == {}
            assert crl.this_update == BEGIN
