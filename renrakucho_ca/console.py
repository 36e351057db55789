"""What people and scripts see: data to stdout as table, JSON or CSV, talk to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING

from renrakucho_ca.errors import RcaError
from renrakucho_ca.locale import Catalogue

if TYPE_CHECKING:
    from datetime import tzinfo

    from rich.console import Console as RichConsole

Value = str | int | bool | datetime | None | Sequence[str]
Row = dict[str, Value]

TABLE_ROWS = 1000
"""Rows whose widths are measured together, so that a long table need not be held whole."""

# A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class Console:
    """The two streams of a command.

    Args:
        zone: gives the timezone of people's dates; asked for when there is one to show.
    """

    def __init__(
        self, catalogue: Catalogue, zone: Callable[[], tzinfo], *, quiet: bool, verbose: bool
    ) -> None:
        self._catalogue = catalogue
        self._zone = zone
        self._quiet = quiet
        self._verbose = verbose
        self.say = catalogue.say
        for stream in (sys.stdout, sys.stderr):
            # A terminal that cannot show a name must not stop the command.
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]

    def talk(self, text: str, /, **values: object) -> None:
        """Progress, hints, warnings: for people, and nothing that a script needs."""
        if not self._quiet:
            print(printable(self.say(text, **values)), file=sys.stderr)

    def detail(self, text: str, /, **values: object) -> None:
        """Talk for those who asked for more (`-v`)."""
        if self._verbose:
            self.talk(text, **values)

    def error(self, error: RcaError) -> None:
        """One line, and the hint where there is one."""
        self._complain("error", error)

    def warn(self, warning: RcaError) -> None:
        """Like an error, for what stops nothing."""
        if not self._quiet:
            self._complain("warning", warning)

    def _complain(self, kind: str, error: RcaError) -> None:
        print(f"rca: {kind}: {printable(self._catalogue.message(error))}", file=sys.stderr)
        hint = self._catalogue.hint(error)
        if hint is not None:
            print(f"rca: hint: {printable(hint)}", file=sys.stderr)

    def one(self, row: Row, form: Format) -> None:
        """One thing: in JSON an object, in a table a line for each of its values."""
        match form:
            case Format.JSON:
                print(json.dumps(_plain(row), ensure_ascii=False, indent=2))
            case Format.CSV:
                _write_csv([row], list(row))
            case Format.TABLE:
                named = [(self._title(key), self._shown(value)) for key, value in row.items()]
                self._table([named_value for named_value in named if named_value[1]], None)

    def many(
        self, rows: Iterable[Row], form: Format, *, fields: Sequence[str], columns: Sequence[str]
    ) -> None:
        """Any number of things, streamed: in JSON an array.

        Args:
            fields: the keys of every row, in order: the header of CSV.
            columns: those of them that a table shows.
        """
        match form:
            case Format.JSON:
                _write_json(rows)
            case Format.CSV:
                _write_csv(rows, fields)
            case Format.TABLE:
                header: list[str] | None = [self._title(column) for column in columns]
                stream = iter(rows)
                while page := list(islice(stream, TABLE_ROWS)):
                    cells = [[self._shown(row[column]) for column in columns] for row in page]
                    self._table(cells, header)
                    header = None if not sys.stdout.isatty() else header

    def _title(self, key: str) -> str:
        return self.say(key.replace("_", " "))

    def _shown(self, value: Value) -> str:
        """A value as people read it: dates where they live, states in their language."""
        if isinstance(value, datetime):
            return f"{value.astimezone(self._zone()):%Y-%m-%d}"
        if isinstance(value, bool):
            return self.say("yes") if value else self.say("no")
        if isinstance(value, StrEnum):
            return self._catalogue.word(value)
        if isinstance(value, str):
            return printable(value)
        if isinstance(value, Sequence):
            return ", ".join(value)
        return "" if value is None else str(value)

    def _table(self, cells: Iterable[Sequence[str]], header: Sequence[str] | None) -> None:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else None, show_edge=False)
        table.show_header = header is not None
        rows = [list(row) for row in cells]
        for title in header or ([""] * len(rows[0]) if rows else []):
            table.add_column(title, overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        _rich().print(table)


def printable(text: str) -> str:
    """One line without anything that moves the cursor, reorders letters or cannot be encoded."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with Z."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _rich() -> RichConsole:
    from rich.console import Console as RichConsole

    if sys.stdout.isatty():
        return RichConsole(highlight=False, emoji=False, markup=False)
    # Into a pipe: full width, nothing folded, no colour.
    return RichConsole(highlight=False, emoji=False, markup=False, width=10_000, color_system=None)


def _plain(row: Row) -> dict[str, object]:
    return {
        key: timestamp(value) if isinstance(value, datetime) else value
        for key, value in row.items()
    }


def _write_json(rows: Iterable[Row]) -> None:
    """One array, written as the rows come."""
    separator = "[\n"
    for row in rows:
        sys.stdout.write(separator + json.dumps(_plain(row), ensure_ascii=False))
        separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")


def _write_csv(rows: Iterable[Row], fields: Sequence[str]) -> None:
    import csv

    writer = csv.writer(sys.stdout)
    writer.writerow(fields)
    for row in rows:
        plain = _plain(row)
        writer.writerow(_harmless(plain[field]) for field in fields)


def _harmless(value: object) -> object:
    """A cell that a spreadsheet shows and does not run."""
    text = " ".join(value) if isinstance(value, list | tuple) else value
    return f"'{text}" if isinstance(text, str) and text.startswith(_FORMULA) else text
