"""`rca hierarchy import` as a script calls it: exit codes, streams, and a death at any moment."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shared.runner import PROGRAM

from .old_cas import OpensslCa, bundle

MakeCa = Callable[..., OpensslCa]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    call(tmp_path / "home", "init")
    return tmp_path / "home"


def call(home: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(part) for part in (*PROGRAM, "--lang", "en", "--home", home, *arguments)]
    # No passphrase anywhere: nothing here signs, so nothing may ask for it.
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def importing(ca: OpensslCa, path: Path) -> tuple[str | Path, ...]:
    given = ("--root", ca.certificate, "--certificates", path)
    return ("hierarchy", "import", "old", *given, "--format", "json")


def test_a_successful_import_prints_one_document_and_exits_0(
    home: Path, openssl_ca: MakeCa
) -> None:
    ca = openssl_ca()
    ca.issue("/CN=one")
    done = call(home, *importing(ca, ca.folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["added"] == 1


def test_one_without_an_end_is_shown_at_the_end_of_the_calendar(
    home: Path, openssl_ca: MakeCa
) -> None:
    """RFC 5280 §4.1.2.5. In Japan, that moment lies in the year 10000."""
    ca = openssl_ca()
    ca.issue("/CN=one", "-enddate", "99991231235959Z")
    call(home, *importing(ca, ca.folder))
    done = call(home, "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert "9999-12-31" in done.stdout


def test_problems_are_one_line_each_ten_thousand_at_most_and_exit_8(
    home: Path, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    ca.issue("/CN=one")
    bad = b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n"
    (ca.folder / "newcerts" / "bad.pem").write_bytes(bad * 10_010)
    done = call(home, *importing(ca, ca.folder))
    assert done.returncode == 8
    assert json.loads(done.stdout)["added"] == 1
    assert json.loads(done.stdout)["reported"] == 10_010
    lines = done.stderr.splitlines()
    assert sum("is not base64" in line for line in lines) == 10_000
    assert any("and 10 more" in line for line in lines)
    assert all(line.startswith("rca: ") or "more" in line for line in lines)


@pytest.mark.parametrize(("root", "code"), [("nowhere", 3), ("index.txt", 5), ("cakey.pem", 5)])
def test_a_file_that_is_no_root_sets_the_exit_code(
    home: Path, openssl_ca: MakeCa, root: str, code: int
) -> None:
    ca = openssl_ca()
    done = call(home, "hierarchy", "import", "old", "--root", ca.folder / root)
    assert done.returncode == code
    assert done.stderr.startswith("rca: error: ")


def test_a_killed_import_is_completed_by_the_next(
    home: Path, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    file = tmp_path / "all.pem"
    count = 8_000
    bundle(file, ca.certificate.read_bytes(), ca.private_key.read_bytes(), count)
    command = [str(part) for part in (*PROGRAM, "--home", home, *importing(ca, file))]
    database = home / "ca-store" / "rca.sqlite"
    begun = database.stat().st_size
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while database.stat().st_size < begun + 1_000_000:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    done = json.loads(call(home, *importing(ca, file)).stdout)
    assert 0 < done["already"] < count
    assert done["already"] + done["added"] == count
