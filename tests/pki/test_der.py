"""The DER that we write ourselves is what asn1crypto reads and writes."""

from __future__ import annotations

import pytest
from asn1crypto import core

from renrakucho_ca.pki import der


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_a_length_takes_the_fewest_octets(length: int) -> None:
    content = b"x" * length
    assert der.encode(der.OCTET_STRING, content) == core.OctetString(content).dump()
    assert der.header(der.OCTET_STRING, length) + content == core.OctetString(content).dump()


@pytest.mark.parametrize(
    "number",
    [0, 1, 127, 128, 255, 256, 2**127, 2**128, 2**159 - 1, -1, -128, -129, -(2**127)],
)
def test_an_integer_takes_the_fewest_octets(number: int) -> None:
    assert der.integer(number) == core.Integer(number).dump()


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_a_sequence_is_walked_value_by_value(length: int) -> None:
    first, second = core.OctetString(b"x" * length).dump(), core.Integer(5).dump()
    found = list(der.elements(first + second))
    assert [element.tag for element in found] == [der.OCTET_STRING, der.INTEGER]
    assert [bytes(element.whole) for element in found] == [first, second]
    assert [bytes(element.content) for element in found] == [b"x" * length, b"\x05"]
