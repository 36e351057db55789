"""Tables that people keep in spreadsheets: read a row at a time, every bad one told by its line.

CSV has no standard that programs keep to (RFC 4180 only describes it), so what Excel in Japan
writes decides: CP932 ("CSV"), UTF-8 with a byte order mark ("CSV UTF-8"), or UTF-16 with tabs
("Unicode text").
"""

from __future__ import annotations

import codecs
import csv
import re
import unicodedata
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from renrakucho_ca.errors import Invalid

LARGEST_FILE = 512 * 1024 * 1024
"""Bytes. A million rows with every field of a person have under half of that."""
LONGEST_LINE = 16_384
"""Characters. A row has ten fields of 254 at the most; a longer line is no row of a table."""
MOST_LINES_IN_A_ROW = 20
"""Lines that one row may span. Past them a quote was left open, and only its line is given up."""

_JAPANESE = {
    "利用者ID": "user",
    "氏名": "name",
    "メール": "email",
    "メールアドレス": "email",
    "施設": "facility",
    "地域": "network",
    "端末種別": "device",
    "備考": "note",
    "番号": "number",
    "証明書取得用No": "number",
    "証明書取得用No.": "number",
    "シリアル": "serial",
    "シリアル番号": "serial",
    "発行日": "issued_at",
    "フィンガープリント": "fingerprint_sha256",
}

_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NAMES = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp932": "CP932"}
_UNDECODED = "\N{REPLACEMENT CHARACTER}"

Row = tuple[int, "dict[str, str] | Invalid"]
"""The number of its first line, and every column's value, or what is wrong with it."""


def read(path: Path, columns: Mapping[str, bool]) -> Iterator[Row]:
    """Reads a table whose first line names its columns; memory does not grow with it.

    Args:
        path: UTF-8 with or without byte order mark, CP932, or UTF-16 with one; columns parted by
            comma or tab.
        columns: the names of the columns that may be there, and whether a row must have a value.
            The file may name them in Japanese.

    Returns:
        Every row that is not blank. A column that the file has not is empty in all of them; blanks
        around a value are gone.

    Raises:
        Invalid: no file, too large, empty, or its columns are not those.
    """
    if not path.is_file():
        # A pipe cannot be read twice, and the encoding shows only when all of it was read.
        raise Invalid("{file} is not a file", file=path)
    if path.stat().st_size > LARGEST_FILE:
        raise Invalid("{file} is longer than {longest} bytes", file=path, longest=LARGEST_FILE)
    encoding = _encoding(path)
    with path.open(encoding=encoding, errors="replace") as file:
        lines = _Lines(file)
        first = lines.take()
        if first is None:
            raise Invalid("{file} is empty", file=path)
        lines.put_back([first])
        delimiter = "\t" if first.count("\t") > first.count(",") else ","
        header = _next_row(lines, delimiter, _NAMES[encoding]) or []
        if isinstance(header, Invalid):
            raise Invalid("{file}: the line of the columns: {problem}", file=path, problem=header)
        names = _names(path, header, columns)
        required = [name for name, needed in columns.items() if needed]
        while True:
            number = lines.number + 1
            row = _next_row(lines, delimiter, _NAMES[encoding])
            if row is None:
                return
            if isinstance(row, Invalid):
                yield number, row
            elif any(map(str.strip, row)):
                yield number, _named(row, names, columns, required)


def _encoding(path: Path) -> str:
    """Which encoding the file is in, so that single bad bytes stay errors of their lines.

    CP932 read as UTF-8 is damaged at nearly every letter that is not ASCII; UTF-8 with a few bad
    bytes is not. The reverse test says little: most of UTF-8 can be read as CP932.
    """
    with path.open("rb") as file:
        start = file.read(4)
    for bom, encoding in _BOMS.items():
        if start.startswith(bom):
            return encoding
    good = bad = 0
    with path.open(encoding="utf-8", errors="replace") as text:
        while piece := text.read(1 << 20):
            undecoded = piece.count(_UNDECODED)
            bad += undecoded
            good += len(piece) - len(piece.encode("ascii", "ignore")) - undecoded
    return "utf-8" if good >= bad else "cp932"


