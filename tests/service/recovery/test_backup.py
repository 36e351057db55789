"""One encrypted file with all that makes a home, of one moment, while others write."""

from __future__ import annotations

import io
import os
import sqlite3
import ssl
import tarfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

from renrakucho_ca.errors import Conflict, RcaError, Unavailable
from renrakucho_ca.service.hierarchy import rekey
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.recovery import backup, reconcile, restoration, verify_backup
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store import files
from renrakucho_ca.store.files import sealed_file
from renrakucho_ca.store.keystore.sealing import KeyDerivation
from tests.shared.homes import PASSPHRASE, Clock, issue, openssl
from tests.shared.waiting import PATIENCE

NOT_KEPT = (".lock", "journal", "last-backup", "README.md", ".gitignore", ".ocsp")
"""What of a store is no part of its state; OCSP responses are signed anew after a restore."""


def inside(home: Home, file: Path) -> dict[str, bytes]:
    """The files in a backup, read by Python's tarfile."""
    with file.open("rb") as stream:
        opened = sealed_file.SealedReader(stream, home.keystore)
        content = b"".join(iter(opened.read, b""))
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def test_every_file_of_a_home_is_in_its_backup(home: Home, tmp_path: Path) -> None:
    """A new kind of file in ca-store is added to the list in store/files/archive.py, or here."""
    issue(home)
    publication.publish(home)
    backup.to_file(home, tmp_path / "b")
    found = inside(home, tmp_path / "b")
    places = (home.path / "rca.yaml", home.profiles, home.store)
    there = [p for place in places for p in (place, *place.rglob("*")) if p.is_file()]
    expected = {
        path.relative_to(home.path).as_posix() for path in there if not path.name.endswith(NOT_KEPT)
    }
    assert found.keys() - {"manifest.json"} == expected
    for name in expected - {"ca-store/rca.sqlite"}:
        assert found[name] == (home.path / name).read_bytes()


def test_nothing_of_a_backup_can_be_read_without_the_passphrase(saved: Path) -> None:
    content = saved.read_bytes()
    for word in (b"SQLite", b"hanako", b"rca-sealed", b"manifest", b"ca-store", b"certificate"):
        assert word not in content
    bundle_key = (saved.parent / "home" / "ca-store" / "keys" / "bundle.key").read_bytes()
    assert bundle_key not in content


def test_a_backup_is_private_under_any_umask(home: Home, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        backup.to_file(home, tmp_path / "b")
    finally:
        os.umask(before)
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"b", "home"}


def test_an_old_backup_is_replaced_in_one_step(home: Home, tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"old")
    with (tmp_path / "b").open("rb") as reader:
        backup.to_file(home, tmp_path / "b")
        assert reader.read() == b"old"
    assert verify_backup.verify(home, tmp_path / "b").findings == []


def test_a_planted_link_is_replaced_and_not_followed(home: Home, tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "b").symlink_to("victim")
    (tmp_path / ".b.tmp").symlink_to("victim")
    backup.to_file(home, tmp_path / "b")
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (tmp_path / "b").is_symlink()
    assert not os.path.lexists(tmp_path / ".b.tmp")


