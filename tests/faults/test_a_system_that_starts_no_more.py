"""A limit that is reached: of processes, such as systemd's TasksMax=, of memory, of open files."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.bindings import _rust

from renrakucho_ca.service.issuance.maker_pool import BATCH
from renrakucho_ca.store.keystore.sealing import COSTS
from tests.shared.runner import Workspace
from tests.shared.soundness import check_secrets, check_settled

pytestmark = pytest.mark.needs("strace")

# By these begin threads, and what forks. The first worker begins by vfork, and then forks no other.
_STARTS = "clone,clone3"
NO_MORE = ["strace", "-f", "-o", "/dev/null", "-e", "signal=none", "-e", f"trace={_STARTS}"]
NO_MORE += ["-e", f"inject={_STARTS}:error=EAGAIN"]


def test_one_certificate_needs_no_thread(rca: Workspace) -> None:
    """The passphrase is stretched beside other work only where that can be had."""
    issued = rca.issue(before=NO_MORE)
    assert rca("reissue", issued["number"], before=NO_MORE).code == 0
    check_settled(rca)


def test_a_backup_needs_one_and_is_made_later(rca: Workspace) -> None:
    """It is packed and written beside the sealing."""
    check_refused_and_done_later(rca, "backup", "saved")
    assert rca("backup", "--verify", "saved").code == 0


def test_many_certificates_need_workers_and_are_issued_later(rca: Workspace) -> None:
    lines = (f"user{number},mac\n" for number in range(BATCH + 1))
    (rca.folder / "table.csv").write_text("user,device\n" + "".join(lines))
    check_refused_and_done_later(rca, "issue", "--batch", "table.csv", "--jobs", "2")


@pytest.mark.needs("prlimit")
def test_too_little_memory_is_no_bug(rca: Workspace) -> None:
    """A key may ask for 256 MiB to stretch its passphrase, and here is less in all."""
    key = rca.home / "ca-store" / "keys" / "reveal.key"
    document = json.loads(key.read_text())
    document["kdf"]["n"] = max(COSTS)
    key.write_text(json.dumps(document))
    limit = ["prlimit", f"--as={250 * 1024 * 1024}"]
    result = rca("issue", "--device", "mac", "--user", "sato", before=limit)
    assert (result.code, result.complaint) == (7, "rca: error: not enough memory")
    assert rca("list", "--format", "json").json == []
    check_settled(rca)


@pytest.mark.parametrize("error", ["ENOMEM", "EMFILE"])
def test_a_library_that_cannot_be_loaded_is_no_bug(rca: Workspace, error: str) -> None:
    fault = ["-P", _rust.__file__, "-e", "trace=openat", "-e", f"inject=openat:error={error}"]
    result = rca("publish", before=["strace", "-o", "/dev/null", "-e", "signal=none", *fault])
    assert result.code == 7
    assert "cannot load a library" in result.complaint
    assert rca("publish").code == 0
    check_settled(rca)


def check_refused_and_done_later(rca: Workspace, *command: str) -> None:
    result = rca(*command, before=NO_MORE)
    assert (result.code, bool(result.complaint)) == (7, True)
    assert rca(*command).code == 0
    check_settled(rca)
    check_secrets(rca)
