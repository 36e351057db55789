"""A migration that dies, or whose disk is full or fails: run again, each has one successor."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.shared.recorded import RecordedWorkspace
from tests.shared.soundness import check_secrets, check_settled
from tests.shared.system_calls import Call, calls, failing_at, killed_at, some

pytestmark = pytest.mark.needs("strace")

NEXT_YEAR = datetime.now(UTC).year + 1
# Without worker processes, each run makes the same calls in the same order.
MIGRATE = ("migrate", "--cutoff", f"{NEXT_YEAR}-08-01", "--jobs", "1", "--format", "json")
USERS = ("sato", "suzuki", "tanaka")


@pytest.fixture(scope="module")
def town(
    workspace: RecordedWorkspace, tmp_path_factory: pytest.TempPathFactory
) -> RecordedWorkspace:
    """A home where three hold a certificate of OLD."""
    rca = workspace.copy(tmp_path_factory.mktemp("town") / "0000")
    assert rca("hierarchy", "create", "old").code == 0
    for user in USERS:
        assert rca("issue", "--hierarchy", "old", "--device", "mac", "--user", user).code == 0
    return rca


def faults(
    town: RecordedWorkspace, folder: Path, samples: int
) -> Iterator[tuple[Call, RecordedWorkspace]]:
    """Some calls of a migration, each with a home where none was begun."""
    for nth, call in enumerate(some(calls(town.copy(folder / "0000"), *MIGRATE), samples), 1):
        print(call.text)  # shown with a failure
        yield call, town.copy(folder / f"{nth:04}")


def check_moved(rca: RecordedWorkspace) -> None:
    """Whatever was under way may have been signed, and is revoked; each has one that is not."""
    done = rca(*MIGRATE).json
    assert done["issued"] + done["already"] == len(USERS)
    assert (done["failed"], done["remaining"]) == (0, 0)
    records = rca("list", "--all", "--format", "json").json
    new = [record for record in records if record["hierarchy"] == "new"]
    assert sorted(each["user"] for each in new if each["status"] == "issued") == list(USERS)
    assert {each["status"] for each in new} <= {"issued", "revoked"}
    assert rca(*MIGRATE).json["already"] == len(USERS)
    check_settled(rca)
    check_secrets(rca)


def test_a_migration_that_is_killed_is_completed_by_the_next(
    town: RecordedWorkspace, tmp_path: Path
) -> None:
    for call, rca in faults(town, tmp_path, samples=3):
        killed_at(call, rca, *MIGRATE)
        check_secrets(rca)
        check_moved(rca)


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_a_migration_on_a_failing_disk_is_completed_by_the_next(
    town: RecordedWorkspace, tmp_path: Path, error: str
) -> None:
    for call, rca in faults(town, tmp_path, samples=2):
        result = failing_at(call, error, rca, *MIGRATE)
        if result.code != 0:
            assert (result.code, bool(result.complaint)) == (7, True), (call.text, result)
        check_moved(rca)
