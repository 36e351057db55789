"""Last week's backup, restored, neither reuses a number nor forgets a revocation."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from renrakucho_ca.clock import system_randomness
from renrakucho_ca.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from renrakucho_ca.model import RetrievalNumber, RevocationReason, Status, Tier, User
from renrakucho_ca.service import doctor, user_records
from renrakucho_ca.service.hierarchy import creation
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.recovery import backup, crl_sources, reconcile, restoration
from renrakucho_ca.service.retrieval import retrieval
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.service.store_state import RecoveryState
from renrakucho_ca.store.tables import hierarchies
from tests.shared.homes import (
    PASSPHRASE,
    Clock,
    Died,
    copy_home,
    issue,
    openssl,
    published,
    record_of,
    rows,
)

ISSUED, REVOKED = 50, 20


@dataclass(frozen=True)
class Lost:
    """A home that went on for a while after its backup, and was lost then."""

    home: Home
    backup: Path
    before: str
    """Issued before the backup, downloaded after it."""
    held: str
    """Held before, released after."""

    @property
    def journal(self) -> Path:
        return self.home.store / "journal"

    @property
    def crls(self) -> list[Path]:
        return sorted(self.home.public.glob("*.crl"))


def open_at(path: Path) -> Home:
    clock = Clock()
    clock.advance(days=8)
    return Home(path, lambda is_new: PASSPHRASE, clock)


class Drawing:
    """The system's randomness, but the first certificate gets that retrieval number."""

    def __init__(self, number: RetrievalNumber) -> None:
        # Drawn once to see whether it may be issued, and once to issue it.
        self._first = [(int(number) - RetrievalNumber.LOWEST).to_bytes(4)] * 2

    def __call__(self, length: int) -> bytes:
        return self._first.pop() if length == 4 and self._first else system_randomness(length)


@pytest.fixture(scope="session")
def lost(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Lost:
    """50 issues and 20 revocations that the backup lacks, and everything else there is."""
    folder = tmp_path_factory.mktemp("lost")
    clock = Clock()
    home = copy_home(template, folder / "home", clock)
    before, held, revoked_later = (issue(home).certificate.number for _ in range(3))
    revocation.hold(home, held)
    publication.publish(home)
    backup.to_file(home, folder / "backup")
    clock.advance(days=7)
    numbers = [issue(home).certificate.number for _ in range(ISSUED)]
    reason = RevocationReason.KEY_COMPROMISE
    revocation.revoke(home, [revoked_later, *numbers[: REVOKED - 1]], reason)
    revocation.hold(home, numbers[-1])
    retrieval.export(home, [before, numbers[-2]], folder / "out")
    revocation.release(home, held)
    user_records.add(home, User.parse("hanako", email="hanako@example.jp"))
    creation.create(home, "later")
    creation.retire(home, "old", None)
    publication.publish(home)
    home.db.close()
    return Lost(home, folder / "backup", before, held)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Home]:
    """Where the home is to be again."""
    home = open_at(tmp_path / "home")
    yield home
    if "db" in vars(home):
        home.db.close()


JOURNALLED = """SELECT number, serial, authority, user, device, profile, note, line, issued_at,
          not_before, not_after, downloaded_at, revoked_at, revocation_reason, supersedes,
          key_algorithm, fingerprint_sha256 FROM certificate ORDER BY number"""


def check_everything_is_known(lost: Lost, home: Home) -> None:
    for table in (
        JOURNALLED,
        "SELECT * FROM user",
        "SELECT name, retired_at, cutoff FROM hierarchy",
    ):
        assert rows(home, table) == rows(lost.home, table)
    entries = "SELECT authority, der FROM crl_entry ORDER BY der"
    assert rows(home, entries) == rows(lost.home, entries)
    check_chain(home)
    # Not one row was lost, and none is another than it was.
    audit = "SELECT id, hash FROM audit ORDER BY id"
    assert rows(home, audit)[: len(rows(lost.home, audit))] == rows(lost.home, audit)
    for check in ("PRAGMA integrity_check", "PRAGMA foreign_key_check"):
        assert rows(home, check) in ([("ok",)], [])


def check_chain(home: Home) -> None:
    """The hashes of the audit log and its journal, computed by the description of the format."""
    previous, lines = bytes(32), (home.store / "journal").read_text().splitlines()
    stored = rows(home, "SELECT id, hash FROM audit ORDER BY id")
    assert [json.loads(line)["id"] for line in lines] == [id for id, _ in stored]
    for line, (_, stored_hash) in zip(lines, stored, strict=True):
        canonical = line[: line.rindex(',"hash":"')] + "}"
        previous = hashlib.sha256(previous + canonical.encode()).digest()
        assert previous == stored_hash == bytes.fromhex(json.loads(line)["hash"])


