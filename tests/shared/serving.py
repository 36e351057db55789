"""`rca serve` as a process that may die, and somebody who downloads from it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests.shared.terminal import Terminal
from tests.shared.waiting import PATIENCE


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


@contextmanager
def serving(rca: Terminal, before: Sequence[str] = ()) -> Iterator[PortalClient]:
    """Starts it, and ends it without a warning."""
    command = ("serve", "--listen", "127.0.0.1:0")
    with rca.start(*command, before=before, start_new_session=True) as process:
        assert process.stderr is not None
        begun = process.stderr.readline()
        try:
            listening = re.search(r"listening on (\S+)", begun)
            assert listening is not None, begun
            yield PortalClient(listening[1])
        finally:
            os.killpg(process.pid, signal.SIGKILL)
