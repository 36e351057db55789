"""Another passphrase: all keys are under it or none is, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from renrakucho_ca.errors import Conflict, Refused, Unavailable
from renrakucho_ca.service.hierarchy import creation, rekey
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.publication import publication
from renrakucho_ca.store.keystore import generations
from tests.shared.homes import PASSPHRASE
from tests.shared.runner import Workspace
from tests.shared.soundness import check_secrets, check_settled
from tests.shared.system_calls import calls, failing_at, killed_at, some

NEW = b"a newer and longer passphrase"


def under(home: Home, passphrase: bytes) -> Home:
    """The same home, for one who knows that passphrase."""
    return Home(home.path, lambda is_new: passphrase, home.clock)


def salts(home: Home) -> set[str]:
    """Of every sealed key, as its file says in the clear."""
    sealed = [path for path in (home.store / "keys").glob("*.key") if path.name != "bundle.key"]
    assert len(sealed) == 5
    return {json.loads(path.read_bytes())["kdf"]["salt"] for path in sealed}


def opens(home: Home) -> bool:
    """All keys of both hierarchies, and the retrieval passwords."""
    try:
        home.keystore.password_sealer()
        for name in ("old-root", "old-issuing", "new-root", "new-issuing"):
            home.keystore.read(name)
    except Unavailable:
        return False
    return True


def test_every_key_opens_with_the_new_passphrase_alone_under_a_fresh_salt(home: Home) -> None:
    before = salts(home)
    secrets = {name: home.keystore.read(name) for name in ("old-root", "new-issuing", "reveal")}
    assert rekey.rekey_passphrase(home, lambda: NEW).keys == 5
    (salt,) = salts(home)
    assert salt not in before
    assert not opens(under(home, PASSPHRASE))
    renewed = under(home, NEW)
    assert opens(renewed)
    assert {name: renewed.keystore.read(name) for name in secrets} == secrets


def test_files_are_private_and_no_others_remain(home: Home) -> None:
    before = sorted((home.store / "keys").iterdir())
    rekey.rekey_passphrase(home, lambda: NEW)
    assert sorted((home.store / "keys").iterdir()) == before
    assert {path.stat().st_mode & 0o777 for path in before} == {0o600}


def test_a_wrong_passphrase_changes_nothing(home: Home) -> None:
    before = {path: path.read_bytes() for path in (home.store / "keys").iterdir()}
    with pytest.raises(Unavailable, match="wrong passphrase"):
        rekey.rekey_passphrase(under(home, b"guessed"), lambda: NEW)
    assert {path: path.read_bytes() for path in (home.store / "keys").iterdir()} == before


def test_a_damaged_key_keeps_all_under_the_old_passphrase(home: Home) -> None:
    damaged = home.store / "keys" / "old-root.key"
    document = json.loads(damaged.read_bytes())
    document["sealed"] = "AAAA" + document["sealed"][4:]
    damaged.write_text(json.dumps(document))
    with pytest.raises(Unavailable, match="wrong passphrase"):
        rekey.rekey_passphrase(home, lambda: NEW)
    assert under(home, PASSPHRASE).keystore.read("new-issuing")


def test_the_passphrase_that_there_is_is_no_new_one(home: Home) -> None:
    with pytest.raises(Conflict, match="equals the present one"):
        rekey.rekey_passphrase(home, lambda: PASSPHRASE)


def test_a_second_run_finds_it_done(home: Home) -> None:
    rekey.rekey_passphrase(home, lambda: NEW)
    again = rekey.rekey_passphrase(under(home, PASSPHRASE), lambda: NEW)
    assert (again.keys, again.root_key) == (0, False)


def test_a_home_without_keys_has_no_passphrase_to_change(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", lambda is_new: PASSPHRASE)
    home.create("見本市", "見本市役所")
    with pytest.raises(Conflict, match="no keys yet"):
        rekey.rekey_passphrase(home, lambda: NEW)


# -- a root's key outside


@pytest.fixture
def stick(home: Home, tmp_path: Path) -> Path:
    """The key of the root of `third`."""
    path = tmp_path / "stick" / "root.key"
    path.parent.mkdir()
    creation.create(home, "third", common_name="third.example.jp", root_key_out=path)
    return path


def test_a_root_key_outside_keeps_its_passphrase(home: Home, stick: Path) -> None:
    before = stick.read_bytes()
    rekey.rekey_passphrase(home, lambda: NEW)
    assert stick.read_bytes() == before


def test_a_root_key_outside_follows_where_it_is_named(home: Home, stick: Path) -> None:
    assert rekey.rekey_passphrase(home, lambda: NEW, stick).root_key
    published = publication.publish(under(home, NEW), root_key=stick)
    assert "third-root" in published.renewed
    assert list(stick.parent.iterdir()) == [stick]


def test_a_root_key_outside_can_follow_later(home: Home, stick: Path) -> None:
    rekey.rekey_passphrase(home, lambda: NEW)
    later = rekey.rekey_passphrase(under(home, PASSPHRASE), lambda: NEW, stick)
    assert (later.keys, later.root_key) == (0, True)
    assert under(home, NEW).keystore.read_outside(stick, "third-root")


def test_the_file_that_a_link_names_is_replaced_and_not_the_link(
    home: Home, stick: Path, tmp_path: Path
) -> None:
    link = tmp_path / "root.key"
    link.symlink_to(stick)
    rekey.rekey_passphrase(home, lambda: NEW, link)
    assert link.is_symlink()
    assert under(home, NEW).keystore.read_outside(stick, "third-root")


def test_a_key_of_the_store_is_no_key_outside(home: Home) -> None:
    inside = home.store / "keys" / "new-root.key"
    with pytest.raises(Refused, match="is in the store"):
        rekey.rekey_passphrase(home, lambda: NEW, inside)
    assert opens(under(home, PASSPHRASE))


# -- cut off


def test_a_set_that_was_complete_counts_before_all_of_it_is_in_place(home: Home) -> None:
    """Whoever comes next finishes it, without knowing any passphrase."""
    keys = home.store / "keys"
    old = {path.name: path.read_bytes() for path in keys.glob("*.key")}
    rekey.rekey_passphrase(home, lambda: NEW)
    (keys / "next").mkdir()
    for name in ("new-root.key", "reveal.key"):
        (keys / name).rename(keys / "next" / name)
        (keys / name).write_bytes(old[name])
    assert opens(under(home, NEW))
    assert not (keys / "next").exists()


def test_a_concurrent_rekey_that_finishes_first_is_harmless(tmp_path: Path) -> None:
    for number in range(200):
        keys = tmp_path / str(number)
        (keys / "next").mkdir(parents=True)
        (keys / "next" / "a.key").write_bytes(b"new")
    program = """
