"""`rca serve` as a process of its own, which waits for a slow visitor as long as a test says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from renrakucho_ca.service.home import Home
from tests.shared.waiting import PATIENCE, until

SERVER = """
import sys
from renrakucho_ca.cli import main
from renrakucho_ca.web import server
server.REQUEST_SECONDS = float(sys.argv.pop(1))
main()
"""


@dataclass
class Serving:
    process: subprocess.Popen[bytes]
    log: Path
    url: str
    port: int

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def start(
    home: Home, folder: Path, *options: str, patience: float = 15, first: str = ""
) -> Serving:
    """Starts `rca serve` without a passphrase, and waits until it listens.

    Args:
        first: what its process does before.
    """
    log = folder / "log"
    environment = {k: v for k, v in os.environ.items() if "PASSPHRASE" not in k}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", first + SERVER, str(patience), "--home", str(home.path)),
                *("--lang", "en", "serve", "--listen", "127.0.0.1:0", *options),
            ],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=environment,
            start_new_session=True,
        )

    def listening() -> re.Match[str] | None:
        has_ended = process.poll() is not None
        found = re.search(r"listening on (https?://127\.0\.0\.1:(\d+)/)", log.read_text())
        assert found or not has_ended, log.read_text()
        return found

    found = until(listening)
    return Serving(process, log, found[1], int(found[2]))
