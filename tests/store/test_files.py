"""Files appear whole, with the right mode, or not at all."""

from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from renrakucho_ca.errors import Conflict, Invalid
from renrakucho_ca.store import files
from renrakucho_ca.store.files.lock import FileLock
from tests.shared.waiting import PATIENCE


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


Create = Callable[[Path, bytes], None]
WRITERS = {
    "replace": files.write,
    "new": partial(files.write, new=True),
    "new outside": partial(files.write, new=True, outside=True),
}
CREATORS = {name: write for name, write in WRITERS.items() if name != "replace"}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


# -- modes


@pytest.mark.parametrize("wanted", [files.PRIVATE_FILE, files.PUBLIC_FILE], ids=oct)
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
@pytest.mark.usefixtures("umask")
def test_a_file_has_exactly_its_mode_under_every_umask(
    tmp_path: Path, write: Callable[[Path, bytes, int], None], wanted: int
) -> None:
    write(tmp_path / "file", b"content", wanted)
    assert mode(tmp_path / "file") == wanted


@pytest.mark.usefixtures("umask")
def test_a_private_file_is_private_from_the_first_byte(tmp_path: Path) -> None:
    seen: list[int] = []

    def pieces() -> Iterator[bytes]:
        yield b"secret"
        seen.extend(mode(each) for each in tmp_path.iterdir())

    files.write(tmp_path / "file", pieces())
    assert seen == [0o600]


@pytest.mark.parametrize("wanted", [files.PRIVATE_FOLDER, files.PUBLIC_FOLDER], ids=oct)
@pytest.mark.usefixtures("umask")
def test_a_folder_and_its_new_parents_have_exactly_their_mode(tmp_path: Path, wanted: int) -> None:
    files.make_folder(tmp_path / "a" / "b", wanted)
    assert [mode(tmp_path / "a"), mode(tmp_path / "a" / "b")] == [wanted, wanted]


def test_a_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0o750)
    files.make_folder(tmp_path / "a", files.PRIVATE_FOLDER)
    assert mode(tmp_path / "a") == 0o750


