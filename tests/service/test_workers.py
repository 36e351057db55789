"""Worker processes: those that one has forked are strangers to each other."""

from __future__ import annotations

import os

from renrakucho_ca.clock import system_randomness
from renrakucho_ca.model import KeyAlgorithm
from renrakucho_ca.pki import keys
from renrakucho_ca.service.workers import Workers

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
