"""Values in DER spoilt by chance, the same each time: what a fuzzer would try first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from renrakucho_ca.pki import der


def mutants(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """So many spoilt versions of a value in DER."""
    random = Random(seed)
    while count:
        spoilt = bytearray(data)
        for _ in range(random.choice((1, 1, 1, 2, 5))):
            random.choice(_WAYS)(spoilt, random)
        if spoilt != data:
            count -= 1
            yield bytes(spoilt)


def _flip_a_bit(data: bytearray, random: Random) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _set_a_byte(data: bytearray, random: Random) -> None:
    if data:
        data[random.randrange(len(data))] = random.choice((0, 1, 0x7F, 0x80, 0x84, 0xFF))


def _cut_off(data: bytearray, random: Random) -> None:
    del data[random.randrange(len(data) + 1) :]


def _take_out(data: bytearray, random: Random) -> None:
    begin = random.randrange(len(data) + 1)
    del data[begin : begin + random.choice((1, 2, 8, 64))]


def _repeat(data: bytearray, random: Random) -> None:
    begin = random.randrange(len(data) + 1)
    data[begin:begin] = data[begin : begin + random.choice((1, 2, 8, 64))]


def _put_in(data: bytearray, random: Random) -> None:
    begin = random.randrange(len(data) + 1)
    data[begin:begin] = random.randbytes(random.choice((1, 4, 16)))


def _lie_about_a_length(data: bytearray, random: Random) -> None:
    """Of one field anywhere in the nest; the fields around it keep theirs."""
    places = list(_length_places(bytes(data), 0))
    if places:
        data[random.choice(places)] = random.choice((0, 1, 0x7F, 0x80, 0x81, 0x84, 0x88, 0xFF))


def _change_a_tag(data: bytearray, random: Random) -> None:
    places = list(_length_places(bytes(data), 0))
    if places:
        data[random.choice(places) - 1] = random.randrange(256)


def _length_places(data: bytes, begin: int) -> Iterator[int]:
    """Where the lengths of all fields stand, as far as it can be read."""
    try:
        for field in der.elements(data):
            yield begin + 1
            header = len(field.whole) - len(field.content)
            if field.tag & 0x20:  # constructed (X.690 §8.1.2.5)
                yield from _length_places(bytes(field.content), begin + header)
            begin += len(field.whole)
    except (IndexError, ValueError):
        return


_WAYS: tuple[Callable[[bytearray, Random], None], ...] = (
    _flip_a_bit,
    _set_a_byte,
    _cut_off,
    _take_out,
    _repeat,
    _put_in,
    _lie_about_a_length,
    _change_a_tag,
)


def nested(depth: int) -> bytes:
    """SEQUENCE in SEQUENCE in SEQUENCE …: what readers that call themselves fall over."""
    data = b"\x05\x00"
    for _ in range(depth):
        data = der.encode(der.SEQUENCE, data)
    return data
