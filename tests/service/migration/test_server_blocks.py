"""A real nginx with the published files: who comes in by which door, before and after the cut-off.

The server's clock is the real one; the day of the cut-off is laid around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.shared.programs import run
from tests.shared.web_server import HOST, Nginx

from .running import SUCCESSORS, Machine

pytestmark = pytest.mark.needs("nginx", "curl", "openssl", "faketime")


@dataclass
class MigrationServer:
    """Two doors, and the files of one person for each."""

    machine: Machine
    nginx: Nginx
    ports: dict[str, int]
    devices: dict[str, tuple[Path, str]]

    def rca(self, *arguments: str, ago: timedelta = timedelta()) -> None:
        """A command at a moment, at present or so long ago."""
        self.machine.clock = f"@{datetime.now(UTC) - ago:%Y-%m-%d %H:%M:%S}"
        result = self.machine(*arguments)
        assert result.code == 0, result

    def migrate(self, cutoff: datetime, ago: timedelta = timedelta()) -> None:
        self.rca("migrate", "--cutoff", cutoff.isoformat(), ago=ago)

    def publish(self, ago: timedelta = timedelta()) -> None:
        # Not by a hook: under libfaketime Python's sleep, and with it a timed wait, fails.
        # A day ago is before the last CRL that was signed.
        self.rca("publish", *["--trust-clock"] * bool(ago), ago=ago)
        self.nginx.reload()

    def entered(self) -> list[tuple[str, str]]:
        """Whose device comes in, and by which door."""
        return [
            (device, block)
            for block in self.ports
            for device in self.devices
            if self._enters(device, block)
        ]

    def _enters(self, device: str, block: str) -> bool:
        file, password = self.devices[device]
        done = run(
            *("curl", "--silent", "--config", "-", "--cacert", self.nginx.certificate),
            *("--write-out", "\n%{http_code}", f"https://{HOST}:{self.ports[block]}/"),
            stdin=f'cert = "{file}:{password}"\ncert-type = "P12"',
        )
        code = done.stdout.rpartition("\n")[2]
        assert code in ("200", "400"), done
        return code == "200"


@pytest.fixture
def server(template: Path, tmp_path: Path) -> Iterator[MigrationServer]:
    machine = Machine(tmp_path / "machine", template)
    nginx = Nginx(tmp_path / "nginx")
    nginx.make_certificate()
    public = machine.home / "public"
    ports = {
        name: nginx.add_server_block(f"include {public}/nginx-{name}.conf;")
        for name in ("old", "new")
    }
    server = MigrationServer(machine, nginx, ports, {})
    machine.clock = f"@{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d %H:%M:%S}"
    arguments = ("--hierarchy", "old", "--device", "android", "--user", "hanako")
    number = machine("issue", *arguments, "--format", "json").json["number"]
    server.devices["old"] = fetch(machine, number)
    assert machine("publish").code == 0
    nginx.start()
    yield server
    nginx.stop()


def fetch(machine: Machine, number: str) -> tuple[Path, str]:
    """A person's file, and the password that opens it."""
    password = machine("show", number, "--reveal", "--format", "json").json["password"]
    assert machine("export", number, "--out", "out").code == 0
    return machine.folder / "out" / f"{number}.p12", password


BOTH = [("old", "old"), ("new", "new")]
NEW_ALONE = [("new", "new")]


def test_both_hierarchies_are_accepted_until_the_cut_off_and_new_alone_after_it(
    server: MigrationServer,
) -> None:
    now = datetime.now(UTC)
    server.migrate(now + timedelta(hours=1))
    ((number,),) = server.machine.rows(f"SELECT number FROM {SUCCESSORS}")
    server.devices["new"] = fetch(server.machine, str(number))
    server.publish()
    assert server.entered() == BOTH

    # A day ago the cut-off was set to an hour ago. Since then nothing of ours has run: the last CRL
    # has ended at the cut-off, and shuts the door by itself.
    an_hour_ago = now - timedelta(hours=1)
    server.migrate(an_hour_ago, ago=timedelta(days=1))
    server.publish(ago=timedelta(days=1))
    assert server.machine.published("old-issuing").revoked == {}
    assert server.entered() == NEW_ALONE

    # Cron comes back: it is shut by revocation, with a CRL that is valid.
    server.rca("expire")
    server.publish()
    crl = server.machine.published("old-issuing")
    assert list(crl.revoked.values()) == ["superseded"]
    assert crl.next_update > now
    assert server.entered() == NEW_ALONE
