"""examples/crontab, run as cron runs it: no HOME, no terminal, a short PATH, LANG=C."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.shared import fake_clock
from tests.shared.runner import PROGRAM

from .running import MIGRATE, PEOPLE, SUCCESSORS, Machine

pytestmark = pytest.mark.needs("faketime")

CRONTAB = Path(__file__).parents[3] / "examples" / "crontab"


@dataclass(frozen=True)
class Job:
    """A line of a system's crontab: five fields of time, the user, and the command."""

    time: str
    user: str
    command: str


def jobs() -> list[Job]:
    lines = CRONTAB.read_text("utf-8").splitlines()
    found = [re.fullmatch(r"(\S+ \S+ \S+ \S+ \S+)\s+(\S+)\s+(.+)", line) for line in lines]
    return [Job(*match.groups()) for match in found if match and not match[0].startswith("#")]


def settings() -> dict[str, str]:
    lines = CRONTAB.read_text("utf-8").splitlines()
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", "\n".join(lines), re.MULTILINE))


class Cron:
    """Runs jobs on a home, with `rca` where the crontab's PATH finds it."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self._machine = machine
        self._environment = settings()
        folder.mkdir()
        program = folder / "rca"
        program.write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@"\n')
        program.chmod(0o755)
        self._backups = folder / "backups"
        self._backups.mkdir()
        # What people replace, as the example's first line says.
        self._environment |= {
            "PATH": self._environment["PATH"].replace("/opt/rca/bin", str(folder)),
            "RCA_HOME": str(machine.home),
            "RCA_PASSPHRASE_FILE": str(machine.passphrase),
            "LANG": "C",
        }

    def run(self, job: Job) -> tuple[int, str]:
        """The exit code, and what the mail would say."""
        shell = self._environment["SHELL"]
        environment = self._environment | fake_clock.at(self._machine.clock)
        process = subprocess.Popen(
            [shell, "-c", job.command.replace("/backup/", f"{self._backups}/")],
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        fake_clock.note(process.pid, (), environment)
        out, _ = process.communicate()
        return process.returncode, out.decode("ascii")


@pytest.fixture
def cron(machine: Machine, tmp_path: Path) -> Cron:
    return Cron(machine, tmp_path / "bin")


def test_it_is_a_crontab() -> None:
    assert len(jobs()) == 6
    assert settings()["PATH"] == "/opt/rca/bin:/usr/bin:/bin"
    assert {job.user for job in jobs()} == {"rca"}


def test_cron_sends_no_mail_on_a_normal_day(machine: Machine, cron: Cron) -> None:
    machine.clock = "@2026-02-10 15:05:00"
    for job in jobs():
        assert cron.run(job) == (0, ""), job


def test_on_the_day_of_the_cut_off_old_ends_in_silence(machine: Machine, cron: Cron) -> None:
    assert machine(*MIGRATE).code == 0
    machine.clock = "@2026-07-31 15:05:00"  # Five past midnight in Japan.
    assert cron.run(jobs()[0]) == (0, "")
    assert len(machine.published("old-issuing").revoked) == PEOPLE
    ((fetched,),) = machine.rows(f"SELECT number FROM {SUCCESSORS} LIMIT 1")
    assert machine.show(str(fetched))["status"] == "revoked"  # Nobody fetched it for 30 days.


def test_revocations_reach_servers_every_minute(machine: Machine, cron: Cron) -> None:
    ((number, serial),) = machine.rows("SELECT number, serial FROM certificate LIMIT 1")
    assert machine("revoke", str(number)).code == 0
    (job,) = [each for each in jobs() if each.time == "* * * * *"]
    assert cron.run(job) == (0, "")
    assert int(str(serial), 16) in machine.published("old-issuing").revoked


def test_a_failure_is_one_line_of_mail(machine: Machine, cron: Cron) -> None:
    machine.clock = "@2026-07-31 15:05:00"
    machine.passphrase.unlink()
    expire, each_minute, publish, *_ = jobs()
    assert cron.run(each_minute) == (7, "")  # Or there would be one each minute.
    for job in (expire, publish):
        code, mail = cron.run(job)
        assert code == 7, mail
        assert mail.startswith("rca: error: "), mail
        assert len(mail.splitlines()) <= 2, mail