def test_a_file_in_the_place_of_a_folder_is_a_conflict(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(Conflict, match="not a folder"):
        files.make_folder(tmp_path / "a")


# -- replacing


def test_pieces_are_written_one_after_another(tmp_path: Path) -> None:
    files.write(tmp_path / "file", (letter.encode() for letter in "abc"))
    assert (tmp_path / "file").read_bytes() == b"abc"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("piece", [b"x", b"x" * 100_000, b""], ids=len)
def test_an_unnamed_file_has_every_piece_whatever_its_length(tmp_path: Path, piece: bytes) -> None:
    files.write_unnamed(tmp_path / "file", [piece, b"1", b"", piece, b"2"])
    assert (tmp_path / "file").read_bytes() == piece + b"1" + piece + b"2"
    assert names(tmp_path) == ["file"]


def test_short_pieces_of_an_unnamed_file_are_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hand-over to the writing thread for each of 72 pieces a sheet doubled the time."""
    submitted: list[int] = []
    submit = ThreadPoolExecutor.submit

    def count(self: ThreadPoolExecutor, *arguments: Any) -> Future[Any]:
        submitted.append(1)
        return submit(self, *arguments)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", count)
    files.write_unnamed(tmp_path / "file", (b"a piece of a page" for _ in range(36_000)))
    assert (tmp_path / "file").stat().st_size == 17 * 36_000
    assert len(submitted) < 20


def test_a_symbolic_link_is_replaced_and_its_target_unchanged(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"precious")
    (tmp_path / "file").symlink_to("elsewhere")
    files.write(tmp_path / "file", b"new")
    assert not (tmp_path / "file").is_symlink()
    assert (tmp_path / "elsewhere").read_bytes() == b"precious"


def test_a_link_laid_in_the_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"precious")
    (tmp_path / ".file.tmp").symlink_to("elsewhere")
    files.write(tmp_path / "file", b"new")
    assert (tmp_path / "elsewhere").read_bytes() == b"precious"
    assert (tmp_path / "file").read_bytes() == b"new"


def test_temporary_files_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".file.tmp").write_bytes(b"half of something, longer than the new content")
    files.write(tmp_path / "file", b"new")
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_check_that_fails_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    seen = []

    def refuse(new: Path) -> None:
        seen.append(new.read_bytes())
        raise Invalid("not good")

    with pytest.raises(Invalid):
        files.write(tmp_path / "file", b"new", check=refuse)
    assert seen == [b"new"]
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_source_that_fails_halfway_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")

    def pieces() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise RuntimeError

    with pytest.raises(RuntimeError):
        files.write(tmp_path / "file", pieces())
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_folder_in_the_place_of_the_file_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        files.write(tmp_path / "file", b"new")
    assert names(tmp_path) == ["file"]


WRITE = """
import sys
from pathlib import Path
from renrakucho_ca.store import files
files.write(Path(sys.argv[1]), b"new"{options})
"""


PYTHON = (sys.executable, "-B")
"""One that writes no bytecode, which would be among the calls that are counted."""


def run_under_strace(path: Path, fault: str, options: str = "") -> subprocess.CompletedProcess[str]:
    """Writes in a process of its own, in which the kernel fails or kills at a certain call."""
    code = WRITE.format(options=options)
    return subprocess.run(
        ["strace", "-f", "-o", os.devnull, "-e", fault, *PYTHON, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.needs("strace")
@pytest.mark.parametrize("call", ["fchmod", "fsync", "rename"])
def test_a_process_killed_at_any_step_leaves_the_old_file(tmp_path: Path, call: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    killed = run_under_strace(path, f"inject={call}:signal=KILL:when=1:error=EIO")
    assert killed.returncode != 0
    assert path.read_bytes() == b"old"
    files.write(path, b"newer")
    assert names(tmp_path) == ["file"]


@pytest.mark.needs("strace")
@pytest.mark.parametrize(
    ("call", "error"), [("write", "ENOSPC"), ("fsync", "EIO"), ("rename", "EROFS")]
)
def test_a_disk_that_fails_at_any_step_leaves_the_old_file_alone(
    tmp_path: Path, call: str, error: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    failed = run_under_strace(path, f"inject={call}:error={error}:when=1")
    assert "OSError" in failed.stderr
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


@pytest.mark.needs("strace")
def test_content_is_on_disk_before_its_name_and_the_name_before_the_return(
    tmp_path: Path,
) -> None:
    trace = tmp_path / "trace"
    command = ["strace", "-o", str(trace), "-e", "trace=fsync,rename,fchmod,openat"]
    code = WRITE.format(options="")
    folder = tmp_path / "folder"
    folder.mkdir()
    subprocess.run([*command, *PYTHON, "-c", code, str(folder / "file")], check=True)
    lines = trace.read_text().splitlines()
    opened = next(line for line in lines if line.startswith("openat") and ".file.tmp" in line)
    assert "O_EXCL|O_NOFOLLOW" in opened
    calls = [line.partition("(")[0] for line in lines if not line.startswith(("openat", "+++"))]
    assert calls == ["fchmod", "fsync", "rename", "fsync"]


@pytest.mark.needs("strace")
@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize(
    "call",
    [
        "write(path, [b'new'])",
        "write(path, b'new', check=lambda path: None)",
        "write(path, b'new', outside=True)",
        "write_unnamed(path, [b'new'])",
    ],
)
def test_every_way_to_write_syncs_content_then_name(
    tmp_path: Path, call: str, is_there: bool
) -> None:
    trace, folder = tmp_path / "trace", tmp_path / "folder"
    folder.mkdir()
    if is_there:
        (folder / "file").write_bytes(b"old")
    code = "import sys; from pathlib import Path; from renrakucho_ca.store import files; "
    code += f"path = Path(sys.argv[1]); files.{call}"
    watched = "trace=fsync,rename,link,linkat"
    command = ("strace", "-f", "-y", "-o", trace, "-e", watched, *PYTHON, "-c", code)
    subprocess.run([*command, folder / "file"], check=True)
    lines = [line for line in trace.read_text().splitlines() if "(" in line]
    names_at = [n for n, line in enumerate(lines) if re.search("(rename|link|linkat)\\(", line)]
    content = [line for line in lines[: names_at[0]] if "fsync(" in line]
    assert len(content) == 1
    assert f"<{folder}>" not in content[0]
    after = [line for line in lines[names_at[-1] + 1 :] if "fsync(" in line]
    assert len(after) == 1
    assert f"<{folder}>" in after[0]
    assert (folder / "file").read_bytes() == b"new"


@pytest.mark.needs("strace")
def test_a_new_name_of_a_file_is_on_disk_before_the_return(tmp_path: Path) -> None:
    trace, folder = tmp_path / "trace", tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(b"x")
    code = "import sys; from pathlib import Path; from renrakucho_ca.store import files; "
    code += "files.set_aside(Path(sys.argv[1]), 'aside')"
    command = ("strace", "-o", trace, "-e", "trace=fsync,rename", *PYTHON, "-c", code)
    subprocess.run([*command, folder / "file"], check=True)
    calls = [line.partition("(")[0] for line in trace.read_text().splitlines()]
    assert calls[:2] == ["rename", "fsync"]
    assert names(folder) == ["aside"]


def test_a_file_is_set_aside_over_nothing(tmp_path: Path) -> None:
    (tmp_path / "aside-2").symlink_to("nowhere")
    for content in (b"first", b"second", b"third"):
        (tmp_path / "file").write_bytes(content)
        files.set_aside(tmp_path / "file", "aside")
    found = {name: (tmp_path / name).read_bytes() for name in ("aside", "aside-3", "aside-4")}
    assert found == {"aside": b"first", "aside-3": b"second", "aside-4": b"third"}


def test_a_folder_without_write_permission_keeps_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as that of somebody else's file in /tmp."""

    def refuse(_: Path, target: Path) -> NoReturn:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(target))

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(Path, "rename", refuse)
    for replace in (files.write, files.write_unnamed):
        with pytest.raises(PermissionError):
            replace(path, [b"new"])
        assert (names(tmp_path), path.read_bytes()) == (["file"], b"old")


