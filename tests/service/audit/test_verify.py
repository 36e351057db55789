"""Whoever changes the log is found, and the first row that is not as it was written is named.

table       1 2 3 … 14 15 16        each row chained to the one before
journal     1 2 3 … 14 15 16        the same lines
    checkpoint          14              signed by the issuing CA: in table, ca-store, public
"""

from __future__ import annotations

import json
import os
import re
import shutil
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renrakucho_ca.errors import NotFound
from renrakucho_ca.model import RevocationReason
from renrakucho_ca.service import doctor
from renrakucho_ca.service.audit import verifier
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store.files.journal import LONGEST_LINE
from tests.shared.homes import Clock, copy_home, issue, openssl

from .reader import chain, journal, line, rechain, rows, sql

COLUMNS = ("at", "actor", "origin", "act", "object", "detail", "hash")


@pytest.fixture(scope="module")
def written(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two certificates, a publication, and two acts after it."""
    home = copy_home(template, tmp_path_factory.mktemp("written") / "home", Clock())
    numbers = [issue(home).certificate.number for _ in range(2)]
    publication.publish(home)
    revocation.revoke(home, numbers, RevocationReason.SUPERSEDED)
    return home


@pytest.fixture
def log(written: Home, tmp_path: Path) -> Home:
    return copy_home(written.path, tmp_path / "copy", Clock())


def problems(home: Home, kept: Path | None = None) -> list[str]:
    return [str(each) for each in verifier.verify(home, kept).problems]


def first_broken(home: Home) -> int | None:
    """The row that is named; one at most."""
    named = [int(row) for row in re.findall(r"^row (-?\d+)", "\n".join(problems(home)), re.M)]
    assert len(named) <= 1
    return named[0] if named else None


def last_checkpoint(home: Home) -> int:
    """The row that the newest checkpoint was signed with."""
    newest: int = max(row["id"] for row in rows(home) if row["act"] == "checkpoint-signed")
    return newest - 1


def drop_files(home: Home) -> None:
    """All that is outside the database: the attacker has that too."""
    journal(home).unlink()
    for folder in (home.store / "crl", home.public):
        for path in folder.glob("*-audit.json"):
            path.unlink()


def rewrite_journal(home: Home) -> None:
    found = rows(home)
    lines = [line(row)[:-1] + b',"hash":"%b"}\n' % row["hash"].hex().encode() for row in found]
    journal(home).write_bytes(b"".join(lines))


def change(home: Home, *statements: str) -> None:
    with sql(home) as connection:
        for statement in statements:
            connection.execute(statement)


def test_an_unchanged_log_is_verified(log: Home) -> None:
    verdict = verifier.verify(log)
    count = len(rows(log))
    assert (verdict.rows, verdict.journal, verdict.problems) == (count, count, [])
    assert verdict.checkpoints == 4 + 4  # of old and new, twice each; and two copies of the newest


def test_an_empty_log_is_well(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", lambda _: b"")
    home.create(None, None)
    assert verifier.verify(home).problems == []


# -- the table


@settings(max_examples=60)
@given(data=st.data())
def test_every_edit_of_one_value_is_found_at_its_row(written: Home, data: st.DataObject) -> None:
    """Of any column of any row, with anything; also where the hash of that row is made right."""
    with sql(written) as connection:
        before = connection.execute("SELECT * FROM audit ORDER BY id").fetchall()
    row = data.draw(st.sampled_from(before))
    column = data.draw(st.sampled_from(COLUMNS))
    old = row[("id", *COLUMNS).index(column)]
    values = {
        int: st.integers(-(2**63), 2**63 - 1),
        bytes: st.binary(max_size=40),
        str: st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    }[type(old)]
    new = data.draw(values.filter(lambda value: value != old))
    with_its_hash = column != "hash" and data.draw(st.booleans())
    with sql(written) as connection:
        connection.execute(f"UPDATE audit SET {column} = ? WHERE id = ?", (new, row[0]))
    try:
        if with_its_hash and column != "detail":
            found = rows(written)
            with sql(written) as connection:
                hash = chain(found)[row[0] - 1]
                connection.execute("UPDATE audit SET hash = ? WHERE id = ?", (hash, row[0]))
        assert first_broken(written) == row[0]
    finally:
        with sql(written) as connection:
            connection.execute("DELETE FROM audit")
            connection.executemany("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", before)


def swap(one: int, other: int) -> tuple[str, ...]:
    return (
        f"UPDATE audit SET id = -1 WHERE id = {one}",
        f"UPDATE audit SET id = {one} WHERE id = {other}",
        f"UPDATE audit SET id = {other} WHERE id = -1",
    )


@pytest.mark.parametrize("rechained", [False, True])
@pytest.mark.parametrize(
    ("statements", "row"),
    [
        (("DELETE FROM audit WHERE id = 1",), 1),
        (("DELETE FROM audit WHERE id = 7",), 7),
        (("DELETE FROM audit WHERE id = 7", "UPDATE audit SET id = -id WHERE id > 7",
          "UPDATE audit SET id = -id - 1 WHERE id < 0"), 7),
        (swap(5, 6), 5),
        (swap(2, 12), 2),
        (("UPDATE audit SET id = -id WHERE id >= 4", "UPDATE audit SET id = 1 - id WHERE id < 0",
          "INSERT INTO audit SELECT 4, at, actor, origin, act, object, detail, hash "
          "FROM audit WHERE id = 3"), 4),
        (("INSERT INTO audit SELECT 0, at, actor, origin, act, object, detail, hash "
          "FROM audit WHERE id = 3",), 0),
        (("INSERT INTO audit SELECT -9223372036854775808, at, actor, origin, act, object, detail, "
          "hash FROM audit WHERE id = 3",), -(2**63)),
        (("UPDATE audit SET id = 1000 WHERE id = 9",), 9),
    ],
)  # fmt: skip
def test_rows_taken_out_put_in_or_moved_are_found(
    log: Home, statements: tuple[str, ...], row: int, rechained: bool
) -> None:
    change(log, *statements)
    if rechained:
        rechain(log)
    assert first_broken(log) == row


def test_recomputed_hashes_are_detected_by_the_journal(log: Home) -> None:
    change(log, "UPDATE audit SET actor = 'nobody' WHERE id = 6")
    rechain(log)
    assert problems(log) == ["row 6: it differs from the journal"]


def test_a_rewritten_journal_is_detected_by_the_checkpoint(log: Home) -> None:
    change(log, "UPDATE audit SET actor = 'nobody' WHERE id = 6")
    rechain(log)
    rewrite_journal(log)
    (problem,) = problems(log)
    assert re.match(r"row \d+: it differs from the row signed in .*", problem)


@pytest.mark.parametrize("left", [0, 3, "just the checkpoint's"])
def test_a_log_that_was_cut_off_is_missed_by_the_journal(log: Home, left: int | str) -> None:
    rows_left = last_checkpoint(log) if isinstance(left, str) else left
    change(log, f"DELETE FROM audit WHERE id > {rows_left}")
    assert first_broken(log) == rows_left + 1


def test_a_log_cut_off_before_a_checkpoint_is_missed_by_the_checkpoint(log: Home) -> None:
    cut = last_checkpoint(log) - 1
    change(log, f"DELETE FROM audit WHERE id > {cut}")
    rewrite_journal(log)
    assert first_broken(log) == cut + 1
    assert "was signed with it" in problems(log)[-1]


def test_a_row_that_cannot_even_be_read_is_named(log: Home) -> None:
    change(log, "UPDATE audit SET actor = CAST(x'ff' AS TEXT) WHERE id = 8")
    assert first_broken(log) == 8


def test_a_ca_with_a_damaged_certificate_is_named_and_the_rest_verified(log: Home) -> None:
    spoilt = "UPDATE authority SET certificate = CAST(x'00' || certificate AS BLOB)"
    change(log, f"{spoilt} WHERE hierarchy = 'new' AND tier = 'issuing'")
    certificate, *others = problems(log)
    assert certificate == ("the certificate of new-issuing: not a readable certificate")
    # What it has signed cannot be proven.
    assert others[-1].startswith("row ")


# -- the journal


def test_an_unreadable_journal_is_reported_with_its_first_unverified_row(
    log: Home,
) -> None:
    journal(log).unlink()
    journal(log).mkdir()
    (problem,) = problems(log)
    assert problem.startswith("row 1: the journal ")


@pytest.mark.parametrize(
    "edit",
    [
        lambda lines: lines[:4] + lines[5:],
        lambda lines: [*lines[:4], lines[4].replace(b'"at":1', b'"at":2'), *lines[5:]],
        lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]],
        lambda lines: [*lines[:4], b"\n", *lines[4:]],
        lambda lines: [*lines[:4], b"nonsense\n", *lines[4:]],
    ],
    ids=["taken out", "changed", "swapped", "empty", "put in"],
)
def test_a_changed_journal_is_found(log: Home, edit: Callable[[list[bytes]], list[bytes]]) -> None:
    lines = journal(log).read_bytes().splitlines(keepends=True)
    journal(log).write_bytes(b"".join(edit(lines)))
    assert problems(log) == ["row 5: it differs from the journal"]


def test_a_line_without_end_is_found(log: Home) -> None:
    lines = journal(log).read_bytes().splitlines(keepends=True)
    lines.insert(4, b"x" * (LONGEST_LINE + 1))
    journal(log).write_bytes(b"".join(lines))
    assert problems(log) == [f"row 5: the journal {journal(log)} is damaged"]


def test_a_truncated_journal_is_reported(log: Home) -> None:
    lines = journal(log).read_bytes().splitlines(keepends=True)
    journal(log).write_bytes(b"".join(lines[:-3]))
    count = len(lines)
    assert problems(log) == [f"the journal ends at row {count - 3} of {count}"]


# -- the checkpoints


def test_a_checkpoint_verifies_with_openssl(log: Home, tmp_path: Path) -> None:
    """As docs/architecture.md says: no program of ours is needed."""
    published = json.loads((log.public / "new-audit.json").read_text())
    (tmp_path / "text").write_text(published["signed"], newline="")
    (tmp_path / "signature").write_bytes(b64decode(published["signature"]))
    openssl("x509", "-in", log.public / "new-issuing.pem", "-pubkey", "-noout",
            "-out", tmp_path / "key.pem")  # fmt: skip
    said = openssl("dgst", f"-{published['digest']}", "-verify", tmp_path / "key.pem",
                   "-signature", tmp_path / "signature", tmp_path / "text")  # fmt: skip
    assert said == "Verified OK\n"
    named = dict(text.split(" ", 1) for text in published["signed"].splitlines()[1:])
    row = rows(log)[int(named["rows"]) - 1]
    assert named["hash"] == row["hash"].hex()


def test_the_checkpoint_is_published_with_the_crl(log: Home) -> None:
    path = log.public / "new-audit.json"
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.read_bytes() == (log.store / "crl" / "new-audit.json").read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("T0", "T1", "its signature does not verify"),
        ("rows ", "row ", "not a checkpoint"),
        ('"signed"', '"text"', "not a checkpoint"),
        ("authority ", "authority 0", "not a checkpoint"),
    ],
)
def test_a_checkpoint_in_the_log_holds_even_if_every_hash_is_made_right(
    log: Home, old: str, new: str, problem: str
) -> None:
    row = next(row["id"] for row in rows(log) if row["act"] == "checkpoint-signed")
    change(log, f"UPDATE audit SET detail = replace(detail, '{old}', '{new}') WHERE id = {row}")
    rechain(log)
    drop_files(log)
    rewrite_journal(log)
    assert first_broken(log) == row
    assert problem in problems(log)[-1]


def test_a_checkpoint_that_the_log_has_lost_is_missed(log: Home) -> None:
    row = max(row["id"] for row in rows(log) if row["act"] == "checkpoint-signed")
    change(log, f"UPDATE audit SET act = 'released', detail = '{{}}' WHERE id = {row}")
    rechain(log)
    rewrite_journal(log)
    assert {each.partition(": ")[2] for each in problems(log)} == {"the log has no such checkpoint"}


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"signed": 1, "signature": ""}', b"\xff", b"[" * 100_000]
)
def test_a_malformed_checkpoint_file_is_reported(log: Home, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "kept.json").write_bytes(content)
    assert "not a checkpoint of an audit log" in "\n".join(problems(log, tmp_path / "kept.json"))


def test_a_checkpoint_that_a_run_had_no_time_to_write_is_written_by_the_next(log: Home) -> None:
    """It died in the middle of the file; the CRL is good, and not due for days."""
    path = log.store / "crl" / "new-audit.json"
    written = path.read_bytes()
    path.rename(path.with_name(".new-audit.json.tmp"))
    (log.public / "new-audit.json").unlink()
    publication.publish(log, if_due=True)
    newest = path.read_bytes()
    assert json.loads(newest)["signed"] >= json.loads(written)["signed"]
    path.unlink()
    assert publication.publish(log, if_due=True).renewed == ()
    assert path.read_bytes() == (log.public / "new-audit.json").read_bytes() == newest
    assert not list(path.parent.glob(".*.tmp"))
    assert problems(log) == []


def test_a_checkpoint_file_that_is_the_newest_is_not_written_again(log: Home) -> None:
    publication.publish(log)
    paths = [log.store / "crl" / "new-audit.json", log.public / "new-audit.json"]
    before = [path.stat() for path in paths]
    publication.publish(log, if_due=True)
    after = [path.stat() for path in paths]
    assert [(each.st_ino, each.st_mtime_ns) for each in after] == [
        (each.st_ino, each.st_mtime_ns) for each in before
    ]


def test_a_checkpoint_that_the_log_has_lost_is_not_replaced_by_an_older_one(log: Home) -> None:
    publication.publish(log)
    path = log.store / "crl" / "new-audit.json"
    kept = path.read_bytes()
    change(log, f"DELETE FROM audit WHERE id > {last_checkpoint(log) - 1}")
    publication.publish(log, if_due=True)
    assert path.read_bytes() == (log.public / "new-audit.json").read_bytes() == kept
    path.write_bytes(b"spoilt")
    publication.publish(log, if_due=True)
    assert path.read_bytes() == b"spoilt"


def test_a_pipe_in_place_of_a_checkpoint_is_reported_at_once(log: Home) -> None:
    path = log.public / "new-audit.json"
    path.unlink()
    os.mkfifo(path)
    assert problems(log) == [f"{path} is not a file"]


def test_a_changed_copy_is_reported(log: Home) -> None:
    path = log.public / "new-audit.json"
    path.write_text(path.read_text().replace("rows 1", "rows 2"))
    assert problems(log) == [f"{path}: its signature does not verify"]


def test_a_kept_checkpoint_detects_the_loss_of_all_other_copies(log: Home, tmp_path: Path) -> None:
    """Who has everything on the machine, and no key, cannot deny what was published."""
    kept = Path(shutil.copy(log.public / "new-audit.json", tmp_path / "kept.json"))
    change(log, "DELETE FROM audit WHERE id > 3")
    rechain(log)
    drop_files(log)
    rewrite_journal(log)
    assert problems(log) == []
    assert any(each.startswith("row 4: it is missing") for each in problems(log, kept))


def test_an_older_one_is_good_for_ever(log: Home, tmp_path: Path) -> None:
    kept = Path(shutil.copy(log.public / "new-audit.json", tmp_path / "kept.json"))
    publication.publish(log)
    assert problems(log, kept) == []


@pytest.mark.parametrize("folder", ["ca-store/crl", "public"])
@pytest.mark.parametrize("how", ["missing", "older", "another's"])
def test_an_older_checkpoint_file_is_reported_until_the_next_publication(
    written: Home, tmp_path: Path, folder: str, how: str
) -> None:
    """Who means to cut the log off begins with it."""
    clock = Clock()
    log = copy_home(written.path, tmp_path / "copy", clock)
    path = log.path / folder / "new-audit.json"
    older = path.read_bytes()
    publication.publish(log)
    if how == "missing":
        path.unlink()
    else:
        another = path.with_name("old-audit.json").read_bytes()
        path.write_bytes(older if how == "older" else another)
    assert problems(log) == [], "a publication may be under way"
    clock.advance(minutes=6)
    (problem,) = problems(log)
    assert str(path) in problem
    (found,) = doctor.examine(log)["audit"]
    assert str(found.what) == problem
    assert "run `rca publish`" in str(found.what.hint)
    publication.publish(log, if_due=True)
    if how != "another's":
        assert problems(log) == []
    publication.publish(log)
    clock.advance(minutes=6)
    assert problems(log) == []


@pytest.mark.parametrize("folder", ["ca-store/crl", "public"])
def test_the_newer_checkpoint_of_another_ca_is_reported_too(
    written: Home, tmp_path: Path, folder: str
) -> None:
    """It has more rows, and is signed by a CA of the home: nothing else tells the two apart."""
    clock = Clock()
    log = copy_home(written.path, tmp_path / "copy", clock)
    publication.publish(log)
    path = log.path / folder / "old-audit.json"
    shutil.copy(path.with_name("new-audit.json"), path)
    clock.advance(minutes=6)
    (problem,) = problems(log)
    assert str(path) in problem


def test_a_checkpoint_published_elsewhere_is_not_reported_missing(
    written: Home, tmp_path: Path
) -> None:
    clock = Clock()
    clock.advance(days=1)
    log = copy_home(written.path, tmp_path / "copy", clock)
    shutil.rmtree(log.public)
    assert problems(log) == []
    publication.publish(log, out=tmp_path / "elsewhere")
    clock.advance(minutes=6)
    assert problems(log) == []


def test_a_file_that_is_not_there_is_not_found(log: Home, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        verifier.verify(log, tmp_path / "nothing")
