"""Backups that someone else packed: nothing of them is written elsewhere, or by halves.

Who has the passphrase can seal any archive, so they are sealed here as the store seals its own.
"""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from renrakucho_ca.errors import Invalid
from renrakucho_ca.service.home import Home
from renrakucho_ca.store import files
from renrakucho_ca.store.files import archive, sealed_file
from renrakucho_ca.store.files.archive import Source
from renrakucho_ca.store.keystore import Keystore
from renrakucho_ca.store.keystore.sealing import KeyDerivation
from renrakucho_ca.store.sqlite.opening import SCHEMA_VERSION
from tests.shared.confined import Confined, check_clear
from tests.shared.homes import PASSPHRASE

from .mutants import mutants

NOW = datetime(2026, 1, 15, 20, tzinfo=UTC)
DATABASE = archive.DATABASE


class Hasty(Keystore):
    """Stretches the passphrase as little as a backup may: many are made here."""

    def new_derivation(self) -> KeyDerivation:
        return KeyDerivation(os.urandom(16), 2**14)


@pytest.fixture(scope="module")
def seal(home: Home) -> Callable[[Iterable[bytes]], bytes]:
    keystore = Hasty(home.store / "keys", lambda is_new: PASSPHRASE, os.urandom)
    return lambda pieces: b"".join(sealed_file.seal(pieces, keystore, keystore.new_derivation()))


def member(name: str, content: bytes = b"x", size: int | None = None, **about: object) -> bytes:
    """One file in a tar."""
    info = tarfile.TarInfo(name)
    info.size = len(content) if size is None else size
    for attribute, value in about.items():
        setattr(info, attribute, value)
    return info.tobuf(tarfile.PAX_FORMAT) + content + bytes(-len(content) % 512)


def manifest(*entries: tuple[str, bytes], **more: object) -> bytes:
    listed = [
        {"name": name, "size": len(content), "sha256": sha256(content).hexdigest()}
        for name, content in entries
    ]
    said = {"created_at": NOW.isoformat(), "schema": SCHEMA_VERSION, "files": listed, **more}
    return json.dumps(said).encode()


def whole(*entries: tuple[str, bytes]) -> bytes:
    """A tar with these files, and a manifest that lists them."""
    packed = b"".join(member(name, content) for name, content in entries)
    return packed + member("manifest.json", manifest(*entries)) + bytes(1024)


def only(*members: bytes) -> bytes:
    """A tar of these members and a manifest of nothing."""
    return b"".join(members) + member("manifest.json", manifest()) + bytes(1024)


