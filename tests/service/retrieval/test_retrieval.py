"""The one download: once, whole, and nothing of it stays behind."""

from __future__ import annotations

import os
import plistlib
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from asn1crypto import pkcs12 as asn1_pkcs12

from renrakucho_ca.errors import Conflict, NotFound, RcaError, Unavailable
from renrakucho_ca.model import RetrievalNumber, RevocationReason, Status, User
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.retrieval import retrieval
from renrakucho_ca.service.revocation import revocation
from tests.shared.homes import (
    BEGIN,
    PASSPHRASE,
    Clock,
    configure,
    issue,
    open_home,
    openssl,
    pem_blocks,
    record_of,
    rows,
)

UNKNOWN = RetrievalNumber("12345678")


def export(home: Home, number: RetrievalNumber, out: Path) -> Path:
    """Exports one; raises where it is refused."""
    (outcome,), written = retrieval.export(home, [number], out)
    outcome.unwrap()
    return written[number]


def reason(home: Home, number: RetrievalNumber, out: Path) -> RcaError:
    (outcome,), written = retrieval.export(home, [number], out)
    assert written == {}
    assert isinstance(outcome.result, RcaError)
    return outcome.result


# -- the file


@pytest.mark.parametrize("device", ["windows", "mac", "android"])
def test_a_p12_opens_with_the_retrieval_password_and_holds_a_key(
    home: Home, tmp_path: Path, device: str
) -> None:
    issued = issue(home, device)
    path = export(home, issued.certificate.number, tmp_path / "out")
    assert path.name == f"{issued.certificate.number}.p12"
    asn1_pkcs12.Pfx.load(path.read_bytes(), strict=True)
    said = openssl(
        *("pkcs12", "-in", path, "-passin", f"pass:{issued.password}", "-noenc", "-legacy")
    )
    kinds = [kind for kind, _ in pem_blocks(said.encode())]
    assert sorted(kinds) == ["CERTIFICATE", "CERTIFICATE", "PRIVATE KEY"]


def test_file_and_folder_are_the_owners_alone(home: Home, tmp_path: Path) -> None:
    path = export(home, issue(home).certificate.number, tmp_path / "a" / "out")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_exported_it_is_downloaded_and_its_bundle_and_password_are_gone(
    home: Home, clock: Clock, tmp_path: Path
) -> None:
    issued = issue(home)
    number = issued.certificate.number
    assert retrieval.reveal(home, number) == issued.password
    clock.advance(hours=1)
    export(home, number, tmp_path)
    record = record_of(home, number)
    assert (record.status(clock.now), record.downloaded_at) == (Status.DOWNLOADED, clock.now)
    assert rows(home, "SELECT count(*) FROM bundle") == [(0,)]
    with pytest.raises(Conflict, match="is already downloaded"):
        retrieval.reveal(home, number)


# -- once


def test_a_second_time_is_refused_and_touches_no_file(home: Home, tmp_path: Path) -> None:
    number = issue(home).certificate.number
    export(home, number, tmp_path)
    assert "is already downloaded" in str(reason(home, number, tmp_path / "again"))
    assert list((tmp_path / "again").iterdir()) == []


def test_of_many_threads_one_gets_it(home: Home, clock: Clock, tmp_path: Path) -> None:
    number = issue(home).certificate.number
    results: list[object] = []
    barrier = threading.Barrier(6)

    def claim(name: str) -> None:
        mine = open_home(home.path, clock)
        barrier.wait()
        (outcome,), _ = retrieval.export(mine, [number], tmp_path / name)
        results.append(type(outcome.result).__name__)

    threads = [threading.Thread(target=claim, args=(str(i),)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results)) == ["Certificate"] + ["Conflict"] * 5
    assert len(list(tmp_path.glob("*/*.p12"))) == 1


EXPORT = """
import sys
from pathlib import Path
from datetime import datetime
from renrakucho_ca.model import RetrievalNumber
from renrakucho_ca.service.retrieval import retrieval
from renrakucho_ca.service.home import Home
path, number, out, now = sys.argv[1:]
home = Home(Path(path), lambda is_new: b"", lambda: datetime.fromisoformat(now))
sys.stdin.read()
(outcome,), _ = retrieval.export(home, [RetrievalNumber(number)], Path(out))
print(type(outcome.result).__name__)
"""


