"""The systemd units of examples/, as systemd reads and rates them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.shared.waiting import PATIENCE

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.needs("systemd-analyze")


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize("unit", sorted(path.name for path in EXAMPLES.glob("*.service")))
def test_systemd_finds_nothing_wrong_with_a_unit(unit: str, tmp_path: Path) -> None:
    copy = tmp_path / unit
    # Where rca lies is all that differs from the machine that it is for.
    copy.write_text((EXAMPLES / unit).read_text().replace("/opt/rca/bin/rca", "/bin/true"))
    done = analyze("verify", "--man=no", copy)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_rates_the_portals_hardening_as_good() -> None:
    """Of 10, less is better; a unit without any has 9.6."""
    done = analyze("security", "--offline=yes", "--threshold=20", EXAMPLES / "rca-portal.service")
    assert done.returncode == 0, done.stdout
