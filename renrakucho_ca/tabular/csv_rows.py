"""The rows of a table: their delimiter, and rows over several lines."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from renrakucho_ca.errors import Invalid
from renrakucho_ca.tabular.csv_text import LONGEST_LINE, UNDECODED, LineReader

MOST_LINES_IN_A_ROW = 20
"""Lines that one row may span. A longer row has an open quote, and only its first line is bad."""

_DELIMITERS = ",\t;"
# Excel reads the delimiter from such a first line, which other programs write for it.
_DELIMITER_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE | re.DOTALL)


class Rows:
    """The rows of a table in order, each with the number of its first line.

    Args:
        encoding: its name in messages.
    """

    def __init__(self, lines: LineReader, encoding: str) -> None:
        self._lines = lines
        self._encoding = encoding
        self._delimiter = ","

    def header(self) -> list[str] | Invalid | None:
        """Return the names of the columns, None if the file is empty. Call this first."""
        first = self._lines.take()
        if first is not None and (match := _DELIMITER_LINE.fullmatch(first)):
            self._delimiter, first = match[1], self._lines.take()
        elif first is not None:
            self._delimiter = max(_DELIMITERS, key=first.count)
        return None if first is None else self._row(first)

    def __iter__(self) -> Iterator[tuple[int, list[str] | Invalid]]:
        while (line := self._lines.take()) is not None:
            yield self._lines.number, self._row(line)

    def _row(self, first: str) -> list[str] | Invalid:
        problem = self._problem(first)
        if problem is not None:
            return problem
        taken: list[str] = []
        # Without strict, an open quote at the end of the file would go unnoticed.
        reader = csv.reader(self._feed(first, taken), delimiter=self._delimiter, strict=True)
        try:
            return next(reader)
        except csv.Error as error:
            # The following lines may be rows of their own.
            self._lines.put_back(taken)
            if "unexpected end of data" in str(error):
                return Invalid("a quote is not closed")
            return Invalid("text follows a closing quote")

    def _feed(self, first: str, taken: list[str]) -> Iterator[str]:
        """Yield the lines of a row as the reader asks for them, up to the limits.

        Args:
            taken: receives the lines after the first.
        """
        yield first
        size = len(first)
        while len(taken) < MOST_LINES_IN_A_ROW - 1 and (line := self._lines.take()) is not None:
            taken.append(line)
            size += len(line)
            if size > LONGEST_LINE or self._problem(line) is not None:
                return
            yield line

    def _problem(self, line: str) -> Invalid | None:
        if len(line) > LONGEST_LINE:
            return Invalid("the line has more than {longest} characters", longest=LONGEST_LINE)
        if "\0" in line:
            return Invalid("the line has a NUL character")
        if UNDECODED in line:
            return Invalid("the line is not valid {encoding}", encoding=self._encoding)
        return None
