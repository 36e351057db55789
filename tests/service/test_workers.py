"""Worker processes that one has forked: strangers to each other, quiet where there can be none."""

from __future__ import annotations

import os
import subprocess
import sys
from multiprocessing.connection import Pipe

import pytest

from renrakucho_ca.clock import system_randomness
from renrakucho_ca.model import KeyAlgorithm
from renrakucho_ca.pki import keys
from renrakucho_ca.service.workers import Workers, serve

PROCESSES = 3
PARCELS = 60


def drawn(_: None) -> tuple[int, bytes, bytes]:
    """Who was at work, and what it drew: a key by the library, octets by ours."""
    key = keys.to_spki(keys.generate(KeyAlgorithm.EC_P256).public_key())
    return os.getpid(), key, system_randomness(16)


def test_no_two_workers_draw_the_same_key_or_random_number() -> None:
    with Workers(PROCESSES, __name__) as workers:
        found = [each for _, each in workers.spread(drawn, [(None, None)] * PARCELS)]
    assert len({pid for pid, _, _ in found}) == PROCESSES
    assert len({key for _, key, _ in found}) == PARCELS
    assert len({octets for _, _, octets in found}) == PARCELS


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
            [sys.executable, "-c", program], pass_fds=numbers, capture_output=True, timeout=60
        )
        os.close(numbers[1])
    assert (done.returncode, done.stderr) == (1, b"")
