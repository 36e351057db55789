"""The text of a table: its encoding, and its lines one at a time."""

from __future__ import annotations

import codecs
from collections import deque
from pathlib import Path
from typing import TextIO

LONGEST_LINE = 16_384
"""Characters. A row has ten fields of at most 254."""

UNDECODED = "\N{REPLACEMENT CHARACTER}"
"""Replaces bytes that are not in the encoding."""

_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_HEAD = 4096
"""Bytes of the header, which show whether it is UTF-16 without a byte order mark."""
_END_OF_FILE = "\x1a"
"""MS-DOS programs write this after the last line."""


def encoding(path: Path) -> str:
    """Return the encoding of the file. A few bad bytes are errors of their lines.

    CP932 read as UTF-8 is damaged at nearly every letter that is not ASCII, UTF-8 with a few bad
    bytes is not. The reverse test fails: most UTF-8 text can be read as CP932.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    for bom, name in _BOMS.items():
        if head.startswith(bom):
            return name
    without_mark = _utf_16(head)
    if without_mark is not None:
        return without_mark
    good = bad = 0
    with path.open(encoding="utf-8", errors="replace") as text:
        while piece := text.read(1 << 20):
            undecoded = piece.count(UNDECODED)
            bad += undecoded
            good += len(piece) - len(piece.encode("ascii", "ignore")) - undecoded
    return "utf-8" if good >= bad else "cp932"


def _utf_16(head: bytes) -> str | None:
    """Recognize UTF-16 without a mark: the upper half of an ASCII letter is NUL.

    One letter in twenty is ASCII, since commas or tabs separate the columns. The lower half is
    hardly ever NUL: U+3000, the wide blank, is the only such letter in use.
    """
    lower, upper = head[0::2].count(0), head[1::2].count(0)
    most = max(lower, upper)
    if most < max(4, len(head) // 40, 4 * min(lower, upper)):
        return None
    return "utf-16-le" if upper > lower else "utf-16-be"


class LineReader:
    """Read lines, and take some back. `number` is the number of the last line, from 1."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._back: deque[str] = deque()
        self.number = 0

    def take(self) -> str | None:
        """Return the next line, cut after LONGEST_LINE characters; None at the end."""
        if self._back:
            line = self._back.popleft()
        else:
            line = self._file.readline(LONGEST_LINE + 1)
            rest = line
            while len(rest) > LONGEST_LINE and not rest.endswith("\n"):
                rest = self._file.readline(LONGEST_LINE + 1)
            if line == _END_OF_FILE:
                line = ""
        self.number += bool(line)
        return line or None

    def put_back(self, lines: list[str]) -> None:
        self._back.extendleft(reversed(lines))
        self.number -= len(lines)