def test_of_many_processes_one_gets_it_and_none_needs_the_passphrase(
    home: Home, tmp_path: Path
) -> None:
    number = issue(home, "iphone").certificate.number
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", EXPORT, home.path, number, tmp_path / str(i), str(BEGIN)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    said = sorted(process.communicate()[0].strip() for process in processes)
    assert said == ["Certificate", "Conflict", "Conflict", "Conflict"]
    assert len(list(tmp_path.glob("*/*.mobileconfig"))) == 1


@pytest.mark.parametrize(
    ("state", "message"),
    [("held", "is held"), ("revoked", "its bundle is destroyed"), ("expired", "has expired")],
)
def test_a_certificate_that_is_not_valid_is_not_delivered(
    home: Home, clock: Clock, tmp_path: Path, state: str, message: str
) -> None:
    certificate = issue(home).certificate
    if state == "held":
        revocation.hold(home, certificate.number)
    if state == "revoked":
        revocation.revoke(home, [certificate.number], RevocationReason.KEY_COMPROMISE)
    if state == "expired":
        clock.now = certificate.not_after
    error = reason(home, certificate.number, tmp_path / "out")
    assert isinstance(error, Conflict)
    assert message in str(error)
    with pytest.raises(Conflict, match=message):
        retrieval.reveal(home, certificate.number)
    assert list((tmp_path / "out").iterdir()) == []


def test_one_that_cannot_be_had_does_not_stop_the_others(home: Home, tmp_path: Path) -> None:
    first, second = (issue(home, "android").certificate.number for _ in range(2))
    outcomes, written = retrieval.export(home, [first, UNKNOWN, second], tmp_path)
    assert [isinstance(each.result, NotFound) for each in outcomes] == [False, True, False]
    assert set(written) == {first, second}


# -- what fails


def test_a_file_that_cannot_be_put_in_its_place_leaves_it_to_be_exported(
    home: Home, tmp_path: Path
) -> None:
    issued = issue(home)
    number = issued.certificate.number
    in_the_way = tmp_path / "out" / f"{number}.p12"
    (in_the_way / "inside").mkdir(parents=True)
    error = reason(home, number, tmp_path / "out")
    assert isinstance(error, Unavailable)
    assert record_of(home, number).downloaded_at is None
    assert list((tmp_path / "out").iterdir()) == [in_the_way]
    assert retrieval.reveal(home, number) == issued.password
    assert export(home, number, tmp_path / "elsewhere").exists()


