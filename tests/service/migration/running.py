"""The real program at work in a town, at moments that a test names, and looked at from outside."""

from __future__ import annotations

import hashlib
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from asn1crypto import pem

from tests.shared import fake_clock
from tests.shared.homes import PASSPHRASE, PublishedCrl, openssl
from tests.shared.runner import Workspace
from tests.shared.soundness import check_secrets, check_settled
from tests.shared.waiting import PATIENCE, until

BEFORE = "@2026-07-01 00:00:00"
"""A month before the cut-off, in UTC; from there on the clock runs."""

PEOPLE = 160
"""Who live in a populous town: more than three portions, so that a run that is stopped in its first
has much to leave."""

MIGRATE = ("migrate", "--cutoff", "2026-08-01", "--format", "json")


class Machine(Workspace):
    """A copy of a home that services have prepared, and programs that work on it.

    Attributes:
        clock: what a program finds when it starts, as libfaketime reads it: it stands still there,
            or, after an `@`, goes on; or a file with that, which may be changed meanwhile.
    """

    def __init__(self, folder: Path, home: Path) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(folder)
        self.passphrase.write_bytes(PASSPHRASE)
        self.clock: str | Path = BEFORE
        if home != self.home:
            shutil.copytree(home, self.home)

    def variables(self) -> Mapping[str, str]:
        return fake_clock.at(self.clock)

    def copy(self, folder: Path) -> Machine:
        return Machine(folder, self.home)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Straight from the file, past all our code."""
        database = sqlite3.connect(self.home / "ca-store" / "rca.sqlite", timeout=PATIENCE)
        with closing(database):
            return database.execute(sql).fetchall()

    def change(self, sql: str) -> None:
        """What no command does."""
        with closing(sqlite3.connect(self.home / "ca-store" / "rca.sqlite")) as database, database:
            database.execute(sql)

    def count(self, what: str) -> int:
        ((count,),) = self.rows(f"SELECT count(*) FROM {what}")
        assert isinstance(count, int)
        return count

    def wait_for(self, what: str, process: subprocess.Popen[str]) -> None:
        """Until there are such rows, while a program is at work."""
        until(lambda: self.count(what) or process.poll() is not None)
        assert process.poll() is None, process.communicate()

    def published(self, name: str) -> PublishedCrl:
        return PublishedCrl(self.home / "public" / f"{name}.crl")

    def digests(self) -> dict[str, str]:
        """Every file of the home, by its content and mode."""
        return {
            f"{path.relative_to(self.home)} {path.stat().st_mode:o}": hashlib.sha256(
                path.read_bytes()
            ).hexdigest()
            for path in sorted(self.home.rglob("*"))
            if path.is_file()
        }

    def check_all_moved(self) -> None:
        """Each certificate of OLD has one live successor, proven by OpenSSL, whose file waits;
        whatever else NEW may have signed is on its CRL; and nothing half-done lies about."""
        old = self.rows(f"SELECT number FROM {OF_OLD}")
        new = self.rows(
            f"""SELECT supersedes, serial, revoked_at, der,
                       c.id IN (SELECT certificate FROM bundle)
                FROM {OF_NEW} LEFT JOIN certificate_der AS d ON d.certificate = c.id"""
        )
        successors = [row for row in new if row[0] is not None]
        assert sorted((row[0],) for row in successors) == sorted(old)
        assert all(revoked is None and waits for _, _, revoked, _, waits in successors)
        assert self.count(f"{OF_OLD} JOIN bundle AS b ON b.certificate = c.id") == 0
        abandoned = {int(row[1], 16) for row in new if row[0] is None and row[2] is not None}
        assert self("publish").code == 0
        assert abandoned == set(self.published("new-issuing").revoked)
        self._verify([der for _, _, _, der, _ in successors])
        check_settled(self)
        check_secrets(self, PASSPHRASE.decode())

    def _verify(self, certificates: list[bytes]) -> None:
        public = self.home / "public"
        folder = self.folder / "successors"
        folder.mkdir()
        for nth, der in enumerate(certificates):
            (folder / str(nth)).write_bytes(pem.armor("CERTIFICATE", der))
        chain = ("-CAfile", public / "new-root.pem", "-untrusted", public / "new-issuing.pem")
        said = openssl("verify", "-no_check_time", *chain, *folder.iterdir())
        assert said.count(": OK") == len(certificates)
        shutil.rmtree(folder)


OF_OLD = "certificate AS c JOIN authority AS a ON a.id = c.authority AND a.hierarchy = 'old'"
OF_NEW = "certificate AS c JOIN authority AS a ON a.id = c.authority AND a.hierarchy = 'new'"
SUCCESSORS = "certificate WHERE supersedes IS NOT NULL"


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL: no handler runs, nothing is tidied."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def workers(process: subprocess.Popen[str]) -> list[int]:
    """Waits for two; the first is the child of the run, the other the first one's."""
    found: list[int] = []

    def are_two() -> bool:
        found[:] = _descendants(process.pid)
        return len(found) == 2

    until(are_two)
    return found


def _descendants(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    children = [int(number) for number in listed.split()]
    return children + [each for child in children for each in _descendants(child)]


def is_alive(pid: int) -> bool:
    """Neither gone nor a zombie that waits for whoever inherited it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
