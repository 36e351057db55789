"""What the README tells people to type does what it says, and is what CI runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
NOT_IN_A_CLONE = (".*_cache", ".git", ".hypothesis", ".venv", "__pycache__", "ca-store", "demo")


def commands() -> list[str]:
    """The README's blocks that are one command each, in order: try it out, run the tests."""
    readme = (CHECKOUT / "README.md").read_text("utf-8")
    return re.findall(r"^```console\n(python3 -m venv .*)\n```$", readme, re.MULTILINE)


def test_ci_runs_the_tests_by_the_readme_s_command() -> None:
    ci = (CHECKOUT / ".ci" / "run").read_text("utf-8")
    assert re.findall('^TEST="(.+)"$', ci, re.MULTILINE) == commands()[1:]


def test_the_readme_s_first_command_makes_a_home_on_a_new_machine(tmp_path: Path) -> None:
    """In an environment with nothing but what the package says it needs."""
    clone = tmp_path / "clone"
    shutil.copytree(CHECKOUT, clone, ignore=shutil.ignore_patterns(*NOT_IN_A_CLONE))
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "PIP_QUIET": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    done = subprocess.run(
        ["bash", "-c", commands()[0]],
        cwd=clone,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    demo = clone / "demo"
    for profile in (clone / "profiles").iterdir():  # out of the wheel, not of the clone
        assert (demo / "profiles" / profile.name).read_bytes() == profile.read_bytes()
    exported = sorted(file.suffix for file in (demo / "handout").iterdir())
    assert exported == [".mobileconfig", ".mobileconfig", ".p12", ".p12", ".p12"]