def export_under_strace(
    home: Home, number: RetrievalNumber, out: Path, file: Path, fault: str
) -> subprocess.CompletedProcess[str]:
    """Exports in a process in which the kernel fails or kills at a call that concerns that file."""
    strace = ["strace", "-f", "-o", os.devnull, "-P", str(file), "-e", f"inject={fault}"]
    arguments = [sys.executable, "-c", EXPORT, str(home.path), number, str(out), str(BEGIN)]
    return subprocess.run(
        [*strace, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.needs("strace")
@pytest.mark.parametrize("error", ["write:error=ENOSPC", "fsync:error=EIO"])
def test_a_disk_that_is_full_or_fails_leaves_it_to_be_exported(
    home: Home, tmp_path: Path, error: str
) -> None:
    number = issue(home, "android").certificate.number
    out = tmp_path / "out"
    out.mkdir()
    # Only what concerns the file for the device, not the database.
    failed = export_under_strace(home, number, out, out / f".{number}.p12.tmp", error)
    assert failed.stdout == "Unavailable\n"
    assert list(out.iterdir()) == []
    assert record_of(home, number).downloaded_at is None
    assert export(home, number, out).exists()


@pytest.mark.needs("strace")
def test_an_export_killed_after_writing_exports_the_same_file_again(
    home: Home, tmp_path: Path
) -> None:
    """Between file and commit: nothing is lost, and nothing is marked that was not handed out."""
    number = issue(home, "android").certificate.number
    out = tmp_path / "out"
    out.mkdir()
    fault = "pwrite64:signal=KILL:when=1"
    killed = export_under_strace(home, number, out, home.store / "rca.sqlite", fault)
    assert killed.returncode != 0
    first = (out / f"{number}.p12").read_bytes()
    assert record_of(home, number).downloaded_at is None
    assert export(home, number, out).read_bytes() == first


def test_a_lost_bundle_key_is_unavailable_and_uses_up_no_download(
    home: Home, tmp_path: Path
) -> None:
    number = issue(home).certificate.number
    key = home.store / "keys" / "bundle.key"
    content = key.read_bytes()
    key.unlink()
    assert isinstance(reason(home, number, tmp_path), Unavailable)
    key.write_bytes(bytes(32))
    assert isinstance(reason(home, number, tmp_path), Unavailable)
    key.write_bytes(content)
    export(home, number, tmp_path)


def test_a_bundle_that_was_moved_to_another_certificate_does_not_open(
    home: Home, tmp_path: Path
) -> None:
    """Whoever can write the database cannot swap two people's files."""
    first, second = (issue(home).certificate.number for _ in range(2))
    home.db.execute(
        """UPDATE bundle SET sealed = (SELECT b.sealed FROM bundle AS b JOIN certificate AS c
               ON c.id = b.certificate WHERE c.number = ?)""",
        (int(first),),
    )
    assert isinstance(reason(home, second, tmp_path), Unavailable)
    export(home, first, tmp_path)


# -- reveal


def test_revealing_needs_the_right_passphrase(home: Home, clock: Clock) -> None:
    number = issue(home).certificate.number
    other_home = Home(home.path, lambda is_new: PASSPHRASE + b"x", clock)
    with pytest.raises(Unavailable, match="wrong passphrase"):
        retrieval.reveal(other_home, number)


def test_an_unknown_number_is_not_found(home: Home) -> None:
    with pytest.raises(NotFound):
        retrieval.reveal(home, UNKNOWN)


# -- profiles for iPhones and iPads


def profile_of(home: Home, number: RetrievalNumber, out: Path) -> dict[str, object]:
    path = export(home, number, out)
    assert path.name == f"{number}.mobileconfig"
    profile: dict[str, object] = plistlib.loads(path.read_bytes())
    return profile


def test_a_re_issued_profile_replaces_the_one_before_and_its_successor_both(
    home: Home, tmp_path: Path
) -> None:
    first = issue(home, "iphone").certificate.number
    second = issue(home, "iphone", supersedes=first).certificate.number
    third = issue(home, "iphone", supersedes=second).certificate.number
    other = issue(home, "iphone").certificate.number
    identifiers = [
        profile_of(home, number, tmp_path)["PayloadIdentifier"]
        for number in (first, second, third, other)
    ]
    assert identifiers[0] == identifiers[1] == identifiers[2] != identifiers[3]


def test_profiles_of_old_and_new_stand_side_by_side(home: Home, tmp_path: Path) -> None:
    old = issue(home, "iphone", "old").certificate.number
    new = issue(home, "iphone", "new", supersedes=old).certificate.number
    profiles = [profile_of(home, number, tmp_path) for number in (old, new)]
    assert len({profile["PayloadIdentifier"] for profile in profiles}) == 2
    assert len({profile["PayloadUUID"] for profile in profiles}) == 2


@pytest.mark.parametrize(("network", "shown"), [("別の市", "別の市"), (None, "見本市")])
def test_a_profile_bears_the_network_of_its_user_or_else_of_the_settings(
    home: Home, tmp_path: Path, network: str | None, shown: str
) -> None:
    user = User("taro", network=network)
    profile = profile_of(home, issue(home, "ipad", user=user).certificate.number, tmp_path)
    assert profile["PayloadDisplayName"] == shown
    assert str(profile["PayloadDescription"]).startswith(f"{shown}: taro")


def make_signer(home: Home) -> None:
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"),
        *("-subj", "/CN=profiles.example.jp", "-days", "30"),
        *("-keyout", home.path / "signer.key", "-out", home.path / "signer.pem"),
    )
    configure(
        home,
        "mobileconfig:\n  signing_certificate: signer.pem\n  signing_key: signer.key",
    )


def test_a_mobileconfig_is_signed_with_the_configured_key(home: Home, tmp_path: Path) -> None:
    make_signer(home)
    path = export(home, issue(home, "iphone").certificate.number, tmp_path)
    content = openssl(
        *("cms", "-verify", "-inform", "DER", "-in", path, "-purpose", "any"),
        *("-CAfile", home.path / "signer.pem"),
    )
    assert plistlib.loads(content.encode())["PayloadType"] == "Configuration"


@pytest.mark.parametrize("name", ["signer.key", "signer.pem"])
def test_a_missing_signer_uses_up_no_download(home: Home, tmp_path: Path, name: str) -> None:
    """The others, which need no signature, are handed out."""
    make_signer(home)
    (home.path / name).rename(home.path / "away")
    phone, pc = (issue(home, device).certificate.number for device in ("iphone", "windows"))
    outcomes, written = retrieval.export(home, [phone, pc], tmp_path / "out")
    assert isinstance(outcomes[0].result, Unavailable)
    assert list(written) == [pc]
    (home.path / "away").rename(home.path / name)
    export(home, phone, tmp_path / "out")