def test_a_hard_link_keeps_its_content(home: Home, tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "b").hardlink_to(tmp_path / "victim")
    backup.to_file(home, tmp_path / "b")
    assert (tmp_path / "victim").read_bytes() == b"precious"


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_a_special_file_is_not_replaced(home: Home, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "b"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "device":
            path = Path("/dev/null")
    with pytest.raises(Conflict, match="not a file"):
        backup.to_file(home, path)


def test_a_mistyped_passphrase_makes_no_backup(home: Home, tmp_path: Path) -> None:
    other_home = Home(home.path, lambda is_new: b"mistyped", home.clock)
    with pytest.raises(Unavailable, match="wrong passphrase"):
        backup.to_file(other_home, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_passphrase_that_is_changed_meanwhile_makes_no_backup(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    derivation = home.keystore.new_derivation()

    def change() -> KeyDerivation:
        rekey.rekey_passphrase(home.elsewhere(home.path), lambda: b"another")
        return derivation

    monkeypatch.setattr(home.keystore, "new_derivation", change)
    with pytest.raises(Unavailable, match="wrong passphrase"):
        backup.to_file(home, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_pipe_without_a_reader_is_no_backup(home: Home) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with (
        pytest.raises(Unavailable, match="its output was closed"),
        os.fdopen(writer, "wb", buffering=0) as stream,
    ):
        backup.to_stream(home, stream)
    assert backup.last(home) is None


def test_a_backup_made_while_others_write_is_of_one_moment(home: Home, tmp_path: Path) -> None:
    """Another thread issues, revokes and publishes all the while."""
    stop, progress = threading.Event(), threading.Semaphore(0)
    failed: list[BaseException] = []

    def work() -> None:
        other = Home(home.path, lambda is_new: PASSPHRASE, Clock())
        try:
            while not stop.is_set():
                number = issue(other).certificate.number
                revocation.hold(other, number)
                publication.publish(other, if_due=True)
                progress.release()
        except BaseException as error:
            failed.append(error)
        finally:
            progress.release()
            other.db.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for nth in range(6):
            while progress.acquire(blocking=False):
                """Only what is done from now on counts."""
            for _ in range(2):  # of the first, a part may be in the backup before
                assert progress.acquire(timeout=2 * PATIENCE)
            backup.to_file(home, tmp_path / f"b{nth}")
    finally:
        stop.set()
        worker.join()
    assert failed == []
    counts = []
    for nth in range(6):
        restored = Home(tmp_path / f"restored{nth}", lambda is_new: PASSPHRASE, Clock())
        assert restoration.restore(restored, tmp_path / f"b{nth}").findings == []
        # Its CRL lists nothing that its database does not know.
        found = reconcile.reconcile(restored).restored
        assert (found.revoked, found.unknown) == (0, 0)
        counts.append(count_certificates(restored))
        restored.db.close()
    assert counts == sorted(set(counts))


@pytest.mark.parametrize("owed", [True, False])
def test_a_hook_is_owed_in_a_backup_as_long_as_it_is(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owed: bool
) -> None:
    """`rca publish` may run it, and so remove its mark, in any instant."""
    pending = home.store / "publish-hook.pending"
    pending.touch()
    read = files.read

    def read_late(path: Path) -> bytes:
        if path == pending and not owed:
            pending.unlink()
        return read(path)

    monkeypatch.setattr(files, "read", read_late)
    backup.to_file(home, tmp_path / "b")
    assert ("ca-store/publish-hook.pending" in inside(home, tmp_path / "b")) is owed


def test_in_wal_mode_too_all_that_is_committed_is_in_the_backup(home: Home, tmp_path: Path) -> None:
    with closing(sqlite3.connect(home.store / "rca.sqlite")) as other:
        assert other.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
        # As long as it is open, nobody moves what is committed from the log into the file.
        other.execute("SELECT count(*) FROM user").fetchone()
        before = count_certificates(home)
        issue(home)
        backup.to_file(home, tmp_path / "b")
    restored = Home(tmp_path / "restored", lambda is_new: PASSPHRASE, Clock())
    assert restoration.restore(restored, tmp_path / "b").findings == []
    assert count_certificates(restored) == before + 1
    restored.db.close()


def count_certificates(home: Home) -> int:
    """How many there are, each of which OpenSSL verifies against its chain."""
    connection = sqlite3.connect(home.store / "rca.sqlite")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    ders = [row[0] for row in connection.execute("SELECT der FROM certificate_der")]
    (recorded,) = connection.execute(
        "SELECT count(*) FROM certificate WHERE fingerprint_sha256 IS NOT NULL"
    ).fetchone()
    authorities = [row[0] for row in connection.execute("SELECT certificate FROM authority")]
    connection.close()
    assert len(ders) == recorded
    chain = home.path / "chain.pem"
    chain.write_text("".join(map(ssl.DER_cert_to_PEM_cert, authorities)))
    for der in ders[-3:]:
        leaf = ssl.DER_cert_to_PEM_cert(der).encode()
        openssl("verify", "-no_check_time", "-CAfile", chain, given=leaf)
    return len(ders)


# -- verify


def test_a_sound_backup_is_found_sound(home: Home, saved: Path) -> None:
    inspected = verify_backup.verify(home, saved)
    manifest, findings = inspected.manifest, inspected.findings
    assert findings == []
    assert manifest.created_at == Clock().now
    assert [path.name for path in home.store.iterdir() if path.name.startswith(".")] == []


def test_a_backup_is_verified_where_no_home_is(saved: Path, tmp_path: Path) -> None:
    nowhere = Home(tmp_path / "nowhere", lambda is_new: PASSPHRASE, Clock())
    assert verify_backup.verify(nowhere, saved).findings == []
    assert list(tmp_path.iterdir()) == []
    assert {path.name for path in saved.parent.iterdir()} == {"home", "backup"}


def findings_after(home: Home, path: Path, spoil: str) -> set[str]:
    """What is found in a backup of a home in which that was spoiled."""
    home.db.execute(spoil)
    backup.to_file(home, path)
    return {finding.file for finding in verify_backup.verify(home, path).findings}


def test_a_key_of_another_ca_is_found(home: Home, tmp_path: Path) -> None:
    spoil = "UPDATE authority SET key = 'old-issuing' WHERE hierarchy = 'new' AND tier = 'issuing'"
    assert findings_after(home, tmp_path / "b", spoil) == {"ca-store/keys/old-issuing.key"}


def test_a_missing_key_is_found(home: Home, tmp_path: Path) -> None:
    (home.store / "keys" / "new-root.key").unlink()
    backup.to_file(home, tmp_path / "b")
    (finding,) = verify_backup.verify(home, tmp_path / "b").findings
    assert finding.file == "ca-store/keys/new-root.key"


def test_a_crl_of_another_ca_is_found(home: Home, tmp_path: Path) -> None:
    lists = home.store / "crl"
    (lists / "new-root.crl").write_bytes((lists / "old-root.crl").read_bytes())
    backup.to_file(home, tmp_path / "b")
    (finding,) = verify_backup.verify(home, tmp_path / "b").findings
    assert finding.file == "ca-store/crl/new-root.crl"


def test_a_row_that_points_nowhere_is_found(home: Home, tmp_path: Path) -> None:
    home.db.execute("PRAGMA foreign_keys = OFF")
    spoil = "INSERT INTO certificate_der VALUES (4711, x'30')"
    assert findings_after(home, tmp_path / "b", spoil) == {"ca-store/rca.sqlite"}


def test_a_backup_of_nothing_is_refused(tmp_path: Path) -> None:
    nowhere = Home(tmp_path / "nowhere", lambda is_new: PASSPHRASE, Clock())
    with pytest.raises(RcaError, match="no store"):
        backup.to_file(nowhere, tmp_path / "b")
    assert list(tmp_path.iterdir()) == []
