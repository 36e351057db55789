"""Measures the columns of a printed table."""

from __future__ import annotations

import unicodedata


def width(text: str) -> int:
    """Columns that a terminal needs (Unicode Standard Annex 11)."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def column_starts(line: str) -> list[int]:
    """Where in a line of a table the cells begin: after two blanks or more."""
    starts, blanks = [], 2
    for position, letter in enumerate(line):
        if letter == " ":
            blanks += 1
            continue
        if blanks >= 2:
            starts.append(width(line[:position]))
        blanks = 0
    return starts
