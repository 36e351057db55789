"""`migrate` and `expire` as an operator types them, on the days that matter."""

from __future__ import annotations

import csv
import io
from collections import Counter

import pytest

from tests.shared.homes import PASSPHRASE

from .running import BEFORE, MIGRATE, OF_NEW, OF_OLD, PEOPLE, SUCCESSORS, Machine

pytestmark = pytest.mark.needs("faketime")

ONE_SECOND_BEFORE, THE_CUT_OFF = "2026-07-31 14:59:59", "2026-07-31 15:00:00"


@pytest.mark.parametrize(
    "look",
    [
        (*MIGRATE, "--dry-run"),
        ("migrate", "--cutoff", "2026-08-01", "--dry-run"),
        (*MIGRATE, "--dry-run", "--limit", "3", "--network", "見本市", "--facility", "なし"),
        ("migrate", "--cutoff", "2026-06-01", "--dry-run"),
        ("migrate", "--status"),
        ("migrate", "--status", "--format", "html"),
        ("expire",),
    ],
    ids=" ".join,
)
def test_status_and_dry_run_change_no_byte(machine: Machine, look: tuple[str, ...]) -> None:
    """`expire` too: on a day on which nothing is due."""
    before = machine.digests()
    machine.clock = "@2026-02-20 00:00:00"
    result = machine(*look)
    assert (result.code, "Traceback" in result.err) == (0, False), result
    assert machine.digests() == before


def test_a_dry_run_predicts_the_run(machine: Machine) -> None:
    planned = machine(*MIGRATE, "--limit", "70", "--dry-run").json
    done = machine(*MIGRATE, "--limit", "70").json
    assert (planned["selected"], planned["failed"], planned["remaining"]) == (70, 0, PEOPLE)
    assert (done["selected"], done["issued"], done["remaining"]) == (70, 70, PEOPLE - 70)


def test_a_migration_proceeds_in_batches_by_network(machine: Machine) -> None:
    """Those whom nobody told the network of are in that of the settings."""
    table = "user,facility,network\n" + "".join(
        f"p{each:03},{('東', '西')[each % 2]}ステーション,{('海辺市', '山辺町')[each % 4 // 2]}\n"
        for each in range(PEOPLE)
    )
    (machine.folder / "users.csv").write_text(table, "cp932")
    assert machine("user", "import", "users.csv").code == 0
    batches: list[tuple[tuple[str, ...], int]] = [
        (("--network", "海辺市", "--limit", "30"), 30),
        (("--network", "海辺市"), PEOPLE // 2 - 30),
        (("--facility", "西ステーション", "--network", "山辺町"), PEOPLE // 4),
        (("--network", "いない村"), 0),
        ((), PEOPLE // 4),
    ]
    for scope, count in batches:
        assert machine(*MIGRATE, *scope).json["issued"] == count
    status = machine("migrate", "--status", "--format", "csv").out
    assert [
        (row["network"], row["facility"], row["live"], row["pending"], row["issued"])
        for row in csv.DictReader(io.StringIO(status))
    ] == [
        (network, f"{side}ステーション", str(PEOPLE // 4), "0", str(PEOPLE // 4))
        for network in ("山辺町", "海辺市")
        for side in ("東", "西")
    ]


def test_a_certificate_that_cannot_migrate_is_reported_and_the_rest_migrates(
    machine: Machine,
) -> None:
    first = machine.rows(f"SELECT number, user FROM {OF_OLD} ORDER BY c.id LIMIT 3")
    (revoked, _), (held, _), (unknown, user) = ((str(number), user) for number, user in first)
    assert machine("revoke", revoked).code == 0
    assert machine("hold", held).code == 0
    machine.change(f"UPDATE certificate SET device = 'unknown' WHERE number = {unknown}")
    result = machine("migrate", "--cutoff", "2026-08-01", "--format", "csv")
    assert result.code == 8
    assert result.err.splitlines() == [
        f"rca: error: {unknown}: the device is unknown",
        f"rca: hint: ask {user}, then run `rca reissue {unknown} --keep-old --device D`",
        "rca: error: 1 certificates could not be migrated",
    ]
    (row,) = csv.DictReader(io.StringIO(result.out))
    assert (row["issued"], row["failed"], row["remaining"]) == (str(PEOPLE - 2), "1", "1")
    ((recorded,),) = machine.rows(f"SELECT standing FROM certificate WHERE supersedes = {held}")
    assert recorded == "held"
    # What the hint says, typed.
    assert machine("reissue", unknown, "--keep-old", "--device", "android").code == 0
    assert machine(*MIGRATE).json["failed"] == 0
    assert machine.show(unknown)["status"] == "downloaded"


def test_until_one_second_before_the_cut_off_old_works(machine: Machine) -> None:
    assert machine(*MIGRATE, "--limit", "3").code == 0
    machine.clock = ONE_SECOND_BEFORE
    assert machine(*MIGRATE, "--limit", "3").code == 0
    assert machine("expire", "--check").code == 0 or lapsed_alone(machine)
    assert machine("issue", "--hierarchy", "old", "--device", "android", "--user", "x").code == 0
    assert machine.count(f"{OF_OLD} WHERE revoked_at IS NOT NULL") == 0


def lapsed_alone(machine: Machine) -> bool:
    """Files that nobody fetched are due before; no cut-off is."""
    result = machine("expire", "--check", "--format", "json")
    return result.code == 8 and '"cut_off": 0' in result.out


def test_at_the_cut_off_the_daily_command_ends_old_for_good(machine: Machine) -> None:
    assert machine(*MIGRATE).code == 0
    fetched = str(machine.rows(f"SELECT number FROM {SUCCESSORS} ORDER BY supersedes")[0][0])
    assert machine("export", fetched, "--out", "out").code == 0
    machine.clock = THE_CUT_OFF
    assert machine("expire", "--check").code == 8
    assert machine("expire").code == 0
    assert machine("expire", "--check").code == 0
    assert machine("publish").code == 0
    reasons = Counter(machine.published("old-issuing").revoked.values())
    assert reasons == {"superseded": 1, "cessation_of_operation": PEOPLE - 1}
    for clock in (THE_CUT_OFF, BEFORE):  # Set back, it is shut still.
        machine.clock = clock
        refused = machine("issue", "--hierarchy", "old", "--device", "android", "--user", "x")
        assert (refused.code, "closed" in refused.complaint) == (6, True)


def test_a_cut_off_that_has_come_is_not_set_without_a_yes(machine: Machine) -> None:
    machine.clock = THE_CUT_OFF
    refused = machine(*MIGRATE)
    assert (refused.code, refused.complaint) == (6, "rca: error: confirmation required")
    assert machine.count(SUCCESSORS) == 0
    assert machine(*MIGRATE, "--yes").json["revoked"] == PEOPLE
    assert machine.count(f"{OF_OLD} WHERE revoked_at IS NULL") == 0
    assert machine.count(f"{OF_NEW} WHERE revoked_at IS NOT NULL") == 0


def test_no_passphrase_is_needed_to_look_and_none_is_shown(machine: Machine) -> None:
    machine.passphrase.unlink()
    for look in ((*MIGRATE, "--dry-run"), ("migrate", "--status"), ("expire", "--check")):
        assert machine(*look).code in (0, 8)
    refused = machine(*MIGRATE)
    assert refused.code == 7
    assert PASSPHRASE.decode() not in refused.complaint
    assert machine.count("intent") == 0
