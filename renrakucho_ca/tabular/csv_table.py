"""Read tables from spreadsheets row by row, and report each bad row with its line.

Programs follow no CSV standard (RFC 4180 only describes one). The formats of Excel in Japan are
CP932 ("CSV"), UTF-8 with a byte order mark ("CSV UTF-8"), and UTF-16 with tabs ("Unicode text").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

from renrakucho_ca.errors import Invalid
from renrakucho_ca.tabular import csv_text
from renrakucho_ca.tabular.csv_rows import Rows

LARGEST_FILE = 512 * 1024 * 1024
"""Bytes. A million rows with every field of a user have less than half of that."""
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

_ENCODINGS = {"cp932": "CP932", "utf-8": "UTF-8", "utf-8-sig": "UTF-8"}
"""Their names in messages; the others are UTF-16."""

# An apostrophe keeps a spreadsheet from reading a text as a formula or a number; `rca list` writes
# it too. The formula ="…" does the same.
_KEPT_AS_TEXT = re.compile(r"^'(?=[=+\-@＝＋－＠]|[0-9]+$)")
_TEXT_FORMULA = re.compile(r'="([^"]*)"')

# 1.23E+15: more than eleven digits in an unformatted cell. Hex has the digit E, but no + or point.
_ROUNDED = re.compile(r"[0-9]+(?:\.[0-9]+E[+-]?|E[+-])[0-9]+", re.IGNORECASE)

Row = tuple[int, "dict[str, str] | Invalid"]
"""The number of its first line, and the value of each column or an error."""


def read(path: Path, columns: Mapping[str, bool]) -> Iterator[Row]:
    """Yield the rows of a table whose first line names its columns, in constant memory.

    Args:
        path: UTF-8 or UTF-16 with or without byte order mark, or CP932; columns separated by
            comma, tab or semicolon.
        columns: the allowed columns, and whether a row must have a value. The file may name them
            in Japanese.

    Returns:
        Every row that is not blank. A column that the file lacks is empty; values are stripped of
        blanks and of spreadsheet markers against formulas.

    Raises:
        FileNotFoundError
        Invalid: a folder or a pipe, too large, empty, or with wrong columns.
    """
    if path.exists() and not path.is_file():
        # The file is read twice, first to find the encoding; a pipe can be read once.
        raise Invalid("{file} is not a file", file=path)
    if path.stat().st_size > LARGEST_FILE:
        raise Invalid("{file} is longer than {longest} bytes", file=path, longest=LARGEST_FILE)
    encoding = csv_text.encoding(path)
    with path.open(encoding=encoding, errors="replace") as file:
        rows = Rows(csv_text.LineReader(file), _ENCODINGS.get(encoding, "UTF-16"))
        names = _names(path, rows.header(), columns)
        for number, row in rows:
            if isinstance(row, Invalid):
                yield number, row
            elif any(map(str.strip, row)):
                yield number, _named(row, names, columns)


def refuse_rounded(text: str) -> str:
    """Return a text that may be a number, such as a user's id. Raise Invalid if it was rounded."""
    if _ROUNDED.fullmatch(unicodedata.normalize("NFKC", text)):
        raise Invalid(
            "{text} is a number that a spreadsheet rounded; its last digits are lost",
            hint="format the column as text, and enter the original number again",
            text=repr(text[:40]),
        )
    return text


def _folded(name: str) -> str:
    """Fold a column's name: full-width letters, case, blanks and _ do not matter."""
    return re.sub(r"[\s_-]", "", unicodedata.normalize("NFKC", name)).casefold()


def _names(
    path: Path, header: list[str] | Invalid | None, columns: Mapping[str, bool]
) -> list[str]:
    """Return our names of the file's columns, in its order.

    Raise Invalid without a header, or if a column is unknown, duplicate or missing.
    """
    if header is None:
        raise Invalid("{file} is empty", file=path)
    if isinstance(header, Invalid):
        raise Invalid("{file}: header line: {problem}", file=path, problem=header)
    known = {_folded(name): name for name in columns}
    known |= {_folded(name): ours for name, ours in _JAPANESE.items() if ours in columns}
    while header and not header[-1].strip():
        header.pop()
    context: dict[str, object] = {"file": path, "known": ", ".join(columns)}
    names: list[str] = []
    for given in header:
        name = known.get(_folded(given))
        if name is None:
            raise Invalid(
                "{file}: unknown column {column}",
                hint="use the columns: {known}",
                column=repr(given[:40]),
                **context,
            )
        if name in names:
            raise Invalid(
                "{file}: column {column} appears twice",
                hint="use the columns: {known}",
                column=name,
                **context,
            )
        names.append(name)
    for name, needed in columns.items():
        if needed and name not in names:
            raise Invalid(
                "{file}: column {column} is missing",
                hint="use the columns: {known}",
                column=name,
                **context,
            )
    return names


def _named(
    row: list[str], names: list[str], columns: Mapping[str, bool]
) -> dict[str, str] | Invalid:
    # Excel writes the commas of an emptied column, and some versions omit trailing empty columns in
    # a block of rows. A single field is a remark below the table.
    left_off = names[len(row) :]
    is_short = bool(left_off) and (len(row) == 1 or any(columns[name] for name in left_off))
    if is_short or any(map(str.strip, row[len(names) :])):
        return Invalid(
            "{found} fields, but {expected} columns", found=len(row), expected=len(names)
        )
    values = dict.fromkeys(columns, "")
    values.update(zip(names, map(_value, row), strict=False))
    for name, needed in columns.items():
        if needed and not values[name]:
            return Invalid("{what} is empty", what=name)
    return values


def _value(field: str) -> str:
    text = _KEPT_AS_TEXT.sub("", field.strip(), count=1)
    formula = _TEXT_FORMULA.fullmatch(text)
    return text if formula is None else formula[1].strip()
