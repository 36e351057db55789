"""Worker processes that one has forked: strangers to each other, quiet where there can be none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Pipe
from pathlib import Path

import pytest

from renrakucho_ca.clock import system_randomness
from renrakucho_ca.errors import Unavailable
from renrakucho_ca.model import KeyAlgorithm
from renrakucho_ca.pki import keys
from renrakucho_ca.service.process_pool import ProcessPool, serve
from tests.shared.waiting import PATIENCE

PROCESSES = 3
BATCHES = 60


def drawn(_: None) -> tuple[int, bytes, bytes]:
    """Who was at work, and what it drew: a key by the library, octets by ours."""
    key = keys.to_spki(keys.generate(KeyAlgorithm.EC_P256).public_key())
    return os.getpid(), key, system_randomness(16)


def test_no_two_workers_draw_the_same_key_or_random_number() -> None:
    with ProcessPool(PROCESSES, __name__) as workers:
        found = [each for _, each in workers.spread(drawn, [(None, None)] * BATCHES)]
    assert len({pid for pid, _, _ in found}) == PROCESSES
    assert len({key for _, key, _ in found}) == BATCHES
    assert len({octets for _, _, octets in found}) == BATCHES


@pytest.mark.parametrize(
    ("refused", "error"),
    [("os.fork", "BlockingIOError"), ("threading.Thread.start", "RuntimeError")],
)
def test_a_worker_that_can_have_no_other_process_or_thread_goes_without_a_word(
    refused: str, error: str
) -> None:
    """Its parent tells that it has gone."""
    ours, theirs = Pipe()
    with ours, theirs:
        numbers = [theirs.fileno(), os.dup(theirs.fileno())]
        program = f"""\
import os, threading
from {serve.__module__} import serve
def refuse(*_): raise {error}
{refused} = refuse
serve(*{numbers})
"""
        done = subprocess.run(
            [sys.executable, "-c", program], pass_fds=numbers, capture_output=True, timeout=PATIENCE
        )
        os.close(numbers[1])
    assert (done.returncode, done.stderr) == (1, b"")


def draw_with_failing_reads(reads_to_fail: str) -> None:
    """What `test_a_worker_with_a_broken_pipe_ends_and_its_parent_reports_it` runs."""
    with ProcessPool(PROCESSES, reads_to_fail) as workers:
        try:
            list(workers.spread(drawn, [(None, None)] * BATCHES))
        except Unavailable as error:
            print(error)


def test_a_worker_with_a_broken_pipe_ends_and_its_parent_reports_it(tmp_path: Path) -> None:
    """Both would wait for each other for ever: the one for a parcel, the other for its result."""
    (tmp_path / "failing_reads.py").write_text("""\
import errno
from multiprocessing.connection import Connection
def recv(self): raise OSError(errno.EIO, "Input/output error")
Connection.recv = recv
""")
    program = f"""\
import sys
sys.path[:] = {[str(tmp_path), *sys.path]!r}
from {__name__} import draw_with_failing_reads
draw_with_failing_reads("failing_reads")
"""
    run = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        said, _ = run.communicate(timeout=PATIENCE)
    finally:
        with suppress(ProcessLookupError):  # the workers too, which would wait for ever
            os.killpg(run.pid, signal.SIGKILL)
    assert (run.returncode, said) == (0, b"a worker process died\n")