# -- creating


@pytest.mark.parametrize("create", CREATORS.values(), ids=CREATORS)
def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path, create: Create) -> None:
    create(tmp_path / "file", b"first")
    with pytest.raises(Conflict, match="exists already"):
        create(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("create", CREATORS.values(), ids=CREATORS)
def test_a_link_that_leads_nowhere_is_there_too(tmp_path: Path, create: Create) -> None:
    (tmp_path / "file").symlink_to("nowhere")
    with pytest.raises(Conflict):
        create(tmp_path / "file", b"content")
    assert not (tmp_path / "nowhere").exists()


def test_of_many_writers_that_create_one_file_one_succeeds(tmp_path: Path) -> None:
    results: list[object] = []
    barrier = threading.Barrier(8)

    def create(content: bytes) -> None:
        barrier.wait()
        try:
            files.write(tmp_path / "file", content, new=True, outside=True)
            results.append(content)
        except Conflict as error:
            results.append(error)

    threads = [threading.Thread(target=create, args=(bytes([i]) * 50_000,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert [each for each in results if isinstance(each, bytes)] == [
        (tmp_path / "file").read_bytes()
    ]


def test_of_many_writers_that_replace_one_file_all_succeed(tmp_path: Path) -> None:
    """Such as two runs of doctor that write the same figures."""
    path = tmp_path / "file"
    results: list[object] = []
    barrier = threading.Barrier(8)

    def replace(content: bytes) -> None:
        barrier.wait()
        try:
            files.write(path, content, outside=True)
            results.append(path.read_bytes())
        except OSError as error:
            results.append(error)

    contents = [bytes([i]) * 50_000 for i in range(8)]
    threads = [threading.Thread(target=replace, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert [each for each in results if each not in contents] == []


@pytest.mark.needs("strace")
def test_a_root_key_can_be_put_on_a_stick_without_hard_links(tmp_path: Path) -> None:
    """FAT, which most USB sticks have, answers link(2) with EPERM."""
    path = tmp_path / "root.key"
    written = run_under_strace(path, "inject=link,linkat:error=EPERM", ", new=True, outside=True")
    assert (written.returncode, written.stderr) == (0, "")
    assert (path.read_bytes(), mode(path), names(tmp_path)) == (b"new", 0o600, ["root.key"])


@pytest.mark.needs("strace")
def test_a_process_killed_while_creating_leaves_no_file(tmp_path: Path) -> None:
    run_under_strace(tmp_path / "file", "inject=fsync:signal=KILL:when=1:error=EIO", ", new=True")
    assert not (tmp_path / "file").exists()
    files.write(tmp_path / "file", b"content", new=True)
    assert names(tmp_path) == ["file"]


@pytest.mark.needs("strace")
def test_a_disk_that_fails_while_creating_leaves_no_file(tmp_path: Path) -> None:
    failed = run_under_strace(
        tmp_path / "file", "inject=fsync:error=EIO:when=1", ", new=True, outside=True"
    )
    assert "OSError" in failed.stderr
    assert names(tmp_path) == []


# -- locks


def test_a_lock_is_given_up_when_its_holder_dies(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from renrakucho_ca.store.files.lock import FileLock
with FileLock(Path(sys.argv[1])).exclusive():
    print("held", flush=True)
    time.sleep(60)
"""
    path = tmp_path / "a.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.communicate()
    with FileLock(path).exclusive():
        pass


def test_the_chores_are_done_under_an_exclusive_lock(tmp_path: Path) -> None:
    done: list[str] = []
    lock = FileLock(tmp_path / "a.lock")
    with lock.shared(lambda: done.append("first")), lock.shared(lambda: done.append("second")):
        assert done == ["first"]
    with lock.shared(lambda: done.append("third")):
        assert done == ["first", "third"]


def test_a_shared_lock_waits_for_the_chores(tmp_path: Path) -> None:
    """Else it could record an intent that the chores then take for left over."""
    order: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def chores() -> None:
        begun.set()
        go_on.wait(PATIENCE)
        order.append("chores")

    def first() -> None:
        with FileLock(tmp_path / "a.lock").shared(chores):
            pass

    def second() -> None:
        begun.wait(PATIENCE)
        with FileLock(tmp_path / "a.lock").shared(lambda: None):
            order.append("second")

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    begun.wait(PATIENCE)
    threads[1].join(0.05)
    go_on.set()
    for thread in threads:
        thread.join()
    assert order == ["chores", "second"]


def test_a_write_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as refused:
        files.write(tmp_path / "nowhere" / "report", b"text")
    assert refused.value.filename == str(tmp_path / "nowhere" / "report")
    with pytest.raises(FileNotFoundError) as refused:
        files.write(tmp_path / "report", files.pieces(tmp_path / "missing"))
    assert refused.value.filename == str(tmp_path / "missing")