def revoked_by(path: Path) -> set[str]:
    """The serial numbers on a CRL, read by OpenSSL."""
    text = openssl("crl", "-inform", "DER", "-in", path, "-noout", "-text")
    return {
        line.split(":")[1].strip().lstrip("0") for line in text.splitlines() if "Serial N" in line
    }


def check_goes_on(lost: Lost, home: Home) -> None:
    """Issues something new, and publishes a CRL that forgets nothing and has a higher number."""
    known = {row[0] for row in rows(lost.home, "SELECT serial FROM certificate")}
    numbers = {row[0] for row in rows(lost.home, "SELECT number FROM certificate")}
    for _ in range(5):
        new = issue(home, hierarchy="new").certificate
        assert f"{new.serial:x}" not in known
        assert int(new.number) not in numbers
    publication.publish(home)
    before = revoked_by(lost.home.public / "new-issuing.crl")
    assert len(before) == REVOKED + 1
    assert revoked_by(home.public / "new-issuing.crl") >= before
    assert published(home).number > published(lost.home).number


@pytest.mark.parametrize("survived", ["nothing", "the journal", "journal and public"])
def test_with_the_journal_nothing_is_forgotten(lost: Lost, place: Home, survived: str) -> None:
    if survived == "nothing":
        given = [lost.journal]
    else:
        given = []
        place.store.mkdir(parents=True)
        shutil.copy(lost.journal, place.store / "journal")
        if "public" in survived:
            shutil.copytree(lost.home.public, place.public)
    restoration.restore(place, lost.backup)
    done = reconcile.reconcile(place, given)
    assert done.is_finished
    assert done.restored.issued == ISSUED
    assert (done.restored.unknown, done.restored.missing) == (0, 0)
    check_everything_is_known(lost, place)
    check_goes_on(lost, place)
    check_chain(place)


def test_a_bundle_claimed_after_the_backup_is_not_delivered_again(
    lost: Lost, place: Home, tmp_path: Path
) -> None:
    restoration.restore(place, lost.backup)
    # The backup still has the file.
    assert rows(place, "SELECT count(*) FROM bundle") == [(3,)]
    with pytest.raises(Refused, match="restored store lacks"):
        retrieval.export(place, [record_of(place, lost.before).number], tmp_path / "out")
    reconcile.reconcile(place, [lost.journal])
    assert record_of(place, lost.before).status(place.clock()) is Status.DOWNLOADED
    assert record_of(place, lost.held).status(place.clock()) is Status.ISSUED
    (outcome,), _ = retrieval.export(
        place, [record_of(place, lost.before).number], tmp_path / "out"
    )
    assert isinstance(outcome.result, Conflict)
    assert rows(place, "SELECT count(*) FROM bundle") == [(1,)]  # the one that was held


def test_with_the_crls_alone_every_revocation_is_known(lost: Lost, place: Home) -> None:
    restoration.restore(place, lost.backup)
    done = reconcile.reconcile(
        place,
        crl_files=[path for path in lost.crls if not path.name.startswith("later")],
    )
    # One of the 20 was issued before; the other 19 and the one on hold after the backup.
    assert (done.restored.revoked, done.restored.unknown) == (1, REVOKED)
    assert not done.is_finished
    with pytest.raises(Refused, match="restored store lacks"):
        issue(place)
    reconcile.reconcile(place, without_journal=True)
    check_goes_on(lost, place)
    check_chain(place)


def test_a_crl_that_survived_in_the_store_is_not_replaced_by_the_older_one_of_the_backup(
    lost: Lost, place: Home
) -> None:
    shutil.copytree(lost.home.store / "crl", place.store / "crl")
    survived = (place.store / "crl" / "new-issuing.crl").read_bytes()
    restoration.restore(place, lost.backup)
    assert (place.store / "crl" / "new-issuing.crl").read_bytes() == survived
    reconcile.reconcile(place, without_journal=True)
    check_goes_on(lost, place)


def test_a_crl_first_and_the_journal_later_come_to_the_same(lost: Lost, place: Home) -> None:
    """What was known by its serial number alone gets back whose it was, and its number."""
    shutil.copytree(lost.home.public, place.public)
    restoration.restore(place, lost.backup)
    done = reconcile.reconcile(place)
    assert done.restored.unknown == REVOKED
    done = reconcile.reconcile(place, [lost.journal])
    assert done.is_finished
    assert rows(place, JOURNALLED) == rows(lost.home, JOURNALLED)
    check_chain(place)
    check_goes_on(lost, place)


