"""The journal: what the database has, once more, in a file that is only ever added to."""

from __future__ import annotations

import multiprocessing
import re
import shutil
import stat
from pathlib import Path

import pytest

from renrakucho_ca.errors import Conflict, NotFound, Refused, Unavailable
from renrakucho_ca.model import RevocationReason, User
from renrakucho_ca.service import user_records
from renrakucho_ca.service.hierarchy import creation
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store.files.journal import JournalState
from renrakucho_ca.store.tables import audit_log
from tests.shared.homes import HANAKO, Clock, issue, open_home
from tests.shared.runner import PROGRAM, Runner

from .reader import journal, journal_rows, rows


def add_user(home: Home, name: str = "taro") -> None:
    user_records.add(home, User(name))


def as_in_the_table(home: Home) -> bool:
    return journal_rows(home) == [row | {"hash": row["hash"].hex()} for row in rows(home)]


def go_back(home: Home, copy: Path) -> Home:
    """Puts an older database in place of the newer one, as somebody in a hurry does."""
    home.db.close()
    shutil.copy(copy, home.store / "rca.sqlite")
    return open_home(home.path, Clock())


def copied(home: Home, tmp_path: Path) -> Path:
    return Path(shutil.copy(home.store / "rca.sqlite", tmp_path / "older.sqlite"))


def test_it_has_every_row_of_the_table_after_each_commit(home: Home) -> None:
    assert as_in_the_table(home)
    number = issue(home).certificate.number
    assert as_in_the_table(home)
    revocation.revoke(home, [number], RevocationReason.SUPERSEDED)
    assert as_in_the_table(home)
    assert len(rows(home)) > 3


def test_the_journal_is_readable_by_its_owner_only(home: Home) -> None:
    assert stat.S_IMODE(journal(home).stat().st_mode) == 0o600


@pytest.mark.needs("strace")
def test_a_row_is_on_disk_in_the_journal_before_the_command_ends(
    home: Home, tmp_path: Path
) -> None:
    """And before that in the database: a machine that stops in between has lost nothing."""
    number = issue(home, "android").certificate.number
    home.db.close()
    trace = tmp_path / "trace"
    watched = ("-e", "trace=write,fsync,fdatasync", "-o", trace)
    rca = Runner({"RCA_HOME": str(home.path), "RCA_LANG": "en"})
    done = rca.process("hold", number, program=("strace", "-f", "-y", *watched, *PROGRAM))
    assert done.code == 0, done.err
    calls = [
        match[1]
        for line in trace.read_text().splitlines()
        if (match := re.search(r"(\w+)\([0-9]+<[^>]*/ca-store/journal>", line))
    ]
    assert [call.removeprefix("fdata").removeprefix("f") for call in calls] == ["write", "sync"]


def test_a_rolled_back_transaction_is_not_journalled(home: Home) -> None:
    before = journal(home).read_bytes()

    def fail_after_writing() -> None:
        with home.db.write():
            user_records.put_all(home, [User("nobody")], home.clock())
            raise NotFound("something else failed")

    with pytest.raises(NotFound):
        fail_after_writing()
    assert journal(home).read_bytes() == before


def test_rows_that_a_process_died_over_are_appended_by_the_next(home: Home) -> None:
    before = journal(home).read_bytes()
    add_user(home, "first")
    journal(home).write_bytes(before)
    assert home.journal.state(home.db) is JournalState.BEHIND
    add_user(home, "second")
    assert as_in_the_table(home)
    assert home.journal.state(home.db) is JournalState.IN_STEP


def test_repeating_the_act_of_a_killed_process_appends_its_rows(home: Home) -> None:
    number = issue(home).certificate.number
    before = journal(home).read_bytes()
    revocation.revoke(home, [number], RevocationReason.SUPERSEDED)
    journal(home).write_bytes(before)
    again = open_home(home.path, Clock())
    (outcome,) = revocation.revoke(again, [number], RevocationReason.SUPERSEDED)
    assert isinstance(outcome.result, Conflict)
    assert as_in_the_table(home)


@pytest.mark.parametrize("left", [1, 17, 300])
def test_a_torn_last_line_is_rewritten(home: Home, left: int) -> None:
    before = journal(home).stat().st_size
    user_records.add(home, User("ichiro", "名前" * 16, "a@example.jp", "施設" * 32))
    whole = journal(home).read_bytes()
    journal(home).write_bytes(whole[: before + left])
    assert home.journal.state(home.db) is JournalState.BEHIND
    assert len(list(home.journal.rows())) == len(rows(home)) - 1
    add_user(home)
    assert journal(home).read_bytes().startswith(whole)
    assert as_in_the_table(home)


def test_zeros_at_the_end_do_not_hide_missing_rows(home: Home) -> None:
    with journal(home).open("ab") as file:
        file.write(bytes(9000))
    add_user(home)
    assert as_in_the_table(home)


def test_a_missing_journal_is_rewritten(home: Home) -> None:
    issue(home)
    journal(home).unlink()
    assert home.journal.state(home.db) is JournalState.BEHIND
    issue(home)
    assert as_in_the_table(home)


def test_a_line_longer_than_the_read_size_is_found(home: Home) -> None:
    """A portion of a cut-off has a thousand numbers in one."""
    for index in range(2):
        number = issue(home, user=User(f"user-{index}"), hierarchy="old").certificate.number
    creation.retire(home, "old", home.clock())
    assert home.journal.state(home.db) is JournalState.IN_STEP
    with journal(home).open("rb") as file:
        last = file.readlines()[-1]
    assert number.encode() in last


