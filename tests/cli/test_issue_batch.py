"""Tables: good lines are done and bad ones named; or none is done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from renrakucho_ca.service.home import Home
from tests.shared.homes import Clock, configure, copy_home, rows
from tests.shared.runner import Runner, write_secret


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Iterator[Home]:
    # The commands take the time of the day.
    home = copy_home(template, tmp_path / "home", Clock(datetime.now(UTC).replace(microsecond=0)))
    yield home
    home.db.close()


@pytest.fixture
def rca(home: Home, tmp_path: Path) -> Runner:
    secret = str(write_secret(tmp_path / "secret"))
    return Runner({"RCA_HOME": str(home.path), "RCA_PASSPHRASE_FILE": secret, "RCA_LANG": "en"})


def table(folder: Path, *lines: str) -> Path:
    file = folder / "table.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


GOOD = ("user,device,note", "a,android,first", "b,mac,second")
BAD = {
    "an unknown device": "c,toaster,",
    "an empty user": ",android,",
    "a note too long": f"c,android,{'x' * 2000}",
    "too many fields": "c,android,,,x",
}


def issued(home: Home) -> list[object]:
    return [user for (user,) in rows(home, "SELECT user FROM certificate ORDER BY user")]


def test_every_line_of_a_table_is_issued(home: Home, rca: Runner, tmp_path: Path) -> None:
    for options in ((), ("--all-or-nothing",)):
        answer = rca("issue", "--batch", table(tmp_path, *GOOD), "--format", "json", *options)
        assert answer.code == 0, answer.err
        found = [(each["user"], each["device"], each["note"]) for each in answer.json]
        assert sorted(found) == [("a", "android", "first"), ("b", "mac", "second")]
        assert all(each["password"] for each in answer.json)
    assert issued(home) == ["a", "a", "b", "b"]


@pytest.mark.parametrize("what", BAD)
def test_a_bad_line_is_named_and_the_others_are_done(
    home: Home, rca: Runner, tmp_path: Path, what: str
) -> None:
    answer = rca("issue", "--batch", table(tmp_path, *GOOD, BAD[what]), "--format", "json")
    assert answer.code == 8
    assert "line 4: " in answer.err
    assert sorted(each["user"] for each in answer.json) == ["a", "b"]
    assert issued(home) == ["a", "b"]


@pytest.mark.parametrize("what", BAD)
def test_of_all_or_nothing_one_bad_line_leaves_nothing(
    home: Home, rca: Runner, tmp_path: Path, what: str
) -> None:
    lines = table(tmp_path, *GOOD, BAD[what])
    answer = rca("issue", "--batch", lines, "--all-or-nothing", "--format", "json")
    assert (answer.code, answer.out) == (5, "")
    assert "line 4: " in answer.err
    assert issued(home) == []
    assert rows(home, "SELECT count(*) FROM user") == [(0,)]
    assert rows(home, "SELECT count(*) FROM intent") == [(0,)]


def test_a_file_that_could_not_be_written_is_named_and_the_others_are_there(
    home: Home, rca: Runner, tmp_path: Path
) -> None:
    configure(home, "mobileconfig:\n  signing_certificate: gone.pem\n  signing_key: gone.key")
    lines = table(tmp_path, *GOOD, "c,iphone,")
    answer = rca("issue", "--batch", lines, "--out", tmp_path / "out", "--format", "json")
    assert answer.code == 8
    assert "line 4: " in answer.err
    files = {each["user"]: each["files"] for each in answer.json}
    assert files["c"] == []
    written = sorted(Path(path).name for user in ("a", "b") for path in files[user])
    assert written == sorted(path.name for path in (tmp_path / "out").iterdir())
    assert len(written) == 2


@pytest.mark.parametrize(
    "more",
    [("--user", "x"), ("--device", "mac"), ("--note", "x"), ("--csr", "x.csr")],
    ids=" ".join,
)
def test_a_table_and_one_person_do_not_go_together(
    home: Home, rca: Runner, tmp_path: Path, more: tuple[str, ...]
) -> None:
    answer = rca("issue", "--batch", table(tmp_path, *GOOD), *more)
    assert answer.code == 2
    assert issued(home) == []


PEOPLE = ("user,name,email,facility", "a,甲,a@example.jp,F", "b,乙,,F")


def users(home: Home) -> list[tuple[object, ...]]:
    return rows(home, "SELECT id, name, email, facility FROM user ORDER BY id")


def test_users_are_imported_and_a_bad_line_is_named(
    home: Home, rca: Runner, tmp_path: Path
) -> None:
    answer = rca("user", "import", table(tmp_path, *PEOPLE, "c,丙,no address,F"))
    assert answer.code == 8
    assert "line 4: " in answer.err
    assert users(home) == [("a", "甲", "a@example.jp", "F"), ("b", "乙", None, "F")]


def test_of_all_or_nothing_one_bad_user_leaves_none(
    home: Home, rca: Runner, tmp_path: Path
) -> None:
    bad = table(tmp_path, *PEOPLE, "c,丙,no address,F")
    answer = rca("user", "import", bad, "--all-or-nothing")
    assert answer.code == 5
    assert users(home) == []
    answer = rca("user", "import", table(tmp_path, *PEOPLE), "--all-or-nothing")
    assert answer.code == 0
    assert len(users(home)) == 2