def test_reconciling_twice_changes_nothing(lost: Lost, place: Home) -> None:
    restoration.restore(place, lost.backup)
    reconcile.reconcile(place, [lost.journal], lost.crls)
    dump = rows(place, "SELECT * FROM audit") + rows(place, JOURNALLED)
    restored = reconcile.reconcile(place, [lost.journal], lost.crls).restored
    assert set(vars(restored).values()) == {0}
    assert rows(place, "SELECT * FROM audit") + rows(place, JOURNALLED) == dump


def test_an_older_database_copied_back_is_reconciled_in_place(
    lost: Lost, place: Home, tmp_path: Path
) -> None:
    shutil.copytree(lost.home.path, place.path)
    shutil.copy(old_of(lost, tmp_path).database, place.database)
    with pytest.raises(Refused, match="older than its journal"):
        issue(place)
    with pytest.raises(Refused, match="older than its journal"):
        retrieval.export(place, [record_of(place, lost.before).number], tmp_path / "out")
    assert reconcile.reconcile(place).is_finished
    check_everything_is_known(lost, place)
    check_goes_on(lost, place)


def test_an_older_database_copied_back_by_hand_replaces_no_crl(
    lost: Lost, place: Home, tmp_path: Path
) -> None:
    """Revoking goes on; the CRL that lists it waits until it can list the others too."""
    shutil.copytree(lost.home.path, place.path)
    shutil.copy(old_of(lost, tmp_path).database, place.database)
    revocation.revoke(place, [record_of(place, lost.before).number], RevocationReason.SUPERSEDED)
    for if_due in (False, True):
        with pytest.raises(Refused, match=r"older than .*\.crl"):
            publication.publish(place, if_due=if_due)
    reconcile.reconcile(place, without_journal=True)
    publication.publish(place)
    before = revoked_by(lost.home.public / "new-issuing.crl")
    assert revoked_by(place.public / "new-issuing.crl") > before


def test_an_older_database_that_was_used_since_is_refused_its_journal(
    lost: Lost, place: Home, tmp_path: Path
) -> None:
    """Its log cannot go on as the journal does. Without the journal the CRLs say what is revoked;
    the journal is kept."""
    shutil.copytree(lost.home.path, place.path)
    shutil.copy(old_of(lost, tmp_path).database, place.database)
    revocation.revoke(place, [record_of(place, lost.before).number], RevocationReason.SUPERSEDED)
    check_refused(place, [], "diverge after row")
    done = reconcile.reconcile(place, without_journal=True)
    assert done.is_finished
    assert done.set_aside is not None
    assert done.set_aside.read_bytes() == lost.journal.read_bytes()
    check_chain(place)
    check_goes_on(lost, place)


def check_refused(home: Home, journals: list[Path], words: str) -> None:
    """The journal is refused with a way on, and nothing is changed."""
    before = rows(home, "SELECT * FROM audit") + rows(home, JOURNALLED)
    with pytest.raises(Invalid, match=words) as refused:
        reconcile.reconcile(home, journals)
    assert "--journal FILE" in str(refused.value.hint)
    assert "--without-journal" in str(refused.value.hint)
    assert rows(home, "SELECT * FROM audit") + rows(home, JOURNALLED) == before


@pytest.mark.parametrize("goes_on", ["without the journal", "with a revocation"])
def test_a_journal_found_after_the_store_went_on_is_refused(
    lost: Lost, place: Home, tmp_path: Path, goes_on: str
) -> None:
    """Two histories are not merged. The backup can be restored again, with the journal."""
    restoration.restore(place, lost.backup)
    if goes_on == "without the journal":
        reconcile.reconcile(place, without_journal=True)
        # Another CA of the same name: no row of the journal is taken for one about it.
        creation.create(place, "later")
        publication.publish(place)
    else:
        assert not reconcile.reconcile(place).is_finished
        revocation.revoke(
            place, [record_of(place, lost.before).number], RevocationReason.SUPERSEDED
        )
    check_refused(place, [lost.journal], "diverge after row")
    again = open_at(tmp_path / "again")
    restoration.restore(again, lost.backup)
    assert reconcile.reconcile(again, [lost.journal]).is_finished
    check_everything_is_known(lost, again)


def test_replay_does_not_take_another_ca_of_the_same_name_for_its_own(
    lost: Lost, place: Home, tmp_path: Path
) -> None:
    other = open_at(tmp_path / "other")
    other.create("another", "another")
    made = creation.create(other, "later")
    restoration.restore(place, lost.backup)
    with place.db.write():
        hierarchies.put(place.db, made, dict.fromkeys(Tier, 7))
    check_refused(place, [lost.journal], "cannot be read")


