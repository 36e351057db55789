"""A token that is pulled out while many are signed: what is done stays, and nothing else is."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.shared.hsm import Hsm
from tests.shared.waiting import PATIENCE, until

pytestmark = pytest.mark.needs("softhsm2-util", "pkcs11-tool", "openssl")

MANY = 250
"""More than are signed between a look into the database and the token's end."""

LIVE = "SELECT user FROM certificate WHERE standing = 'issued' AND user LIKE 'x%'"


@contextmanager
def pulled_out_midway(hsm: Hsm) -> Iterator[None]:
    """Unplugs the token once something of a run is recorded; plugged in again at the end."""
    before = len(hsm.rows("SELECT 1 FROM certificate"))
    until(lambda: len(hsm.rows("SELECT 1 FROM certificate")) > before)
    hsm.unplug()
    try:
        yield
    finally:
        hsm.plug_in()


def settled(hsm: Hsm) -> None:
    """Whatever was begun is recorded now, as issued or as revoked."""
    assert hsm.rows("SELECT count(*) FROM intent") == [(0,)]
    hsm.rca("audit", "verify")


def test_an_interrupted_batch_prints_its_results_and_the_next_run_cleans_up(hsm: Hsm) -> None:
    table = hsm.folder / "many.csv"
    table.write_text("user,device\n" + "".join(f"x{n},mac\n" for n in range(MANY)))
    command = ("issue", "--batch", table, "--jobs", "2", "--format", "json")
    with hsm.start(*command) as process, pulled_out_midway(hsm):
        out, err = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 7
    assert "rca: error: the token refuses the operation for pkcs11:" in err
    issued = json.loads(out)
    assert f"{len(issued)} lines above are done" in err
    assert 0 < len(issued) < MANY
    assert sorted(row["user"] for row in issued) == sorted(user for (user,) in hsm.rows(LIVE))
    begun = {serial for (serial,) in hsm.rows("SELECT serial FROM intent")}
    done = {row["user"] for row in issued}
    with table.open() as lines:
        left = [row for row in csv.DictReader(lines) if row["user"] not in done]
    table.write_text("user,device\n" + "".join(f"{row['user']},mac\n" for row in left[:3]))
    hsm.rca("issue", "--batch", table)
    revoked = hsm.rows("SELECT serial FROM certificate WHERE standing = 'revoked'")
    assert begun <= {serial for (serial,) in revoked}
    settled(hsm)


def test_an_interrupted_migration_delivers_its_results_and_the_next_run_completes_it(
    hsm: Hsm,
) -> None:
    """The old hierarchy's keys lie in the store, the new one's in the token."""
    town = hsm.at("town")
    town.rca("init")
    town.rca("hierarchy", "create", "old")
    town.rca("hierarchy", "create", "new", "--issuing-key", town.uri("town-new"))
    table = hsm.folder / "town.csv"
    table.write_text("user,device\n" + "".join(f"x{n},mac\n" for n in range(MANY)))
    town.rca("issue", "--batch", table, "--hierarchy", "old")
    sheets = hsm.folder / "sheets.html"
    command = ("migrate", "--cutoff", "2100-01-01", "--jobs", "2")
    with town.start(*command, "--handover", sheets) as process, pulled_out_midway(town):
        _, err = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 7, err
    moved = "SELECT number FROM certificate WHERE standing = 'issued' AND supersedes IS NOT NULL"
    numbers = {f"{number:08}" for (number,) in town.rows(moved)}
    assert 0 < len(numbers) < MANY
    text = sheets.read_text()
    assert all(number in text for number in numbers)
    done = town.json(*command)
    assert (done["already"], done["issued"]) == (len(numbers), MANY - len(numbers))
    assert (done["failed"], done["remaining"]) == (0, 0)
    settled(town)
    assert len(town.rows(moved)) == MANY
