"""Secrets at rest: sealed under the passphrase, bound to their name, and no other file is taken."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import resource
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from renrakucho_ca.clock import system_randomness
from renrakucho_ca.errors import Conflict, RcaError, Unavailable
from renrakucho_ca.store.keystore import Keystore
from renrakucho_ca.store.keystore.sealing import KeyDerivation, Sealer

PASSPHRASE = "合言葉 correct horse".encode()
SECRET = b"-- the private key of a CA, in PKCS#8 --"


def open_keystore(folder: Path, passphrase: bytes = PASSPHRASE) -> Keystore:
    return Keystore(folder, lambda is_new: passphrase, system_randomness)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys of a store with one CA. Tests only look at it: each unlocking costs 0.2 s."""
    folder = tmp_path_factory.mktemp("keys")
    keystore = open_keystore(folder)
    keystore.create_bundle_key()
    keystore.write("new-issuing", SECRET)
    return folder


@pytest.fixture(scope="module")
def keystore(folder: Path) -> Keystore:
    return open_keystore(folder)


@pytest.fixture(scope="module")
def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "new-issuing.key").read_bytes())
    return found


# -- what lies in the files


def test_a_key_opens_by_the_rules_that_its_file_states(document: dict[str, Any]) -> None:
    """scrypt as OpenSSL's hashlib computes it, AES-256-GCM, the name as associated data."""
    kdf = document["kdf"]
    assert (kdf["name"], kdf["n"], kdf["r"], kdf["p"]) == ("scrypt", 2**16, 8, 1)
    key = hashlib.scrypt(
        PASSPHRASE,
        salt=base64.b64decode(kdf["salt"]),
        n=kdf["n"],
        r=kdf["r"],
        p=kdf["p"],
        maxmem=2**27,
        dklen=32,
    )
    nonce, sealed = (base64.b64decode(document[name]) for name in ("nonce", "sealed"))
    assert len(base64.b64decode(kdf["salt"])) == 16
    assert AESGCM(key).decrypt(nonce, sealed, b"rca-sealed-1 new-issuing") == SECRET


def test_no_file_has_a_secret_in_the_clear(folder: Path, keystore: Keystore) -> None:
    reveal = keystore.password_sealer().key
    for path in folder.iterdir():
        content = path.read_bytes()
        for secret in (SECRET, PASSPHRASE, reveal):
            for form in (secret, base64.b64encode(secret), secret.hex().encode()):
                assert form not in content


def test_every_file_is_the_owners_alone(folder: Path) -> None:
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_all_files_of_a_store_share_a_salt_and_none_a_nonce(folder: Path) -> None:
    """One salt: a command stretches the passphrase once. Nonces must differ under one key."""
    documents = [
        json.loads(path.read_bytes())
        for path in folder.glob("*.key")
        if b"{" in path.read_bytes()[:1]
    ]
    assert len(documents) == 2
    assert len({each["kdf"]["salt"] for each in documents}) == 1
    assert len({each["nonce"] for each in documents}) == 2


def test_no_representation_shows_a_key(keystore: Keystore) -> None:
    sealer = keystore.bundle_sealer()
    shown = repr(sealer) + repr(keystore)
    assert repr(sealer.key)[2:-1] not in shown
    assert PASSPHRASE.decode() not in shown


# -- the passphrase


def test_the_passphrase_is_asked_for_once_and_only_at_need(folder: Path) -> None:
    asked: list[bool] = []

    def ask(is_new: bool) -> bytes:
        asked.append(is_new)
        return PASSPHRASE

    keystore = Keystore(folder, ask, system_randomness)
    keystore.bundle_sealer()
    assert asked == []
    assert keystore.read("new-issuing") == SECRET
    keystore.password_sealer()
    assert asked == [False]


def test_the_first_passphrase_of_a_store_is_a_new_one(tmp_path: Path) -> None:
    asked: list[bool] = []

    def ask(is_new: bool) -> bytes:
        asked.append(is_new)
        return PASSPHRASE

    Keystore(tmp_path, ask, system_randomness).unlock()
    assert asked == [True]