def test_a_number_drawn_for_an_unknown_certificate_returns_to_its_owner(
    template: Path, tmp_path: Path
) -> None:
    """BACKUP, A and B issued, A revoked … lost … CRL: A is unknown and gets the number of B."""
    home = copy_home(template, tmp_path / "home", Clock())
    backup.to_file(home, tmp_path / "backup")
    a, b = (issue(home).certificate for _ in range(2))
    revocation.revoke(home, [a.number], RevocationReason.KEY_COMPROMISE)
    publication.publish(home)
    again = Home(tmp_path / "again", lambda is_new: PASSPHRASE, Clock(), Drawing(b.number))
    restoration.restore(again, tmp_path / "backup")
    reconcile.reconcile(again, crl_files=[home.public / f"{a.hierarchy}-issuing.crl"])
    assert record_of(again, b.number).serial == a.serial
    assert reconcile.reconcile(again, [home.store / "journal"]).is_finished
    assert rows(again, JOURNALLED) == rows(home, JOURNALLED)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 60, b"{}", b"[]", b'{"head": null}', b"[" * 10**5]
)
def test_a_store_that_cannot_read_how_far_behind_it_is_takes_the_worst(
    lost: Lost, place: Home, content: bytes
) -> None:
    restoration.restore(place, lost.backup)
    place.recovery_file.write_bytes(content)
    assert not reconcile.reconcile(place).is_finished
    for refused in (issue, publication.publish):
        with pytest.raises(Refused, match="restored store lacks"):
            refused(place)
    assert reconcile.reconcile(place, [lost.journal]).is_finished
    check_everything_is_known(lost, place)


# -- a journal that was damaged

Spoil = Callable[[list[bytes], int], list[bytes]]

SPOILT: dict[str, Spoil] = {
    "a row that the backup has, taken out": lambda lines, common: lines[:3] + lines[4:],
    "rubbish before the backup's last row": lambda lines, _: [*lines[:3], b"x\n", *lines[4:]],
    "a row taken out": lambda lines, common: lines[: common + 9] + lines[common + 10 :],
    "rubbish": lambda lines, common: [*lines[: common + 9], b"x\n", *lines[common + 10 :]],
    "rubbish at its end": lambda lines, _: [*lines, b"x\n"],
    "another store's": lambda lines, _: [row.replace(b'"at":1', b'"at":2') for row in lines],
}


