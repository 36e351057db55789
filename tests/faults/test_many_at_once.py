"""Many processes at one home at the same moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.shared.runner import Result, Workspace
from tests.shared.soundness import check_settled


def together(rca: Workspace, commands: Sequence[Sequence[str]], at_once: int) -> list[Result]:
    """Runs the commands, so many at a time."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda command: rca(*command), commands))


def test_eight_that_issue_at_once_give_distinct_numbers_and_serials(rca: Workspace) -> None:
    command = ("issue", "--device", "mac", "--user", "suzuki", "--format", "json")
    records = [result.json for result in together(rca, [command] * 24, 8)]
    assert len({record["number"] for record in records}) == 24
    assert len({record["serial"] for record in records}) == 24
    assert len(rca("list", "--format", "json").json) == 24
    check_settled(rca)


def test_of_32_that_export_one_number_one_wins(rca: Workspace) -> None:
    number = rca.issue()["number"]
    commands = [("export", number, "--out", f"out{each}") for each in range(32)]
    results = together(rca, commands, 32)
    assert Counter(result.code for result in results) == {0: 1, 4: 31}
    (file,) = rca.folder.glob("out*/*")
    assert file.name == f"{number}.p12"
    check_settled(rca)


def test_issuing_revoking_publishing_and_listing_go_on_together(rca: Workspace) -> None:
    numbers = [rca.issue()["number"] for _ in range(3)]
    commands = [
        command
        for number in numbers
        for command in (
            ("issue", "--device", "iphone", "--user", "sato"),
            ("revoke", number),
            ("publish",),
            ("list", "--all"),
            ("publish", "--if-due"),
        )
    ]
    results = together(rca, commands, 5)
    assert [result for result in results if result.code != 0] == []
    assert {rca.show(number)["status"] for number in numbers} == {"revoked"}
    check_settled(rca)


def test_of_many_processes_that_create_a_hierarchy_one_succeeds(rca: Workspace) -> None:
    results = together(rca, [("hierarchy", "create", "old")] * 6, 6)
    assert Counter(result.code for result in results) == {0: 1, 4: 5}
    assert rca("issue", "--hierarchy", "old", "--device", "mac", "--user", "x").code == 0


def test_first_starts_of_a_checkout_make_one_store(empty: Workspace, rca: Workspace) -> None:
    """A checkout has settings and profiles, and no state."""
    empty.home.mkdir()
    for name in ("rca.yaml", "profiles"):
        (empty.home / name).symlink_to(rca.home / name)
    results = together(empty, [("list",), ("hierarchy", "create", "new")] * 10, 20)
    codes = Counter((result.arguments[0], result.code) for result in results)
    assert codes == {("list", 0): 10, ("hierarchy", 0): 1, ("hierarchy", 4): 9}
    check_settled(empty)


def test_of_many_processes_that_create_a_home_one_succeeds(empty: Workspace) -> None:
    results = together(empty, [("init",)] * 10, 10)
    assert Counter(result.code for result in results) == {0: 1, 4: 9}
    assert _names(empty.home / "profiles") == _names(Path(__file__).parents[2] / "profiles")


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
