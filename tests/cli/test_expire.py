"""`rca expire`: its check exits with 8 for each of the three things that can be due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from renrakucho_ca.service.home import Home
from renrakucho_ca.service.retrieval import retrieval
from tests.shared.homes import Clock, copy_home, issue
from tests.shared.runner import Runner, write_secret

FOUND = {
    "nothing": {"cut_off": 0, "lapsed": 0, "ended": 0},
    "a cut-off": {"cut_off": 1, "lapsed": 0, "ended": 0},
    "a bundle not fetched": {"cut_off": 0, "lapsed": 1, "ended": 0},
    "a bundle past its end": {"cut_off": 0, "lapsed": 0, "ended": 1},
}
ENDED = "issued_at = :old, not_before = :old, not_after = :now"


@pytest.fixture
def now() -> datetime:
    """The commands take the time of the day."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def home(template: Path, tmp_path: Path, now: datetime) -> Iterator[Home]:
    home = copy_home(template, tmp_path / "home", Clock(now))
    yield home
    home.db.close()


def make_due(home: Home, now: datetime, due: str, out: Path) -> None:
    """A certificate of which that alone is due."""
    number = issue(home, "android").certificate.number
    if due == "a cut-off":
        retrieval.export(home, [number], out)
        home.db.execute(
            "UPDATE hierarchy SET retired_at = :at, cutoff = :at WHERE name = 'new'",
            {"at": int(now.timestamp())},
        )
    age = timedelta(days=home.settings.bundle_days, seconds=1)
    changes = {"a bundle not fetched": "issued_at = :old", "a bundle past its end": ENDED}
    if due in changes:
        home.db.execute(
            f"UPDATE certificate SET {changes[due]} WHERE number = :number",
            {
                "old": int((now - age).timestamp()),
                "now": int(now.timestamp()),
                "number": int(number),
            },
        )


@pytest.mark.parametrize("due", FOUND)
def test_a_check_exits_with_8_where_anything_is_due(
    home: Home, now: datetime, tmp_path: Path, due: str
) -> None:
    make_due(home, now, due, tmp_path / "out")
    rca = Runner(
        {
            "RCA_HOME": str(home.path),
            "RCA_PASSPHRASE_FILE": str(write_secret(tmp_path / "secret")),
            "RCA_LANG": "en",
        }
    )
    checked = rca("expire", "--check", "--format", "json")
    assert (checked.code, checked.json) == (0 if due == "nothing" else 8, FOUND[due]), checked.err
    done = rca("expire", "--format", "json")
    assert (done.code, done.json) == (0, FOUND[due]), done.err
    again = rca("expire", "--check", "--format", "json")
    assert (again.code, again.json) == (0, FOUND["nothing"])