@pytest.fixture(params=["restored", "copied back"])
def damaged(
    lost: Lost, place: Home, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[[Spoil], Home]:
    """A home beside whose own journal, which was damaged, lies what the backup knew."""
    lines = lost.journal.read_bytes().splitlines(keepends=True)

    def spoilt(spoil: Spoil) -> Home:
        if request.param == "restored":
            shutil.copytree(lost.home.public, place.public)
            place.store.mkdir()
        else:
            shutil.copytree(lost.home.path, place.path)
            old = open_at(tmp_path / "old")
            restoration.restore(old, lost.backup)
            shutil.copy(old.database, place.database)
        common = len(rows(old_of(lost, tmp_path), "SELECT id FROM audit"))
        (place.store / "journal").write_bytes(b"".join(spoil(lines, common)))
        if request.param == "restored":
            restoration.restore(place, lost.backup)
        return place

    return spoilt


def old_of(lost: Lost, tmp_path: Path) -> Home:
    """What the backup holds."""
    old = open_at(tmp_path / "old")
    if not old.database.exists():
        restoration.restore(old, lost.backup)
    return old


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_damaged_journal_is_refused_with_a_way_on(
    damaged: Callable[[Spoil], Home], spoil: Spoil
) -> None:
    home = damaged(spoil)
    before = rows(home, "SELECT * FROM audit")
    with pytest.raises(Invalid) as refused:
        reconcile.reconcile(home)
    assert refused.value.hint is not None
    assert "--journal FILE" in refused.value.hint
    assert "--without-journal" in refused.value.hint
    assert rows(home, "SELECT * FROM audit") == before
    with pytest.raises(Refused, match=r"restored store lacks|older than"):
        issue(home)


def test_a_damaged_journal_is_refused_until_it_is_moved_away(
    lost: Lost, damaged: Callable[[Spoil], Home]
) -> None:
    """A copy may be shorter than it; the operator decides."""
    home = damaged(SPOILT["rubbish"])
    check_refused(home, [lost.journal], "damaged")
    (home.store / "journal").unlink()
    assert reconcile.reconcile(home, [lost.journal]).is_finished
    check_everything_is_known(lost, home)
    check_goes_on(lost, home)
    check_chain(home)


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_damaged_journal_is_set_aside_where_the_operator_goes_on_without(
    lost: Lost, damaged: Callable[[Spoil], Home], spoil: Spoil
) -> None:
    """Nothing of it is replayed; the CRLs say what is revoked."""
    home = damaged(spoil)
    content = (home.store / "journal").read_bytes()
    done = reconcile.reconcile(home, without_journal=True)
    assert done.is_finished
    assert [path for path, _ in done.problems if path.name == "journal"]
    assert (done.restored.issued, done.restored.unknown) == (0, REVOKED)
    assert done.set_aside is not None
    assert done.set_aside.read_bytes() == content
    check_chain(home)
    check_goes_on(lost, home)


def test_without_its_damaged_journal_a_copy_is_replayed(
    lost: Lost, damaged: Callable[[Spoil], Home]
) -> None:
    home = damaged(SPOILT["rubbish"])
    done = reconcile.reconcile(home, [lost.journal], without_journal=True)
    assert done.is_finished
    assert done.set_aside is not None
    check_everything_is_known(lost, home)
    check_chain(home)


def test_a_journal_with_a_row_that_cannot_be_read_is_refused_as_a_whole(
    lost: Lost, place: Home
) -> None:
    """Every hash is right; who wrote it did not know what such a row says."""
    found = [json.loads(line) for line in lost.journal.read_text().splitlines()]
    nth = max(nth for nth, row in enumerate(found) if row["act"] == "issued")
    found[nth]["detail"]["serial"] = "none"
    previous, lines = bytes(32), []
    for row in found:
        row.pop("hash")
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        previous = hashlib.sha256(previous + line.encode()).digest()
        lines.append(f'{line[:-1]},"hash":"{previous.hex()}"}}\n')
    place.store.mkdir(parents=True)
    (place.store / "journal").write_text("".join(lines))
    restoration.restore(place, lost.backup)
    check_refused(place, [], "cannot be read")
    done = reconcile.reconcile(place, without_journal=True)
    assert done.is_finished
    assert done.restored.issued == 0
    check_chain(place)


# -- a journal that lost its end


@pytest.mark.parametrize("marker", ["*-audit.json", "*.crl"])
@pytest.mark.parametrize("copied_back", [False, True])
def test_a_journal_is_not_enough_where_a_ca_has_signed_something_since(
    lost: Lost, place: Home, tmp_path: Path, marker: str, copied_back: bool
) -> None:
    """BACKUP, some acts … the journal ends, looking whole … others, a checkpoint and a CRL."""
    lines = lost.journal.read_bytes().splitlines(keepends=True)
    if copied_back:
        shutil.copytree(lost.home.path, place.path)
        shutil.copy(old_of(lost, tmp_path).database, place.database)
        others = [*(place.store / "crl").iterdir()]
    else:
        shutil.copytree(lost.home.public, place.public)
        place.store.mkdir()
        others = []
    for path in (*others, *place.public.iterdir()):
        if not path.match(marker):
            path.unlink()
    (place.store / "journal").write_bytes(b"".join(lines[: len(lines) // 2]))
    if not copied_back:
        restoration.restore(place, lost.backup)
    done = reconcile.reconcile(place)
    assert not done.is_finished
    named = [path.name for path, _ in done.problems]
    assert ("new-audit.json" if "audit" in marker else "new-issuing.crl") in named
    assert not reconcile.reconcile(place).is_finished
    with pytest.raises(Refused, match="restored store lacks"):
        issue(place)
    assert reconcile.reconcile(place, [lost.journal]).is_finished
    check_goes_on(lost, place)


@pytest.mark.parametrize("together", [True, False])
def test_a_journal_is_not_enough_where_a_given_crl_is_newer(
    lost: Lost, place: Home, tmp_path: Path, together: bool
) -> None:
    """With the cut journal, or in a second run after it: a CRL that servers have is newer."""
    lines = lost.journal.read_bytes().splitlines(keepends=True)
    cut, crl = tmp_path / "cut", lost.home.public / "new-issuing.crl"
    cut.write_bytes(b"".join(lines[: len(lines) // 2]))
    restoration.restore(place, lost.backup)
    if together:
        done = reconcile.reconcile(place, [cut], [crl])
    else:
        reconcile.reconcile(place, [cut])
        done = reconcile.reconcile(place, [], [crl])
    assert not done.is_finished
    assert [crl] == [path for path, _ in done.problems]
    with pytest.raises(Refused, match="lacks the changes"):
        issue(place)
    if together:
        assert reconcile.reconcile(place, [lost.journal]).is_finished
        check_goes_on(lost, place)
    assert reconcile.reconcile(place, without_journal=True).is_finished


def test_the_journal_of_a_copy_that_went_another_way_is_not_enough(
    template: Path, place: Home, tmp_path: Path
) -> None:
    """BACKUP, then two machines with the same store: one signs a checkpoint, and the other one has
    as many rows, but other ones."""
    home = copy_home(template, tmp_path / "first", Clock())
    backup.to_file(home, tmp_path / "backup")
    home.db.close()
    shutil.copytree(home.path, tmp_path / "second")
    first, second = (open_at(tmp_path / name) for name in ("first", "second"))
    for user in ("a", "b"):
        user_records.add(first, User(user))
    publication.publish(first)
    for user in "cdefghijklmnopqrstuvwxyz":
        user_records.add(second, User(user))
    place.public.mkdir(parents=True)
    shutil.copy(first.public / "new-audit.json", place.public)
    signed = json.loads((place.public / "new-audit.json").read_text())
    assert "rows" in json.dumps(signed)
    restoration.restore(place, tmp_path / "backup")
    done = reconcile.reconcile(place, [second.store / "journal"])
    assert not done.is_finished
    assert "new-audit.json" in [path.name for path, _ in done.problems]
    check_refused(place, [first.store / "journal"], "diverge after row")
    again = open_at(tmp_path / "again")
    restoration.restore(again, tmp_path / "backup")
    assert reconcile.reconcile(again, [first.store / "journal"]).is_finished


def test_a_checkpoint_counts_after_a_publication_has_replaced_it(
    lost: Lost, place: Home, tmp_path: Path
) -> None:
    lines = lost.journal.read_bytes().splitlines(keepends=True)
    cut = tmp_path / "cut"
    cut.write_bytes(b"".join(lines[: len(lines) // 2]))
    shutil.copytree(lost.home.public, place.public)
    place.store.mkdir()
    shutil.copy(cut, place.store / "journal")
    restoration.restore(place, lost.backup)
    assert not reconcile.reconcile(place).is_finished
    publication.publish(place)
    assert not reconcile.reconcile(place).is_finished
    check_refused(place, [cut], r"ends at row \d+, and row \d+ is needed")
    check_refused(place, [lost.journal], "diverge after row")
    with pytest.raises(Refused, match="restored store lacks"):
        issue(place)
    assert reconcile.reconcile(place, without_journal=True).is_finished
    check_chain(place)


def test_an_accepted_loss_is_not_reported_again(lost: Lost, place: Home) -> None:
    lines = lost.journal.read_bytes().splitlines(keepends=True)
    shutil.copytree(lost.home.public, place.public)
    place.store.mkdir()
    (place.store / "journal").write_bytes(b"".join(lines[: len(lines) // 2]))
    restoration.restore(place, lost.backup)
    done = reconcile.reconcile(place, without_journal=True)
    assert done.is_finished
    assert "was signed when the audit log had" in str(done.problems[0][1])
    again = reconcile.reconcile(place)
    assert again.is_finished
    assert "was signed" not in "".join(str(problem) for _, problem in again.problems)
    check_goes_on(lost, place)


# -- refusals


def test_a_restored_store_issues_and_publishes_nothing_before_it_is_reconciled(
    lost: Lost, place: Home
) -> None:
    restoration.restore(place, lost.backup)
    assert not reconcile.reconcile(place).is_finished
    with pytest.raises(Refused, match="restored store lacks"):
        issue(place)
    with pytest.raises(Refused, match="restored store lacks"):
        publication.publish(place)
    revocation.revoke(place, [record_of(place, lost.before).number], RevocationReason.UNSPECIFIED)
    assert not reconcile.reconcile(place).is_finished
    assert reconcile.reconcile(place, without_journal=True).is_finished
    check_chain(place)
    issue(place)
    publication.publish(place)


V_0_1 = {"head": 3, "has_journal": True, "has_crls": True, "has_looked": True, "least": 0}


@pytest.mark.parametrize(
    ("state", "may_publish"),
    [
        (V_0_1, True),
        (V_0_1 | {"has_looked": False}, False),
        (V_0_1 | {"has_journal": False}, True),
        (V_0_1 | {"least": 10**6}, True),
    ],
)
def test_a_restore_that_version_0_1_0_left_unfinished_is_unfinished(
    lost: Lost, place: Home, state: dict[str, object], may_publish: bool
) -> None:
    """That version added rows of its own to a journal that did not suffice."""
    restoration.restore(place, lost.backup)
    if not state["has_journal"]:
        place.recovery_file.unlink()
        place.append_to_journal()
    place.recovery_file.write_text(json.dumps(state))
    with pytest.raises(Refused, match="restored store lacks"):
        issue(place)
    assert not reconcile.reconcile(place).is_finished
    if may_publish:
        publication.publish(place)


@pytest.mark.parametrize("at", ["replay", "CRLs", "finish", "the end"])
@pytest.mark.parametrize("kind", ["restored", "copied back"])
def test_a_run_that_is_killed_is_repeated(
    lost: Lost, place: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, kind: str
) -> None:
    if kind == "restored":
        shutil.copytree(lost.home.public, place.public)
        place.store.mkdir()
        shutil.copy(lost.journal, place.store / "journal")
        restoration.restore(place, lost.backup)
    else:
        shutil.copytree(lost.home.path, place.path)
        shutil.copy(old_of(lost, tmp_path).database, place.database)

    def die(*arguments: object, **_: object) -> None:
        if at != "the end" or arguments[0] == place.recovery_file:
            raise Died

    with monkeypatch.context() as patch:
        where = {
            "replay": (RecoveryState, "write"),
            "CRLs": (crl_sources, "read"),
            "finish": (reconcile, "_finish"),
            "the end": (Path, "unlink"),
        }[at]
        patch.setattr(*where, die)
        with pytest.raises(Died):
            reconcile.reconcile(place)
    again = open_at(place.path)
    with pytest.raises(Refused, match=r"restored store lacks|older than"):
        issue(again)
    assert reconcile.reconcile(again).is_finished
    check_everything_is_known(lost, again)
    check_goes_on(lost, again)
    again.db.close()


def test_a_run_that_is_killed_while_it_reads_a_crl_is_repeated(
    lost: Lost, place: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it remembers is more than what it did; the audit log gets a row for each."""
    shutil.copytree(lost.home.public, place.public)
    restoration.restore(place, lost.backup)
    write = RecoveryState.write

    def die(self: RecoveryState, path: Path) -> None:
        write(self, path)
        if self.unrecorded:
            raise Died

    with monkeypatch.context() as patch:
        patch.setattr(RecoveryState, "write", die)
        with pytest.raises(Died):
            reconcile.reconcile(place)
    assert not reconcile.reconcile(place).is_finished
    head = rows(place, "SELECT max(id) FROM audit")
    assert reconcile.reconcile(place, without_journal=True).is_finished
    revoked = "SELECT count(*) FROM audit WHERE act IN ('revoked', 'held') AND id > "
    assert rows(place, f"{revoked}{head[0][0]}") == [(REVOKED + 1,)]
    check_goes_on(lost, place)


def test_a_journal_that_ends_before_the_backup_is_not_enough(
    lost: Lost, place: Home, tmp_path: Path
) -> None:
    lines = lost.journal.read_bytes().splitlines(keepends=True)
    (tmp_path / "short").write_bytes(b"".join(lines[:3]))
    (tmp_path / "empty").touch()
    restoration.restore(place, lost.backup)
    check_refused(place, [tmp_path / "short"], "ends at row 3, and row")
    with pytest.raises(Invalid, match="is empty"):
        reconcile.reconcile(place, [tmp_path / "empty"])
    with pytest.raises(Refused, match="restored store lacks"):
        issue(place)


@pytest.mark.parametrize("rows_left", [0, 3])
def test_a_journal_that_survived_but_ends_before_the_backup_is_never_enough(
    lost: Lost, place: Home, rows_left: int
) -> None:
    """What is done to catch up adds the backup's own rows to it: it is no better for that."""
    lines = lost.journal.read_bytes().splitlines(keepends=True)
    place.store.mkdir(parents=True)
    (place.store / "journal").write_bytes(b"".join(lines[:rows_left]))
    restoration.restore(place, lost.backup)
    crls = [path for path in lost.crls if not path.name.startswith("later")]
    for given in ([], crls, []):
        assert not reconcile.reconcile(place, crl_files=given).is_finished
        with pytest.raises(Refused, match="restored store lacks"):
            issue(place)
    assert reconcile.reconcile(place, [lost.journal]).is_finished


@pytest.mark.parametrize("journal", ["none", "damaged"])
def test_published_crls_are_not_replaced_before_they_are_read(
    lost: Lost, place: Home, journal: str
) -> None:
    """The restore was killed before it read them, or its journal stopped it."""
    shutil.copytree(lost.home.public, place.public)
    place.store.mkdir()
    if journal == "damaged":
        (place.store / "journal").write_bytes(lost.journal.read_bytes() + b"none of ours\n")
    restoration.restore(place, lost.backup)
    if journal == "damaged":
        with pytest.raises(Invalid, match="damaged"):
            reconcile.reconcile(place)
        (place.store / "journal").unlink()
    with pytest.raises(Refused, match="restored store lacks"):
        publication.publish(place)
    reconcile.reconcile(place)
    publication.publish(place)
    before = revoked_by(lost.home.public / "new-issuing.crl")
    assert revoked_by(place.public / "new-issuing.crl") >= before


def test_a_journal_that_was_changed_is_refused(lost: Lost, place: Home, tmp_path: Path) -> None:
    restoration.restore(place, lost.backup)
    content = lost.journal.read_bytes()
    last = content.rindex(b'"act":"downloaded"')
    changed = content[:last] + content[last:].replace(b'"downloaded"', b'"withdrawn"', 1)
    lines = content.splitlines(keepends=True)
    for nth, spoiled in enumerate((changed, b"".join([*lines[:-9], *lines[-8:]]))):
        (tmp_path / f"j{nth}").write_bytes(spoiled)
        with pytest.raises((Invalid, Unavailable)):
            reconcile.reconcile(place, [tmp_path / f"j{nth}"])
        with pytest.raises(Refused, match=r"restored store lacks|older than"):
            issue(place)
    reconcile.reconcile(place, [lost.journal])
    check_everything_is_known(lost, place)


def test_the_journal_of_another_store_is_refused(lost: Lost, place: Home, tmp_path: Path) -> None:
    other = open_at(tmp_path / "other")
    other.create("another", "another")
    user_records.add(other, User.parse("somebody"))
    restoration.restore(place, lost.backup)
    with pytest.raises(Invalid, match="another store"):
        reconcile.reconcile(place, [other.store / "journal"])


def test_the_crl_of_another_ca_is_refused(lost: Lost, place: Home, tmp_path: Path) -> None:
    other = open_at(tmp_path / "other")
    other.create("another", "another")
    creation.create(other, "new")
    restoration.restore(place, lost.backup)
    with pytest.raises(Invalid, match="another CA"):
        reconcile.reconcile(place, crl_files=[other.store / "crl" / "new-root.crl"])


def test_a_home_is_never_overwritten(lost: Lost, template: Path, tmp_path: Path) -> None:
    for keep in ("ca-store/rca.sqlite", "ca-store/keys", "rca.yaml", "profiles"):
        home = copy_home(template, tmp_path / keep.replace("/", "-"), Clock())
        for path in ("ca-store/rca.sqlite", "ca-store/keys", "rca.yaml", "profiles"):
            there = home.path / path
            if path != keep:
                shutil.rmtree(there) if there.is_dir() else there.unlink()
        before = sorted(home.path.rglob("*"))
        with pytest.raises(Conflict, match="exists already"):
            restoration.restore(home, lost.backup)
        assert [p for p in sorted(home.path.rglob("*")) if p.suffix != ".lock"] == [
            p for p in before if p.suffix != ".lock"
        ]


def test_a_second_restore_before_reconciling_is_refused_with_a_hint(
    lost: Lost, place: Home
) -> None:
    restoration.restore(place, lost.backup)
    with pytest.raises(Conflict, match="is not finished") as refusal:
        restoration.restore(place, lost.backup)
    assert refusal.value.hint == "run `rca restore` without FILE to continue"


def test_a_damaged_backup_puts_nothing_into_place(lost: Lost, place: Home, tmp_path: Path) -> None:
    content = bytearray(lost.backup.read_bytes())
    content[-100] ^= 1
    (tmp_path / "damaged").write_bytes(content)
    with pytest.raises(Invalid, match="damaged"):
        restoration.restore(place, tmp_path / "damaged")
    left = [path for path in place.path.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert left == []
    restoration.restore(place, lost.backup)


def test_a_wrong_passphrase_makes_nothing(lost: Lost, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="wrong passphrase"):
        restoration.restore(Home(tmp_path / "home", lambda is_new: b"another"), lost.backup)
    assert not (tmp_path / "home").exists()


def test_a_hierarchy_without_its_key_is_known_and_issues_nothing(lost: Lost, place: Home) -> None:
    """It was made after the backup; its certificate is in the journal, its key is lost."""
    restoration.restore(place, lost.backup)
    reconcile.reconcile(place, [lost.journal])
    with pytest.raises((Unavailable, NotFound)):
        issue(place, hierarchy="later")


def test_the_crl_of_a_ca_without_its_key_is_reported_with_its_end(lost: Lost, place: Home) -> None:
    """It is there and good; nobody can sign the next one."""
    shutil.copytree(lost.home.public, place.public)
    restoration.restore(place, lost.backup)
    reconcile.reconcile(place, [lost.journal])
    for if_due in (False, True):
        assert publication.publish(place, if_due=if_due).overdue == ("later-issuing",)
    (found,) = doctor.examine(place)["CRL"]
    text = openssl(
        "crl", "-inform", "DER", "-in", place.public / "later-issuing.crl", "-noout",
        "-nextupdate", "-dateopt", "iso_8601",
    )  # fmt: skip
    end = text.removeprefix("nextUpdate=")[:10]
    assert str(found.what) == (
        f"the CRL of later-issuing expires on {end} and cannot be renewed: the CA's key is not here"
    )
    assert "rca migrate --from later" in (found.what.hint or "").format(**found.what.values)
    (place.store / "crl" / "later-issuing.crl").unlink()
    (found,) = doctor.examine(place)["CRL"]
    assert "has no CRL" in str(found.what)
