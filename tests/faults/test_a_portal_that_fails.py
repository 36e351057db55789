"""The one download by web, while the server or its disk dies: the file is had once, and is had.

A fault comes at a call by which the server changes its disk when somebody presses the button.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from renrakucho_ca.service.home import Home
from renrakucho_ca.service.retrieval import download
from tests.shared.runner import Workspace
from tests.shared.serving import PortalClient, serving
from tests.shared.soundness import check_secrets, check_settled, opens
from tests.shared.system_calls import Call, changes, fault, some, watching

pytestmark = pytest.mark.needs("strace", "openssl")

OPENING = ("openat", "rca.sqlite")


@dataclass(frozen=True)
class Waiting:
    """A home where a certificate waits for its user, who has a link and is at its page."""

    rca: Workspace
    number: str
    password: str
    link: str

    def written(self) -> list[Path]:
        """All that a claim changes; strace looks at no other files."""
        store = self.rca.home / "ca-store"
        return [store, *(store / name for name in ("rca.sqlite", "rca.sqlite-journal", "journal"))]

    def presses(self, portal: PortalClient) -> str | None:
        return portal.press(self.link, "the user's visit")

    def check_had_once(self, portal: PortalClient, page: str | None) -> None:
        """The user has the file, it opens, and nobody gets it a second time."""
        assert page is not None
        assert portal.press(self.link, "another visit") is None
        assert portal.enter_password(self.number, self.password) is None
        file = self.rca.folder / "fetched.p12"
        file.write_bytes(portal.fetch(page, f"{self.number}.p12"))
        assert opens(file, self.password)
        assert self.rca.show(self.number)["status"] == "downloaded"
        log = self.rca("audit", "log", "--format", "json").json
        acts = [row["act"] for row in log if row["object"] == self.number]
        assert acts == ["issued", "downloaded"]
        # Where the journal is behind, whoever acts next catches up.
        assert self.rca("user", "add", "sato").code == 0
        assert self.rca("audit", "verify").code == 0
        check_settled(self.rca)
        file.unlink()
        check_secrets(self.rca, self.password, self.link)


@pytest.fixture
def waiting(rca: Workspace) -> Waiting:
    issued = rca.issue()
    home = Home(rca.home, lambda _: b"")
    link = download.make_link(home, issued["number"])
    home.db.close()
    return Waiting(rca, issued["number"], issued["password"], link)


def faults(waiting: Waiting, folder: Path, samples: int) -> Iterator[tuple[Call, Waiting]]:
    """Some calls of a claim, each with a home in which nobody has claimed."""

    def fresh(name: str) -> Waiting:
        rca = waiting.rca.copy(folder / name)
        return Waiting(rca, waiting.number, waiting.password, waiting.link)

    whole = fresh("all")
    log = whole.rca.folder / "strace.log"
    with serving(whole.rca, watching(log, *whole.written())) as portal:
        assert whole.presses(portal) is not None
    # Every thread opens the database, some before anybody presses anything.
    made = [each for each in changes(log, whole.rca.folder) if each.kind != OPENING]
    for nth, call in enumerate(some(made, samples)):
        print(call.text)  # shown with a failure
        yield call, fresh(f"{nth:03}")


def test_a_claim_is_made_and_recorded_or_neither_if_the_server_is_killed(
    waiting: Waiting, tmp_path: Path
) -> None:
    """Not taken, number and password still work. Recorded, whoever pressed still gets the file."""
    for call, dead in faults(waiting, tmp_path, samples=3):
        with serving(dead.rca, fault(call, "signal=KILL", *dead.written())) as portal:
            answer = dead.presses(portal)
            # How many pages SQLite writes differs by one or two, so the last may not come.
            assert answer is None or call.name == "pwrite64"
        is_taken = dead.rca.show(dead.number)["status"] == "downloaded"
        with serving(dead.rca) as portal:
            if is_taken:
                page = dead.presses(portal)
            else:
                link = portal.enter_password(dead.number, dead.password)
                assert link is not None
                page = portal.press(link, "another visit")
            dead.check_had_once(portal, page)


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_a_claim_that_the_disk_refuses_can_be_made_again(
    waiting: Waiting, tmp_path: Path, error: str
) -> None:
    """By the same visit, at the same server."""
    for call, spoiled in faults(waiting, tmp_path, samples=2):
        before = fault(call, f"error={error}", *spoiled.written())
        with serving(spoiled.rca, before) as portal:
            spoiled.presses(portal)
            spoiled.check_had_once(portal, spoiled.presses(portal))
