"""`rca serve` as a process of its own, which waits for a slow visitor as long as a test says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from renrakucho_ca.service.home import Home

SERVER = """
import sys
from renrakucho_ca.cli import main
from renrakucho_ca.portal import server
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
        return self.process.wait(10)


def start(home: Home, folder: Path, *options: str, patience: float = 15) -> Serving:
    """Starts `rca serve` without a passphrase, and waits until it listens."""
    log = folder / "log"
    environment = {k: v for k, v in os.environ.items() if "PASSPHRASE" not in k}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", SERVER, str(patience), "--home", str(home.path)),
                *("--lang", "en", "serve", "--listen", "127.0.0.1:0", *options),
            ],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=environment,
            start_new_session=True,
        )
    for _ in range(200):
        if found := re.search(r"listening on (https?://127\.0\.0\.1:(\d+)/)", log.read_text()):
            return Serving(process, log, found[1], int(found[2]))
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError("it does not listen")