def test_a_wrong_passphrase_is_unavailable_and_changes_nothing(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    keystore = open_keystore(folder, b"wrong")
    for attempt in (
        keystore.unlock,
        lambda: keystore.read("new-issuing"),
        lambda: keystore.write("old-issuing", SECRET),
    ):
        with pytest.raises(Unavailable, match="wrong passphrase") as caught:
            attempt()
        assert caught.value.message == "wrong passphrase"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_key_is_never_overwritten(keystore: Keystore) -> None:
    with pytest.raises(Conflict, match="exists"):
        keystore.write("new-issuing", b"another")
    assert keystore.read("new-issuing") == SECRET


# -- files from elsewhere


def test_a_key_that_is_missing_is_unavailable(keystore: Keystore) -> None:
    with pytest.raises(Unavailable, match="missing"):
        keystore.read("old-issuing")


def test_the_key_file_of_another_ca_is_refused_by_name(keystore: Keystore, folder: Path) -> None:
    with pytest.raises(Unavailable, match="has the key of 'new-issuing', not of old-root"):
        keystore.read_outside(folder / "new-issuing.key", "old-root")


def test_a_key_file_that_was_given_another_name_does_not_open(
    keystore: Keystore, document: dict[str, Any], tmp_path: Path
) -> None:
    """The name is sealed along: whoever can write files cannot pass one CA's key for another's."""
    path = tmp_path / "old-root.key"
    path.write_text(json.dumps(document | {"name": "old-root"}))
    with pytest.raises(Unavailable, match="wrong passphrase"):
        keystore.read_outside(path, "old-root")


def test_a_key_of_another_store_opens_under_its_own_salt(
    keystore: Keystore, tmp_path: Path
) -> None:
    other = open_keystore(tmp_path)
    other.write_outside(tmp_path / "stick.key", "old-root", SECRET)
    assert keystore.read_outside(tmp_path / "stick.key", "old-root") == SECRET


HOSTILE: dict[str, object] = {
    "nothing": "",
    "not json": "-----BEGIN PRIVATE KEY-----",
    "not utf-8": b"\xff\xfe{}",
    "a list": [],
    "null": None,
    "deep": "[" * 60_000,
    "long": "1" * 60_000,
    "cut off": '{"format": "rca-sealed-1", "name": ',
}
FIELDS: dict[str, dict[str, object]] = {
    "another format": {"format": "rca-sealed-2"},
    "another cipher": {"cipher": "AES-128-CBC"},
    "no nonce": {"nonce": None},
    "a short nonce": {"nonce": "AAAA"},
    "not base64": {"sealed": "%%%%"},
    "not ascii": {"sealed": "鍵"},
    "a number": {"sealed": 5},
    "a list of names": {"name": ["new-issuing"]},
    "no kdf": {"kdf": None},
    "kdf is text": {"kdf": "scrypt"},
}
KDF: dict[str, dict[str, object]] = {
    "another kdf": {"name": "pbkdf2"},
    "32 GiB": {"n": 2**25},
    "512 MiB": {"n": 2**19},
    "huge": {"n": 2**200},
    "no cost": {"n": 1},
    "no power of two": {"n": 2**16 + 1},
    "negative": {"n": -(2**16)},
    "a fraction": {"n": 65536.0},
    "infinite": {"n": float("inf")},
    "no number": {"n": float("nan")},
    "text": {"n": "65536"},
    "a list of costs": {"n": [65536]},
    "large r": {"r": 2**20},
    "large p": {"p": 2**20},
    "no salt": {"salt": None},
}


def hostile_files(document: dict[str, Any]) -> dict[str, bytes]:
    files = {
        name: content
        if isinstance(content, bytes)
        else (content if isinstance(content, str) else json.dumps(content)).encode()
        for name, content in HOSTILE.items()
    }
    files |= {name: json.dumps(document | changes).encode() for name, changes in FIELDS.items()}
    files |= {
        name: json.dumps(document | {"kdf": document["kdf"] | changes}).encode()
        for name, changes in KDF.items()
    }
    return files


@pytest.mark.parametrize("name", [*HOSTILE, *FIELDS, *KDF])
def test_a_hostile_key_file_is_reported_in_one_line_within_little_memory(
    keystore: Keystore, document: dict[str, Any], tmp_path: Path, name: str
) -> None:
    path = tmp_path / "stick.key"
    path.write_bytes(hostile_files(document)[name])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Unavailable, match="is not a sealed key of rca"):
        keystore.read_outside(path, "new-issuing")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024  # KiB


# -- sealed values


def test_a_sealed_value_opens_under_its_key_and_context_alone() -> None:
    sealer, other = Sealer(bytes(32)), Sealer(b"\1" * 32)
    sealed = sealer.seal(b"secret", "bundle 67075623", system_randomness)
    assert b"secret" not in sealed
    assert sealer.open(sealed, "bundle 67075623") == b"secret"
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for judge, value, context in (
        (sealer, sealed, "bundle 67075624"),
        (sealer, sealed, "password 67075623"),
        (sealer, changed, "bundle 67075623"),
        (sealer, b"", "bundle 67075623"),
        (sealer, sealed[:11], "bundle 67075623"),
        (other, sealed, "bundle 67075623"),
    ):
        with pytest.raises(RcaError, match="cannot open") as caught:
            judge.open(value, context)
        assert isinstance(caught.value, Unavailable)


def test_the_same_secret_is_never_sealed_alike() -> None:
    sealer = Sealer(bytes(32))
    first, second = (sealer.seal(b"secret", "a", system_randomness) for _ in range(2))
    assert first[:12] != second[:12]


@pytest.mark.parametrize("content", [b"", bytes(16), bytes(33)])
def test_a_damaged_bundle_key_is_reported_before_anything_is_sealed(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "bundle.key").write_bytes(content)
    with pytest.raises(Unavailable, match="damaged"):
        open_keystore(tmp_path).bundle_sealer()


