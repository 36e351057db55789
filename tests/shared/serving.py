"""`rca serve` as a process that may die, and somebody who downloads from it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.shared.runner import Runner, Workspace
from tests.shared.waiting import PATIENCE, until


@dataclass(frozen=True)
class PortalClient:
    """Each request has a connection of its own: none of them waits for another server."""

    url: str

    def press(self, link: str, visit: str) -> str | None:
        """Presses the button of a link; the address of the page that follows.

        Returns:
            None where the server refuses, cannot, or is not there any more.
        """
        return self._post(f"d/{link}", visit=visit)

    def enter_password(self, number: str, password: str) -> str | None:
        """Types number and password; the link that this opens, or None."""
        page = self._post("", number=number, password=password)
        return page and page.removeprefix("d/")

    def fetch(self, page: str, name: str) -> bytes:
        """The file, from the page that follows the button."""
        answer = httpx.get(f"{self.url}{page}/{name}", timeout=PATIENCE)
        assert answer.status_code == 200, answer
        return answer.content

    def _post(self, path: str, **fields: str) -> str | None:
        try:
            answer = httpx.post(self.url + path, data=fields, timeout=PATIENCE)
        except httpx.TransportError:
            return None
        if answer.status_code != 303:
            return None
        return answer.headers["location"].removeprefix("../")


@dataclass
class RunningServer:
    """A running `rca serve`."""

    process: subprocess.Popen[str]
    log: Path
    url: str
    port: int

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """Ends it and its workers without a warning."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)


def start(runner: Runner, log: Path, *options: str, **more: Any) -> RunningServer:
    """Starts `rca serve` on a free port, and waits until it listens.

    Args:
        log: the file for what it prints.
        more: for the runner.
    """
    command = ("serve", "--listen", "127.0.0.1:0", *options)
    with log.open("wb") as stream:
        process = runner.start(
            *command, stdout=stream, stderr=stream, start_new_session=True, **more
        )

    def listening() -> re.Match[str] | None:
        has_ended = process.poll() is not None
        found = re.search(r"listening on (https?://127\.0\.0\.1:(\d+)/)", log.read_text())
        assert found or not has_ended, log.read_text()
        return found

    found = until(listening)
    return RunningServer(process, log, found[1], int(found[2]))


@contextmanager
def serving(rca: Workspace, before: Sequence[str] = ()) -> Iterator[PortalClient]:
    """Starts it, and kills it in the end."""
    server = start(rca, rca.folder.parent / f"serve-in-{rca.folder.name}", before=before)
    try:
        yield PortalClient(server.url)
    finally:
        server.kill()
