"""A migration that is killed, stopped, out of room or in company: run again, it is complete."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.shared.homes import PASSPHRASE
from tests.shared.runner import Result
from tests.shared.small_disk import fill, small_disk
from tests.shared.soundness import check_database, check_secrets
from tests.shared.system_calls import calls, killed_at
from tests.shared.waiting import until

from .running import (
    MIGRATE,
    OF_NEW,
    PEOPLE,
    SUCCESSORS,
    Machine,
    is_alive,
    kill,
    workers,
)

pytestmark = pytest.mark.needs("faketime", "openssl")

ONE_BY_ONE = (*MIGRATE, "--jobs", "1")
"""Without worker processes, each run makes the same calls in the same order."""


@pytest.mark.needs("strace")
def test_a_run_killed_at_any_moment_is_completed_by_the_next(
    machine: Machine, tmp_path: Path
) -> None:
    """Whatever was under way when it died may have been signed, and goes onto the CRL."""
    all_calls = calls(machine.copy(tmp_path / "all"), *ONE_BY_ONE)
    for tenth in (1, 4, 7):
        call = all_calls[len(all_calls) * tenth // 10]
        spoiled = machine.copy(tmp_path / f"killed{tenth}")
        killed_at(call, spoiled, *ONE_BY_ONE)
        check_secrets(spoiled, PASSPHRASE.decode())
        done = spoiled.count(SUCCESSORS)
        under_way = {serial for (serial,) in spoiled.rows("SELECT serial FROM intent")}
        result = spoiled(*MIGRATE).json
        assert (result["issued"], result["already"]) == (PEOPLE - done, done), call.text
        revoked = spoiled.rows(f"SELECT serial FROM {OF_NEW} WHERE revoked_at IS NOT NULL")
        assert {serial for (serial,) in revoked} == under_way, call.text
        spoiled.check_all_moved()


def test_no_worker_outlives_the_run(machine: Machine) -> None:
    process = machine.start(*MIGRATE, "--jobs", "2")
    machine.wait_for("intent", process)
    started = workers(process)
    kill(process)
    until(lambda: not any(map(is_alive, started)))


@pytest.mark.parametrize("which", [0, 1], ids=["the first", "one that the first has forked"])
def test_a_run_with_a_dead_worker_ends_and_is_completed_by_the_next(
    machine: Machine, which: int
) -> None:
    process = machine.start(*MIGRATE, "--jobs", "2")
    machine.wait_for("intent", process)
    started = workers(process)
    os.kill(started[which], signal.SIGKILL)
    _, err = process.communicate()
    assert process.returncode == 7
    assert err.splitlines() == [
        "rca: error: a worker process died",
        "rca: hint: finished work is recorded; check the memory and the limit on processes, then "
        "run the command again",
    ]
    until(lambda: not any(map(is_alive, started)))
    assert machine(*MIGRATE).code == 0
    machine.check_all_moved()


@pytest.mark.parametrize(
    ("number", "send"),
    [(signal.SIGTERM, os.kill), (signal.SIGINT, os.killpg), (signal.SIGTERM, os.killpg)],
    ids=["kill", "^C at a terminal", "a service manager"],
)
def test_a_stopped_run_finishes_its_batch_and_prints_how_to_continue(
    machine: Machine, number: signal.Signals, send: Callable[[int, signal.Signals], None]
) -> None:
    """Some send the signal to the workers too."""
    process = machine.start(*MIGRATE, "--jobs", "2", start_new_session=True)
    machine.wait_for("intent", process)
    send(process.pid, number)
    out, err = process.communicate()
    assert process.returncode == 8
    done = machine.count(SUCCESSORS)
    assert 0 < done < PEOPLE
    assert err.splitlines() == [
        f"rca: error: stopped: {PEOPLE - done} certificates remain",
        "rca: hint: run the same command again to continue",
    ]
    assert f'"issued": {done},' in out
    assert machine.count("intent") == 0
    assert machine(*MIGRATE).json["issued"] == PEOPLE - done
    assert machine.count(f"{OF_NEW} WHERE revoked_at IS NOT NULL") == 0
    machine.check_all_moved()


def test_a_run_on_a_disk_that_fills_up_goes_on_when_there_is_room(
    machine: Machine, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "16m") as disk:
        small = machine.copy(disk / "machine")
        fill(disk, leave=2 * 1024 * 1024)
        process = small.start(*MIGRATE, "--jobs", "2")
        small.wait_for(SUCCESSORS, process)
        fill(disk)
        out, err = process.communicate()
        full = Result(MIGRATE, process.returncode, out, err)
        for result in (full, small(*MIGRATE, "--jobs", "2")):
            # The database's disk, or the journal's: whichever was written to first.
            assert result.code == 7, result
            assert re.search("the disk is full|No space left on device", result.complaint), result
            check_database(small)
            assert 0 < small.count(SUCCESSORS) < PEOPLE
        (disk / "fill").unlink()
        assert small(*MIGRATE, "--jobs", "2").code == 0
        small.check_all_moved()


def test_two_runs_others_that_issue_and_one_that_publishes_do_not_meet(machine: Machine) -> None:
    issue = ("issue", "--hierarchy", "new", "--device", "android", "--user", "sato")

    def one_after_another(commands: Sequence[Sequence[str]]) -> list[int]:
        return [machine(*command).code for command in commands]

    with ThreadPoolExecutor(4) as pool:
        codes = list(
            pool.map(
                one_after_another,
                ([MIGRATE], [MIGRATE], [issue] * 4, [("publish",), ("publish", "--if-due")]),
            )
        )
    assert codes == [[0], [0], [0] * 4, [0] * 2]
    machine.check_all_moved()
    of_sato = machine.rows(f"SELECT revoked_at FROM {OF_NEW} WHERE user = 'sato'")
    assert of_sato == [(None,)] * 4


def test_a_clock_that_jumps_back_midway_changes_nothing(machine: Machine, tmp_path: Path) -> None:
    """One run is of one moment; the next, in a past before something was signed, signs nothing."""
    machine.clock = tmp_path / "clock"
    machine.clock.write_text("2026-07-01 00:00:00")
    process = machine.start(*MIGRATE, "--limit", "100")
    machine.wait_for("intent", process)
    machine.clock.write_text("2026-06-01 00:00:00")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, ""), out
    assert machine.rows(f"SELECT DISTINCT issued_at / 86400 FROM {SUCCESSORS}") == [(20635,)]
    machine.clock = "@2026-02-10 00:00:00"
    assert machine(*MIGRATE).code == 7
    machine.clock = "@2026-07-01 01:00:00"
    assert machine(*MIGRATE).json["issued"] == PEOPLE - 100
    machine.check_all_moved()