def test_a_missing_bundle_key_is_unavailable_and_not_recreated(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="missing"):
        open_keystore(tmp_path).bundle_sealer()
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_lost_its_reveal_key_gets_no_second_passphrase(tmp_path: Path) -> None:
    """Each of the two would open some of the keys."""
    keystore = open_keystore(tmp_path)
    keystore.create_bundle_key()
    keystore.write("new-issuing", SECRET)
    (tmp_path / "reveal.key").unlink()
    asked: list[bool] = []

    def ask(is_new: bool) -> bytes:
        asked.append(is_new)
        return b"another passphrase"

    again = Keystore(tmp_path, ask, system_randomness)
    for attempt in (again.unlock, lambda: again.write("old-issuing", SECRET)):
        with pytest.raises(Unavailable, match=r"reveal\.key"):
            attempt()
    assert True not in asked
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle.key", "new-issuing.key"]


def test_a_bundle_key_alone_is_no_passphrase(tmp_path: Path) -> None:
    asked: list[bool] = []

    def ask(is_new: bool) -> bytes:
        asked.append(is_new)
        return PASSPHRASE

    keystore = Keystore(tmp_path, ask, system_randomness)
    keystore.create_bundle_key()
    keystore.unlock()
    assert asked == [True]


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_bundle_key_of_another_length_is_damaged(tmp_path: Path, length: int) -> None:
    (tmp_path / "bundle.key").write_bytes(bytes(length))
    with pytest.raises(Unavailable, match="is damaged"):
        open_keystore(tmp_path).bundle_sealer()


def test_keys_that_were_set_aside_follow_to_a_new_passphrase(tmp_path: Path) -> None:
    """One may be the only copy of a CA's key."""
    keystore = open_keystore(tmp_path)
    keystore.write("new-issuing", SECRET)
    aside = keystore.set_orphaned_key_aside("new-issuing", datetime(2026, 8, 1, tzinfo=UTC))
    assert aside is not None
    successor = keystore.successor(lambda: b"another passphrase")
    assert keystore.rewrap(successor) == 2
    again = open_keystore(tmp_path, b"another passphrase")
    assert again.read_outside(aside, "new-issuing") == SECRET
    assert keystore.orphaned_keys() == [aside]


def test_two_keys_of_one_name_that_are_set_aside_are_both_kept(tmp_path: Path) -> None:
    keystore = open_keystore(tmp_path)
    now = datetime(2026, 8, 1, tzinfo=UTC)
    for secret in (b"first", b"second"):
        keystore.write("new-issuing", secret)
        keystore.set_orphaned_key_aside("new-issuing", now)
    found = [keystore.read_outside(path, "new-issuing") for path in keystore.orphaned_keys()]
    assert sorted(found) == [b"first", b"second"]


class Spoiling(Keystore):
    """Writes each sealed key with one bit that is wrong, as a disk may."""

    def _seal(self, name: str, secret: bytes, derivation: KeyDerivation) -> bytes:
        document = json.loads(super()._seal(name, secret, derivation))
        sealed = bytearray(base64.b64decode(document["sealed"]))
        sealed[-1] ^= 1
        return json.dumps(document | {"sealed": base64.b64encode(sealed).decode()}).encode()


def test_new_files_that_do_not_open_replace_no_key(tmp_path: Path) -> None:
    keystore = open_keystore(tmp_path)
    keystore.write("new-issuing", SECRET)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(Unavailable):
        keystore.rewrap(Spoiling(tmp_path, lambda is_new: b"another", system_randomness))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert open_keystore(tmp_path).read("new-issuing") == SECRET


@pytest.mark.needs("strace")
def test_a_new_set_of_keys_is_on_disk_before_the_first_old_one_is_replaced(tmp_path: Path) -> None:
    folder, trace = tmp_path / "keys", tmp_path / "trace"
    folder.mkdir()
    code = (
        "import sys; from pathlib import Path;"
        " from renrakucho_ca.store.keystore import generations;"
        " contents = {'a.key': b'x', 'b.key': b'y'};"
        " generations.replace_all(Path(sys.argv[1]), contents, check=lambda path: None)"
    )
    command = ("strace", "-y", "-o", trace, "-e", "trace=rename,fsync", sys.executable, "-c", code)
    subprocess.run([*command, folder], check=True)
    lines = trace.read_text().splitlines()
    (decides,) = (n for n, line in enumerate(lines) if re.search(r'rename.*/keys/next"\)', line))
    before = [line for line in lines[:decides] if line.startswith("fsync")]
    assert {name for line in before for name in re.findall(r"/\.(\w+\.key)\.tmp>", line)} == {
        "a.key",
        "b.key",
    }
    assert re.match(rf"fsync\([0-9]+<{re.escape(str(folder))}>\)", lines[decides + 1])
    assert "rename" in lines[decides + 2]
