"""A store that somebody else holds: whoever waits for it can be stopped at once."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing

import pytest

from tests.shared.runner import Workspace
from tests.shared.soundness import check_settled


@pytest.mark.parametrize(
    ("lock", "command"),
    [
        ("IMMEDIATE", ("user", "add", "sato")),
        ("EXCLUSIVE", ("list",)),
        ("EXCLUSIVE", ("backup", "saved")),
    ],
)
def test_a_command_that_waits_for_the_store_ends_on_a_signal(
    rca: Workspace, lock: str, command: tuple[str, ...]
) -> None:
    assert rca(*command).code == 0
    with closing(sqlite3.connect(rca.home / "ca-store" / "rca.sqlite")) as other:
        other.execute(f"BEGIN {lock}")
        with rca.start(*command) as waiting:
            time.sleep(2)
            assert waiting.poll() is None
            signalled = time.monotonic()
            waiting.send_signal(signal.SIGINT)
            out, err = waiting.communicate(timeout=20)
        assert (waiting.returncode, out, err.strip()) == (130, "", "")
        assert time.monotonic() - signalled < 2
        other.execute("ROLLBACK")
    assert rca(*command).code == 0
    check_settled(rca)


def test_a_command_waits_until_the_store_is_free(rca: Workspace) -> None:
    with closing(sqlite3.connect(rca.home / "ca-store" / "rca.sqlite")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with rca.start("user", "add", "sato") as waiting:
            time.sleep(2)
            assert waiting.poll() is None
            other.execute("ROLLBACK")
            waiting.communicate(timeout=20)
        assert waiting.returncode == 0