NAMES = [
    *("../outside", "/tmp/outside", "ca-store/keys/../../../outside.key", "profiles/../x.yaml"),
    *("profiles//x.yaml", "profiles/.x.yaml", "./rca.yaml", "rca.yaml/", "ca-store/rca.sqlite/x"),
    *("ca-store/journal", "public/new-issuing.crl", "ca-store/keys/x\n.key", "x" * 5000, "\u202e"),
]
KINDS: dict[str, dict[str, Any]] = {
    "a symbolic link": {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
    "a hard link": {"type": tarfile.LNKTYPE, "linkname": "../../outside"},
    "a folder": {"type": tarfile.DIRTYPE},
    "a device": {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3},
    "a disk": {"type": tarfile.BLKTYPE},
    "a pipe": {"type": tarfile.FIFOTYPE},
    "a kind of its own": {"type": b"Z"},
}
ARCHIVES: dict[str, bytes] = {
    **{f"the name {name[:40]!r}": whole((name, b"x"), (DATABASE, b"x")) for name in NAMES},
    **{what: only(member("rca.yaml", b"", **about)) for what, about in KINDS.items()},
    "nothing": b"",
    "zeros": bytes(100_000),
    "no tar": os.urandom(100_000),
    "nothing but a manifest": whole(),
    "a database that is none": whole((DATABASE, b"x" * 5000)),
    "two databases": only(member(DATABASE), member(DATABASE)),
    "two manifests": whole((DATABASE, b"x"))[:-1024] + member("manifest.json", manifest()),
    "a file after the manifest": member("manifest.json", manifest()) + member(DATABASE),
    "a file too long": member(DATABASE, b"x", size=2**33 - 1),
    "a file of 2^60": member(DATABASE, b"x", size=2**60),
    "a file longer than it says": member(DATABASE, b"x" * 5000, size=1),
    "a digest that is none": only(member(DATABASE)),
    "a manifest too deep": member("manifest.json", b"[" * 100_000),
    "a manifest of 20 MB": member("manifest.json", b"[" + b"1," * 10_000_000),
    "a manifest that is a list": member("manifest.json", b"[]"),
    "a manifest of no moment": member("manifest.json", manifest(created_at=10**400)),
    "a manifest of no files": member("manifest.json", manifest(files={"a": 1})),
    "a manifest of odd files": member("manifest.json", manifest(files=[{"x": 1}])),
    "500 files": b"".join(member(f"profiles/{n}.yaml") for n in range(500)),
    "a sparse file": member(
        DATABASE,
        b"1\n0\n",
        pax_headers={
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.realsize": str(2**40),
        },
    ),
    "a length beside the length": member(DATABASE, b"x", pax_headers={"size": str(2**62)}),
    "a length below zero": member(DATABASE, b"x", pax_headers={"size": "-512"}),
    "a name beside the name": member(DATABASE, b"x", pax_headers={"path": "../../outside"}),
    "a header without end": member("x", b"999999999999 path=", type=tarfile.XHDTYPE),
    "a header of 50 MB": member("x", b"y" * 50_000_000, type=tarfile.XHDTYPE),
    "headers about headers": member("x", b"", type=tarfile.XHDTYPE) * 20_000,
}


@pytest.mark.parametrize("what", ARCHIVES)
def test_an_archive_that_rca_did_not_pack_is_refused(
    rca: Confined, seal: Callable[[Iterable[bytes]], bytes], tmp_path: Path, what: str
) -> None:
    (tmp_path / "backup").write_bytes(seal([ARCHIVES[what]]))
    target = tmp_path / "target"
    verified = rca("backup", tmp_path / "backup", "--verify")
    restored = rca("--home", target, "restore", tmp_path / "backup", "--yes")
    # Exit 8: it is what a backup says of itself, and its database is none.
    assert verified.code in (5, 8), verified
    assert (restored.code, restored.out) == (5, ""), restored
    for answer in (verified, restored):
        check_clear(answer, what)
        assert answer.seconds < 10, answer
        assert answer.memory < 192 * 1024 * 1024, answer
    assert not Path("/tmp/outside").exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"backup", "target"}
    # What `restore` locks may be there; nothing of a home is.
    assert [p for p in target.rglob("*") if p.is_file() and p.suffix != ".lock"] == []


def test_an_archive_that_was_spoilt_is_refused_or_whole(tmp_path: Path) -> None:
    """Beneath the seal, with files so short that most of what is hit are the tar's own fields."""
    contents = {DATABASE: b"x" * 600, "rca.yaml": b"network: x\n", "profiles/a.yaml": b""}
    sources = [Source.of(name, io.BytesIO(content)) for name, content in contents.items()]
    packed = b"".join(archive.pack(sources, NOW, SCHEMA_VERSION))
    outside = tmp_path / "outside"
    for place, spoilt in enumerate(mutants(packed, 200, seed=41)):
        folder = tmp_path / str(place) / "in"
        files.make_folder(folder.parent)
        files.make_folder(folder)
        try:
            archive.unpack(io.BytesIO(spoilt), folder)
        except Invalid:
            pass
        else:
            found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
            assert {name: path.read_bytes() for name, path in found.items()} == contents
        assert [path.name for path in folder.parent.iterdir()] == ["in"]
        assert not outside.exists()


@pytest.mark.parametrize(
    "name",
    ["ca-store/keys/another.key", "ca-store/crl/another.crl", "profiles/another.yaml", "rca.yaml"],
)
def test_a_file_that_the_manifest_does_not_list_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in"
    files.make_folder(folder)
    listed = whole((DATABASE, b"x"))
    with pytest.raises(Invalid, match=re.escape(name)):
        archive.unpack(io.BytesIO(member(name) + listed), folder)


def test_a_file_that_the_manifest_lists_is_missed(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    files.make_folder(folder)
    listed = manifest((DATABASE, b"x"), ("ca-store/keys/lost.key", b"y"))
    packed = member(DATABASE, b"x") + member("manifest.json", listed) + bytes(1024)
    with pytest.raises(Invalid, match=r"lost\.key"):
        archive.unpack(io.BytesIO(packed), folder)
