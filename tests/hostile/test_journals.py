"""Journals that someone else wrote: nothing of them is done by halves.

Their hashes keep no secret: so rubbish comes here with sound hashes, too.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from renrakucho_ca.model import RevocationReason, User
from renrakucho_ca.service import user_records
from renrakucho_ca.service.hierarchy import creation
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.retrieval import retrieval
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store.files import journal
from renrakucho_ca.store.tables import audit_log
from renrakucho_ca.store.tables.audit_log import AuditRecord
from tests.shared.confined import Confined, ConfinedResult, check_clear
from tests.shared.homes import PASSPHRASE

from .mutants import mutants

RUBBISH: list[Any] = [
    *(
        None,
        True,
        -1,
        0,
        1.5,
        2**63,
        10**400,
        "",
        "x",
        "-",
        "1\n2",
        "\u202e",
        "../../x",
        "x" * 5000,
    ),
    *([], [1], {}, {"a": 1}, [[[]]], "zz", "9" * 5000, "2026-01-01", "0001-01-01T00:00:00Z"),
]


@dataclass(frozen=True)
class Older:
    """A home as it was before the last rows of its journal.

    Attributes:
        rows: of the whole journal.
        common: how many of them the home knows.
    """

    home: Path
    rows: list[AuditRecord]
    common: int


@pytest.fixture(scope="module")
def older(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Older:
    folder = tmp_path_factory.mktemp("older")
    numbers = [issue(home, f"user{each}") for each in range(4)]
    publication.publish(home)
    home.db.close()
    shutil.copytree(home.path, folder / "home")
    common = len(list(filter(None, home.journal.rows())))

    now = Home(home.path, lambda is_new: PASSPHRASE, clock=home.clock)
    user_records.add(now, User.parse("later", "佐藤 花子"))
    issue(now, "later")
    revocation.revoke(now, [numbers[0]], RevocationReason.KEY_COMPROMISE)
    revocation.hold(now, numbers[1])
    revocation.release(now, numbers[1])
    retrieval.export(now, [numbers[2]], folder / "out")
    creation.create(now, "old")
    creation.retire(now, "old", None)
    publication.publish(now)
    now.db.close()
    return Older(folder / "home", list(filter(None, now.journal.rows())), common)


def issue(home: Home, user: str) -> Any:
    (issued,) = issuance.issue(home, [IssuanceRequest.parse(User.parse(user), "mac", None)])
    assert isinstance(issued, Issued)
    return issued.certificate.number


@pytest.fixture
def reconcile_with(
    rca: Confined, older: Older, tmp_path: Path
) -> Callable[[bytes], ConfinedResult]:
    """Hands a journal to the older home, which is then as it was, or has restored all of it."""
    shutil.copytree(older.home, tmp_path / "home")
    path = tmp_path / "home" / "ca-store" / "rca.sqlite"
    before = path.read_bytes()
    own = tmp_path / "home" / "ca-store" / "journal"
    own_before = own.read_bytes()

    def run(given: bytes) -> ConfinedResult:
        (tmp_path / "given").write_bytes(given)
        answer = rca("--home", tmp_path / "home", "restore", "--journal", tmp_path / "given")
        check_clear(answer, given[-3000:])
        assert answer.seconds < 5
        assert answer.memory < 64 * 1024 * 1024
        if answer.code:
            assert answer.code in (5, 7), answer
            assert path.read_bytes() == before, answer
        path.write_bytes(before)
        own.write_bytes(own_before)
        # What it restored from the one before, it would miss in the next.
        (path.parent / "restored.json").unlink(missing_ok=True)
        shutil.rmtree(path.parent / "crl")
        shutil.copytree(older.home / "ca-store" / "crl", path.parent / "crl")
        return answer

    return run


def text(rows: Iterable[AuditRecord]) -> bytes:
    return b"".join(journal.encode(row) + b"\n" for row in rows)


def test_the_sound_journal_is_replayed(
    older: Older, reconcile_with: Callable[[bytes], ConfinedResult]
) -> None:
    """Else what follows would be refused for another reason."""
    assert reconcile_with(text(older.rows)).code == 0


def test_a_journal_that_was_spoilt_is_refused(
    older: Older, reconcile_with: Callable[[bytes], ConfinedResult]
) -> None:
    lines = text(older.rows).splitlines(keepends=True)
    begin, end = b"".join(lines[: older.common]), b"".join(lines[older.common :])
    for spoilt in mutants(end, 100, seed=31):
        reconcile_with(begin + spoilt)
    for spoilt in mutants(begin, 50, seed=32):
        reconcile_with(spoilt + end)
    for rubbish in (b"\0" * 100_000, b"{" * 100_000, b"[" * 100_000):
        assert reconcile_with(begin + rubbish).code == 0  # torn: no line feed, no row
        assert reconcile_with(begin + rubbish + b"\n").code == 5


@pytest.mark.parametrize("endless", ["/dev/zero", "sparse"])
def test_an_endless_journal_is_refused(rca: Confined, tmp_path: Path, endless: str) -> None:
    path = tmp_path / endless
    if endless == "sparse":
        with path.open("wb") as file:
            file.truncate(20 * 1024**3)
    answer = rca("restore", "--journal", path)
    check_clear(answer, endless)
    assert answer.code in (5, 7)
    assert answer.seconds < 5
    assert answer.memory < 64 * 1024 * 1024


def test_rubbish_with_a_sound_hash_is_refused_or_changes_nothing_else(
    older: Older, reconcile_with: Callable[[bytes], ConfinedResult]
) -> None:
    for forged in forgeries(older):
        reconcile_with(text(forged))


def forgeries(older: Older) -> Iterator[list[AuditRecord]]:
    """The journal with one value of a new row exchanged, once for each act, and all the hashes
    right again."""
    turn = 0
    for place in {row.act: row.id - 1 for row in older.rows[older.common :]}.values():
        row = older.rows[place]
        for key in row.facts:
            for _ in range(2):
                turn += 1
                rubbish = RUBBISH[turn * 7 % len(RUBBISH)]
                yield chained(older, place, detail={**row.facts, key: rubbish})
            rest = {name: value for name, value in row.facts.items() if name != key}
            yield chained(older, place, detail=rest)
        for at in (-1, 10**30):
            yield chained(older, place, at=at)
        for object in ("", "9" * 5000, "\u202e"):
            yield chained(older, place, object=object)
        yield chained(older, place, detail=[])
        yield chained(older, place, act="x")


def chained(older: Older, place: int, **changes: Any) -> list[AuditRecord]:
    if "detail" in changes:
        changes["detail"] = audit_log.canonical(changes["detail"])
    rows = older.rows[:place]
    for row in (older.rows[place]._replace(**changes), *older.rows[place + 1 :]):
        previous = rows[-1].hash
        rows.append(row._replace(hash=audit_log.chained(previous, row.line.encode())))
    return rows