def test_an_older_database_is_known_by_it(home: Home, tmp_path: Path) -> None:
    older = copied(home, tmp_path)
    common = len(rows(home))
    add_user(home)
    kept = journal(home).read_bytes()
    restored = go_back(home, older)
    assert restored.journal.state(restored.db) is JournalState.AHEAD
    assert restored.journal.examine(restored.db).common == common
    assert [each.object for each in restored.journal.rows() if each and each.id > common] == [
        "taro"
    ]
    add_user(restored, "jiro")
    assert restored.journal.state(restored.db) is JournalState.DIVERGED
    assert restored.journal.examine(restored.db).common == common
    assert journal(home).read_bytes() == kept, "all that is left of what was forgotten"


def test_nothing_is_issued_from_a_database_that_went_another_way_than_its_journal(
    home: Home, tmp_path: Path
) -> None:
    """An older one in which more was done since than the journal has."""
    older = copied(home, tmp_path)
    kept = issue(home, "android").certificate.number
    other = go_back(home, older)
    for name in "abcdefgh":
        add_user(other, name)
    assert other.journal.state(other.db) is JournalState.DIVERGED
    assert audit_log.head(other.db)[0] > journal_rows(other)[-1]["id"]
    for attempt in (lambda: issue(other), lambda: creation.create(other, "third")):
        with pytest.raises(Refused, match="older than its journal"):
            attempt()
    assert kept in journal(other).read_text()


def test_nothing_is_issued_from_an_older_database(home: Home, tmp_path: Path) -> None:
    older = copied(home, tmp_path)
    number = issue(home, hierarchy="old").certificate.number
    restored = go_back(home, older)
    before = rows(restored)
    with pytest.raises(Refused, match="older than its journal"):
        issue(restored)
    with pytest.raises(Refused, match="older than its journal"):
        creation.create(restored, "third")
    assert not (restored.store / "keys" / "third-issuing.key").exists()
    assert rows(restored) == before
    add_user(restored)  # which makes the two diverge
    with pytest.raises(Refused, match="older than its journal"):
        issue(restored)
    assert number in journal(restored).read_text()


def test_reissue_from_an_older_database_is_refused_too(home: Home, tmp_path: Path) -> None:
    number = issue(home).certificate.number
    older = copied(home, tmp_path)
    issue(home)
    restored = go_back(home, older)
    with pytest.raises(Refused, match="older than its journal"):
        issuance.reissue(restored, number, keep_old=False)


def test_a_revocation_is_allowed_on_an_older_database(home: Home, tmp_path: Path) -> None:
    number = issue(home).certificate.number
    older = copied(home, tmp_path)
    issue(home)
    restored = go_back(home, older)
    (outcome,) = revocation.revoke(restored, [number], RevocationReason.KEY_COMPROMISE)
    assert outcome.unwrap().revocation is not None


def test_rows_can_be_put_back_as_they_were(home: Home, tmp_path: Path) -> None:
    """What `rca restore` does: the chain is the same as before."""
    older = copied(home, tmp_path)
    issue(home)
    wanted = rows(home)
    restored = go_back(home, older)
    after = restored.journal.examine(restored.db).common
    with restored.db.write():
        audit_log.put(
            restored.db, [each for each in restored.journal.rows() if each and each.id > after]
        )
    assert rows(restored) == wanted
    assert restored.journal.state(restored.db) is JournalState.IN_STEP


def test_set_aside_it_keeps_its_content_and_a_new_one_begins(home: Home) -> None:
    kept = journal(home).read_bytes()
    first = home.journal.set_aside("journal.old")
    assert first is not None
    assert first.read_bytes() == kept
    add_user(home)
    assert as_in_the_table(home)
    second = home.journal.set_aside("journal.old")
    assert first.read_bytes() == kept
    assert second not in (None, first)
    assert home.journal.set_aside("journal.old") is None


def test_a_symbolic_link_in_its_place_is_not_followed(home: Home, tmp_path: Path) -> None:
    journal(home).rename(tmp_path / "elsewhere")
    journal(home).symlink_to(tmp_path / "elsewhere")
    kept = (tmp_path / "elsewhere").read_bytes()
    add_user(home)
    assert (tmp_path / "elsewhere").read_bytes() == kept


def test_a_hard_linked_file_is_not_changed(home: Home, tmp_path: Path) -> None:
    """A snapshot by cp -al, and a file that somebody else laid in its place."""
    journal = home.store / "journal"
    before = journal.read_bytes()
    (tmp_path / "snapshot").hardlink_to(journal)
    add_user(home, "hanako")
    assert (tmp_path / "snapshot").read_bytes() == before
    assert journal.stat().st_nlink == 1
    assert as_in_the_table(home)

    (tmp_path / "strangers").write_bytes(b"text")
    journal.unlink()
    journal.hardlink_to(tmp_path / "strangers")
    add_user(home, "jiro")
    assert (tmp_path / "strangers").read_bytes() == b"text"
    assert as_in_the_table(home)


def test_while_it_cannot_be_written_nothing_is_issued(home: Home) -> None:
    """What has been committed stays committed; but no more is added that only one file knows."""
    journal(home).unlink()
    journal(home).mkdir()
    add_user(home)
    assert rows(home)[-1]["object"] == "taro"
    with pytest.raises(Unavailable, match="journal"):
        issue(home)


def test_many_processes_write_one_journal(home: Home) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write, args=(home.path, index)) for index in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert as_in_the_table(home)
    assert [row["id"] for row in rows(home)] == list(range(1, len(rows(home)) + 1))
    assert len({row["object"] for row in rows(home) if row["object"].startswith("user-")}) == 30


def _write(path: Path, index: int) -> None:
    home = open_home(path, Clock())
    for count in range(10):
        user_records.add(home, User(f"user-{index}-{count}", HANAKO.name))