class _Lines:
    """The lines of a file, of which some can be put back.

    Attributes:
        number: of the line that was taken last, from 1.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._back: deque[str] = deque()
        self.number = 0

    def take(self) -> str | None:
        """The next line without more than LONGEST_LINE characters of it; None at the end."""
        if self._back:
            line = self._back.popleft()
        else:
            line = self._file.readline(LONGEST_LINE + 1)
            rest = line
            while len(rest) > LONGEST_LINE and not rest.endswith("\n"):
                rest = self._file.readline(LONGEST_LINE + 1)
        self.number += bool(line)
        return line or None

    def put_back(self, lines: list[str]) -> None:
        self._back.extendleft(reversed(lines))
        self.number -= len(lines)


class _OpenQuoteError(Exception):
    """The row goes on in the next line."""


def _next_row(lines: _Lines, delimiter: str, encoding: str) -> list[str] | Invalid | None:
    """The next row, over as many lines as its quotes say; None at the end."""
    first = lines.take()
    if first is None:
        return None
    taken = [first]
    while True:
        problem = _problem(taken[-1], encoding)
        if problem is None:
            try:
                return _parse("".join(taken), delimiter)
            except _OpenQuoteError:
                following = lines.take() if len(taken) < MOST_LINES_IN_A_ROW else None
                if following is not None:
                    taken.append(following)
                    continue
                problem = Invalid("a quote is opened and not closed")
            except csv.Error:
                problem = Invalid("a quoted field goes on after its closing quote")
        lines.put_back(taken[1:])
        return problem


def _problem(line: str, encoding: str) -> Invalid | None:
    if len(line) > LONGEST_LINE:
        return Invalid("the line has more than {longest} characters", longest=LONGEST_LINE)
    if "\0" in line:
        return Invalid("the line has a NUL character")
    if _UNDECODED in line:
        return Invalid("the line is not {encoding} throughout", encoding=encoding)
    return None


def _parse(text: str, delimiter: str) -> list[str]:
    # Without strict, a quote left open at the end of the file would pass unnoticed.
    reader = csv.reader([text], delimiter=delimiter, strict=True)
    try:
        return next(reader)
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise _OpenQuoteError from error
        raise


def _folded(name: str) -> str:
    """A column's name as it is compared: full-width letters, case, blanks and _ do not count."""
    return re.sub(r"[\s_-]", "", unicodedata.normalize("NFKC", name)).casefold()


def _names(path: Path, header: list[str], columns: Mapping[str, bool]) -> list[str]:
    """The columns of the file by our names, in its order.

    Raises:
        Invalid: one is unknown, there twice, or missing.
    """
    known = {_folded(name): name for name in columns}
    known |= {_folded(name): ours for name, ours in _JAPANESE.items() if ours in columns}
    while header and not header[-1].strip():
        header.pop()
    listed = ", ".join(columns)
    names: list[str] = []
    for given in header:
        name = known.get(_folded(given))
        if name is None:
            raise Invalid(
                "{file}: the column {column} is unknown",
                hint="the columns are: {known}",
                file=path,
                column=repr(given[:40]),
                known=listed,
            )
        if name in names:
            raise Invalid(
                "{file}: the column {column} is there twice",
                hint="the columns are: {known}",
                file=path,
                column=name,
                known=listed,
            )
        names.append(name)
    for name, needed in columns.items():
        if needed and name not in names:
            raise Invalid(
                "{file}: the column {column} is missing",
                hint="the columns are: {known}",
                file=path,
                column=name,
                known=listed,
            )
    return names


def _named(
    row: list[str], names: list[str], columns: Mapping[str, bool], required: list[str]
) -> dict[str, str] | Invalid:
    # Where a column was emptied, Excel goes on writing its commas.
    if len(row) < len(names) or any(map(str.strip, row[len(names) :])):
        return Invalid(
            "{found} fields where {expected} columns are", found=len(row), expected=len(names)
        )
    values = dict.fromkeys(columns, "")
    values.update(zip(names, map(str.strip, row), strict=False))
    for name in required:
        if not values[name]:
            return Invalid("{what} is empty", what=name)
    return values