import sys
from pathlib import Path
from renrakucho_ca.store.keystore import generations
for number in range(200):
    generations.finish(Path(sys.argv[1]) / str(number))
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    assert {path.name for path in tmp_path.rglob("*.key")} == {"a.key"}
    assert not list(tmp_path.rglob("next"))


def test_the_unfinished_files_of_a_killed_rekey_are_not_used(tmp_path: Path) -> None:
    (tmp_path / ".next.tmp").mkdir()
    (tmp_path / ".next.tmp" / "stray.key").write_bytes(b"stray")
    (tmp_path / "a.key").write_bytes(b"old")
    generations.replace_all(tmp_path, {"a.key": b"new"}, check=Path.stat)
    assert [path.name for path in tmp_path.iterdir()] == ["a.key"]
    assert (tmp_path / "a.key").read_bytes() == b"new"


@pytest.fixture(scope="module")
def session(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A terminal at that home, with both passphrases in files."""
    rca = Workspace(tmp_path_factory.mktemp("session"))
    shutil.copytree(template, rca.home)
    rca.passphrase.write_bytes(PASSPHRASE)
    return rca


def copied(session: Workspace, folder: Path) -> Workspace:
    rca = session.copy(folder)
    rca.passphrase.write_bytes(PASSPHRASE)
    (folder / "new-passphrase").write_bytes(NEW + b"\n")
    return rca


COMMAND = ("hierarchy", "rekey-passphrase", "--new-passphrase-file", "new-passphrase")


@pytest.mark.needs("strace")
def test_a_run_killed_anywhere_leaves_all_keys_under_one_passphrase(
    session: Workspace, tmp_path: Path
) -> None:
    outcomes = set()
    for number, call in enumerate(some(calls(copied(session, tmp_path / "x0"), *COMMAND), 7), 1):
        rca = copied(session, tmp_path / f"x{number}")
        killed_at(call, rca, *COMMAND)
        home = Home(rca.home, lambda is_new: PASSPHRASE)
        old, new = opens(home), opens(under(home, NEW))
        assert old is not new, call.text
        outcomes.add(new)
        check_secrets(rca)
        assert rca(*COMMAND).code == 0
        assert opens(under(home, NEW))
        check_settled(rca)
    assert outcomes == {False, True}


@pytest.mark.needs("strace")
def test_a_disk_that_is_full_keeps_all_under_the_old_passphrase(
    session: Workspace, tmp_path: Path
) -> None:
    writes = calls(copied(session, tmp_path / "x0"), *COMMAND)
    last = [call for call in writes if call.name == "fsync" and ".key.tmp" in call.text][-1]
    rca = copied(session, tmp_path / "x1")
    assert failing_at(last, "ENOSPC", rca, *COMMAND).code == 7
    assert opens(Home(rca.home, lambda is_new: PASSPHRASE))
    check_settled(rca)


@pytest.mark.needs("strace")
def test_a_root_key_file_is_complete_or_absent_after_a_kill(
    session: Workspace, tmp_path: Path
) -> None:
    command = ("hierarchy", "create", "third", "--root-key-out", "root.key")
    steps = calls(copied(session, tmp_path / "x0"), *command)
    of_key = [call for call in steps if "root.key" in call.text and call.name != "openat"]
    assert of_key
    for number, call in enumerate(of_key, 1):
        rca = copied(session, tmp_path / f"x{number}")
        killed_at(call, rca, *command)
        key = rca.folder / "root.key"
        if key.exists():
            home = Home(rca.home, lambda is_new: PASSPHRASE)
            assert home.keystore.read_outside(key, "third-root")
            key.unlink()
        assert rca(*command).code == 0
        check_settled(rca)


# -- where the new passphrase comes from


def test_the_new_passphrase_comes_from_a_file_and_the_old_one_is_dead(
    session: Workspace, tmp_path: Path
) -> None:
    rca = copied(session, tmp_path / "work")
    issued = rca.issue()
    answer = rca(*COMMAND, "--format", "json")
    assert answer.json == {"keys": 5, "root_key": None}
    assert NEW.decode() not in answer.out + answer.err
    assert rca("show", issued["number"], "--reveal").code == 7
    renewed = rca(
        *("show", issued["number"], "--reveal", "--format", "json"),
        passphrase=rca.folder / "new-passphrase",
    )
    assert renewed.json["password"] == issued["password"]


def test_the_new_passphrase_comes_from_a_descriptor(session: Workspace, tmp_path: Path) -> None:
    rca = copied(session, tmp_path / "work")
    reading, writing = os.pipe()
    os.write(writing, NEW)
    os.close(writing)
    command = ("hierarchy", "rekey-passphrase", "--new-passphrase-fd", str(reading))
    assert rca(*command, pass_fds=[reading]).code == 0
    assert opens(Home(rca.home, lambda is_new: NEW))


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * 1025])
def test_a_new_passphrase_that_could_not_be_chosen_first_is_refused(
    session: Workspace, tmp_path: Path, content: bytes
) -> None:
    rca = copied(session, tmp_path / "work")
    (rca.folder / "new-passphrase").write_bytes(content)
    refused = rca(*COMMAND)
    assert refused.code == 7
    assert "the passphrase is" in refused.complaint


def test_without_a_new_passphrase_a_hint_is_printed(session: Workspace, tmp_path: Path) -> None:
    refused = session("hierarchy", "rekey-passphrase")
    assert refused.code == 7
    assert "--new-passphrase-file" in refused.err
