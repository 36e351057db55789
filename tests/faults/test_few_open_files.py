"""A system that lets a process open few files: the portal says so before it takes a request."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from tests.shared.runner import Workspace
from tests.shared.serving import serving

pytestmark = pytest.mark.needs("prlimit")


def limited(soft: int, hard: int) -> list[str]:
    return ["prlimit", f"--nofile={soft}:{hard}"]


@pytest.mark.parametrize("limit", [12, 59])
def test_a_portal_that_could_not_answer_does_not_begin(rca: Workspace, limit: int) -> None:
    result = rca("serve", "--listen", "127.0.0.1:0", before=limited(limit, limit))
    assert result.code == 7
    assert result.complaint.endswith(
        f"the limit on open files is {limit}; the download page needs 60"
    )
    assert "rca: hint: raise `ulimit -n`" in result.err


def test_a_portal_serves_with_as_many_as_it_needs(rca: Workspace) -> None:
    with serving(rca, before=limited(60, 60)) as portal:
        assert portal.enter_password("12345678", "x") is None


def test_a_portal_raises_its_open_file_limit(rca: Workspace, tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    script = tmp_path / "script"
    script.write_text('echo $$ > "$0.pid"; exec "$@"')
    before = [*limited(40, hard), "sh", str(script)]
    with serving(rca, before=before):
        pid = (tmp_path / "script.pid").read_text().strip()
        limits = Path("/proc", pid, "limits").read_text()
    (line,) = [each for each in limits.splitlines() if each.startswith("Max open files")]
    assert int(line.split()[3]) >= 1050
