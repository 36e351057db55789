"""Clocks that go wrong, and the program that is run after publishing."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import crl, x509

from tests.shared.runner import Workspace
from tests.shared.waiting import until


def published(rca: Workspace) -> crl.TbsCertList:
    der = (rca.home / "public" / "new-issuing.crl").read_bytes()
    return crl.CertificateList.load(der)["tbs_cert_list"]


def crl_number(rca: Workspace) -> int:
    (number,) = (
        extension["extn_value"].native
        for extension in published(rca)["crl_extensions"]
        if extension["extn_id"].native == "crl_number"
    )
    assert isinstance(number, int)
    return number


@pytest.mark.needs("faketime")
def test_a_clock_that_was_set_back_repeats_no_number(rca: Workspace) -> None:
    assert rca("publish").code == 0
    numbers = [crl_number(rca)]
    for date in ("2020-01-01", "2019-01-01", "1969-12-31"):
        assert rca("publish", "--trust-clock", before=["faketime", date]).code == 0
        numbers.append(crl_number(rca))
    assert rca("publish").code == 0
    numbers.append(crl_number(rca))
    assert numbers == sorted(set(numbers))


@pytest.mark.needs("faketime")
def test_a_clock_that_was_set_back_signs_nothing(rca: Workspace) -> None:
    """What servers have is better than a CRL that is over by their clocks."""
    assert rca("publish").code == 0
    before = {path: path.read_bytes() for path in (rca.home / "public").iterdir()}
    for command in (
        ("publish",),
        ("publish", "--if-due"),
        ("issue", "--device", "mac", "--user", "x"),
    ):
        result = rca(*command, before=["faketime", "2020-01-01"])
        assert result.code == 7
        assert "the clock is at 2020-01-01" in result.complaint
    assert {path: path.read_bytes() for path in (rca.home / "public").iterdir()} == before
    assert rca("list", "--all", "--format", "json").json == []


@pytest.mark.needs("faketime")
def test_a_corrected_clock_can_be_trusted_again(rca: Workspace) -> None:
    """Its CRL is not valid yet, and what it issued neither."""
    number = rca.issue(before=["faketime", "2035-01-01"])["number"]
    assert rca("publish", before=["faketime", "2035-01-01"]).code == 0
    assert rca("publish").code == 7
    assert rca("revoke", number).code == 0
    assert rca("publish", "--trust-clock").code == 0
    assert published(rca)["this_update"].native < datetime(2035, 1, 1, tzinfo=UTC)
    rca.issue()
    assert rca("publish", "--if-due").code == 0


@pytest.mark.needs("faketime")
def test_after_2049_times_are_generalized_times(empty: Workspace) -> None:
    """RFC 5280 §4.1.2.5 and §5.1.2.6: UTCTime through 2049, GeneralizedTime from 2050."""
    commands = (
        ("init",),
        ("hierarchy", "create", "new"),
        ("issue", "--device", "mac", "--user", "x"),
        ("revoke", "--user", "x"),
        ("publish",),
    )
    # Each begins later than the one before ended, however long that took.
    for minute, command in enumerate(commands):
        in_2050 = ["faketime", f"2050-06-01 12:{minute:02}:00"]
        assert empty(*command, before=in_2050).code == 0
    root = (empty.home / "public" / "new-root.cer").read_bytes()
    validity = x509.Certificate.load(root)["tbs_certificate"]["validity"]
    assert validity["not_before"].name == "general_time"
    tbs = published(empty)
    (entry,) = tbs["revoked_certificates"]
    for moment in (tbs["this_update"], tbs["next_update"], entry["revocation_date"]):
        assert moment.name == "general_time"
        assert moment.native > datetime(2050, 5, 31, tzinfo=UTC)


@pytest.mark.needs("faketime")
def test_nothing_outlives_its_issuer(rca: Workspace) -> None:
    result = rca("issue", "--device", "mac", "--user", "x", before=["faketime", "2045-01-01"])
    assert (result.code, bool(result.complaint)) == (6, True)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("false",), "exited with 1"),
        (("sh", "-c", "echo first >&2; echo last >&2; exit 3"), "exited with 3: first; last"),
        (("sh", "-c", "kill -9 $$"), "exited with -9"),
        (("sh", "-c", r"printf '\033[31m\377\nx' >&2; exit 1"), r"\x1b[31m"),
        (("sh", "-c", "yes >&2 & sleep 0.2; kill $!; exit 1"), "y; y"),
        (("/nowhere/hook",), "No such file"),
        (("/tmp",), "Permission denied"),
    ],
    ids=lambda value: "",
)
def test_a_hook_that_fails_is_one_line_and_tried_again(
    rca: Workspace, command: tuple[str, ...], said: str
) -> None:
    rca.set_hook(*command)
    result = rca("publish")
    assert result.code == 7
    assert said in result.complaint
    assert len(result.complaint) < 600
    marker = rca.folder / "witness"
    rca.set_hook("touch", str(marker))
    assert rca("publish", "--if-due").code == 0
    assert marker.exists()


@pytest.mark.parametrize("name", ["home", "home/rca.yaml"])
def test_a_world_writable_hook_is_not_run(rca: Workspace, name: str) -> None:
    """The files are published all the same, and the hook is run once the mode is right."""
    marker, opened = rca.folder / "witness", rca.folder / name
    rca.set_hook("touch", str(marker))
    mode = opened.stat().st_mode
    opened.chmod(0o777)
    result = rca("publish")
    assert (result.code, bool(result.complaint)) == (6, True)
    assert (rca.home / "public" / "new-crl.pem").exists()
    assert not marker.exists()
    opened.chmod(mode)
    assert rca("publish", "--if-due").code == 0
    assert marker.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
@pytest.mark.parametrize("name", ["home", "home/rca.yaml"])
def test_a_hook_that_another_user_may_have_written_is_not_run(rca: Workspace, name: str) -> None:
    marker, given = rca.folder / "witness", rca.folder / name
    rca.set_hook("touch", str(marker))
    os.chown(given, 65534, -1)
    result = rca("publish")
    assert (result.code, bool(result.complaint)) == (6, True)
    assert not marker.exists()
    assert f"{given} belongs to" in rca("doctor").out
    os.chown(given, 0, -1)
    assert rca("publish", "--if-due").code == 0
    assert marker.exists()


def test_a_hook_that_reads_gets_nothing_and_goes_on(rca: Workspace) -> None:
    rca.set_hook("sh", "-c", 'test -z "$(cat)"')
    assert rca("publish").code == 0


def test_background_processes_of_a_hook_are_not_waited_for(rca: Workspace) -> None:
    """As the start of a server does, it keeps the streams that it was given open."""
    note = rca.folder / "pid"
    rca.set_hook("sh", "-c", f"sleep 60 & echo $! >{note}")
    begun = time.monotonic()
    try:
        assert rca("publish").code == 0
        assert time.monotonic() - begun < 30
    finally:
        with suppress(ProcessLookupError):
            os.kill(int(note.read_text()), signal.SIGTERM)


@pytest.mark.needs("faketime")
def test_a_hanging_hook_is_killed_with_its_children(rca: Workspace) -> None:
    """In a minute, which faketime lets pass in six seconds: time enough for the hook to begin."""
    note = rca.folder / "pid"
    rca.set_hook("env", "-u", "LD_PRELOAD", "sh", "-c", f"sleep 600 & echo $! >{note}; wait")
    result = rca("publish", before=["faketime", "-f", "+0 x10"])
    assert result.code == 7
    assert "did not end within 60 seconds" in result.complaint
    process = int(note.read_text())
    until(lambda: not _is_running(process))


def _is_running(process: int) -> bool:
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True
    )
    return state.stdout.strip()[:1] not in ("", "Z")  # a nice one has "ZN"


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs another file system")
def test_publishing_onto_another_file_system(rca: Workspace) -> None:
    out = Path("/dev/shm") / f"rca-{os.getpid()}"
    try:
        assert rca("publish", "--out", str(out)).code == 0
        assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o644}
    finally:
        for path in out.iterdir():
            path.unlink()
        out.rmdir()
