"""`rca serve` as a process of its own, which waits for a slow visitor as long as a test says."""

from __future__ import annotations

import sys
from pathlib import Path

from renrakucho_ca.service.home import Home
from tests.shared import serving
from tests.shared.runner import Runner
from tests.shared.serving import RunningServer

SERVER = """
import sys
from renrakucho_ca.cli import main
from renrakucho_ca.web import server
server.REQUEST_SECONDS = float(sys.argv.pop(1))
main()
"""


def start(
    home: Home, folder: Path, *options: str, patience: float = 15, first: str = ""
) -> RunningServer:
    """Starts `rca serve` without a passphrase, and waits until it listens.

    Args:
        first: what its process does before.
    """
    runner = Runner({"RCA_HOME": str(home.path), "RCA_LANG": "en"})
    program = (sys.executable, "-c", first + SERVER, patience)
    return serving.start(runner, folder / "log", *options, program=program)
