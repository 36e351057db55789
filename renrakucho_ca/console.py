"""Output: data to stdout as table, JSON or CSV; progress, hints and errors to stderr."""

from __future__ import annotations

import codecs
import json
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from renrakucho_ca.batched import batched
from renrakucho_ca.errors import RcaError
from renrakucho_ca.locale import Catalogue

Value = (
    str
    | int
    | bool
    | datetime
    | None
    | Sequence[str]
    | Sequence[Mapping[str, object]]
    | Mapping[str, object]
)
Row = dict[str, Value]

TABLE_ROWS = 1000
"""Rows whose widths are measured together, so that a long table is streamed."""

FOLDED_COLUMN = 16
"""Terminal columns that a folded text keeps; if that does not fit, spare columns are dropped."""

# Spreadsheets run a cell that begins with one of these as a formula (OWASP, "CSV injection");
# Japanese ones also the full-width signs.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class Console:
    """The output of a command. `zone` is called when the first date is displayed."""

    def __init__(
        self, catalogue: Catalogue, zone: Callable[[], tzinfo], *, quiet: bool, verbose: bool
    ) -> None:
        self._catalogue = catalogue
        self._zone = zone
        self._quiet = quiet
        self._verbose = verbose
        self.say = catalogue.say

    def talk(self, text: str, /, **values: object) -> None:
        """Print progress or a hint to stderr, unless `-q` is given."""
        if not self._quiet:
            _to_stderr(self.say(text, **values))

    def detail(self, text: str, /, **values: object) -> None:
        """Print a detail to stderr if `-v` is given."""
        if self._verbose:
            self.talk(text, **values)

    def error(self, error: RcaError) -> None:
        """Print an error as one line, and its hint."""
        self._complain("error", error)

    def warn(self, warning: RcaError) -> None:
        """Print a warning as one line, and its hint, unless `-q` is given."""
        if not self._quiet:
            self._complain("warning", warning)

    def _complain(self, kind: str, error: RcaError) -> None:
        _to_stderr(f"rca: {kind}: {self._catalogue.message(error)}")
        hint = self._catalogue.hint(error)
        if hint is not None:
            _to_stderr(f"rca: hint: {hint}")

    def one(self, row: Row, form: Format, *, columns: Sequence[str] | None = None) -> None:
        """Print one record: a JSON object, or a table with a line for each value.

        Args:
            columns: the table's keys in order (default: all); empty values are omitted.
        """
        match form:
            case Format.JSON:
                print(_json(row, indent=2))
            case Format.CSV:
                _write_csv([row], list(row))
            case Format.TABLE:
                shown = {key: self._shown(row.get(key)) for key in columns or row}
                titles = {key: self._title(key) for key in shown if shown[key]}
                width = max(map(cells, titles.values()), default=0)
                for key, title in titles.items():
                    print(title + " " * (width - cells(title) + 2) + shown[key])

    def many(
        self,
        rows: Iterable[Row],
        form: Format,
        *,
        fields: Sequence[str],
        columns: Sequence[str],
        spare: Sequence[str] = (),
        whole: Sequence[str] = (),
    ) -> None:
        """Print records, streamed.

        Args:
            fields: the keys of every row, in order: the CSV header.
            columns: the keys that the table shows.
            spare: columns that a narrow terminal drops, in this order.
            whole: columns that are never folded because people copy their values.
        """
        match form:
            case Format.JSON:
                _write_json(rows)
            case Format.CSV:
                _write_csv(rows, fields)
            case Format.TABLE:
                with_header, found = True, False
                for page in batched(rows, TABLE_ROWS):
                    self._table(page, columns, spare, whole, with_header=with_header)
                    with_header, found = sys.stdout.isatty(), True
                if not found:
                    self.talk("nothing found")

    @contextmanager
    def progress(self, text: str, total: int) -> Iterator[Callable[[], None]]:
        """Show a progress bar with rate and time left on a terminal; yield its `advance`."""
        if self._quiet or not sys.stderr.isatty():
            yield lambda: None
            return
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as TimeLeft

        rate = TextColumn("{task.fields[rate]}")
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            rate,
            TimeLeft(),
            console=RichConsole(stderr=True),
        )
        with bar:
            task = bar.add_task(self.say(text), total=total, rate="")

            def advance() -> None:
                speed = bar.tasks[0].speed
                bar.update(task, advance=1, rate=f"{speed:.0f}/s" if speed else "")

            yield advance

    def _title(self, key: str) -> str:
        return self.say(key.replace("_", " "))

    def _shown(self, value: Value) -> str:
        """Format a value for a table: local dates, translated states."""
        if isinstance(value, datetime):
            return self._catalogue.date(_local(value, self._zone()))
        if isinstance(value, bool):
            return self.say("yes") if value else self.say("no")
        if isinstance(value, StrEnum):
            return self._catalogue.word(value)
        if isinstance(value, str):
            return printable(value)
        if isinstance(value, Sequence):
            return ", ".join(self._shown(each) for each in value if isinstance(each, str))
        return "" if value is None else str(value)

    def _table(
        self,
        page: Sequence[Row],
        columns: Sequence[str],
        spare: Sequence[str],
        whole: Sequence[str],
        *,
        with_header: bool,
    ) -> None:
        shown = {column: [self._shown(row[column]) for row in page] for column in columns}
        if not sys.stdout.isatty():
            self._into_pipe(shown, with_header=with_header)
            return
        from rich import box
        from rich.console import Console as RichConsole
        from rich.table import Table
        from rich.text import Text

        rich = RichConsole(highlight=False, emoji=False, markup=False)
        self._fit(shown, spare, whole, rich.width)
        table = Table(
            box=box.SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            padding=(0, 1, 0, 0),  # the box adds a space between columns
            show_header=with_header,
        )
        for column in shown:
            # On a narrow terminal free text is folded; numbers, dates and states never are.
            is_text = any(type(row[column]) in (str, list, tuple) for row in page)
            folds = is_text and column not in whole
            table.add_column(self._title(column), overflow="fold", no_wrap=not folds)
        for cells_of_row in zip(*shown.values(), strict=True):
            table.add_row(*map(Text, cells_of_row))
        with rich.capture() as drawn:
            rich.print(table)
        for line in drawn.get().splitlines():
            print(line.rstrip(" "))

    def _into_pipe(self, shown: dict[str, list[str]], *, with_header: bool) -> None:
        """Print full width, without folding or colour, and without Rich (50 ms to import)."""
        texts = [[*([self._title(key)] if with_header else []), *shown[key]] for key in shown]
        widths = [max(map(cells, column)) for column in texts]
        for line in zip(*texts, strict=True):
            padded = (
                text + " " * (width - cells(text)) for text, width in zip(line, widths, strict=True)
            )
            print("  ".join(padded).rstrip(" "))

    def _fit(
        self, shown: dict[str, list[str]], spare: Sequence[str], whole: Sequence[str], width: int
    ) -> None:
        """Remove empty columns, then spare ones until the rest fits, folded if need be."""
        for column in [column for column, texts in shown.items() if not any(texts)]:
            del shown[column]

        def needed(column: str) -> int:
            widest = max(map(cells, [self._title(column), *shown[column]]))
            return (widest if column in whole else min(widest, FOLDED_COLUMN)) + 2

        for column in spare:
            if sum(map(needed, shown)) - 2 <= width:
                return
            shown.pop(column, None)


def printable(text: str) -> str:
    """Escape everything that moves the cursor or reorders text; the result is one line.

    Spaces of other widths stay, such as the one between a Japanese family and given name.
    """
    if text.isprintable():  # as nearly all are
        return text
    return "".join(
        letter
        if letter.isprintable() or unicodedata.category(letter) == "Zs"
        else letter.encode("unicode_escape").decode()
        for letter in text
    )


def cells(text: str) -> int:
    """Count the terminal columns of a text; wide characters take two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )


def _local(moment: datetime, zone: tzinfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment  # 9999-12-31T23:59:59Z: no well-defined expiration (RFC 5280 §4.1.2.5)


def timestamp(moment: datetime) -> str:
    """Format as RFC 3339 in UTC with Z."""
    # Five times faster than strftime, and called five times a row.
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def _to_stderr(line: str) -> None:
    # A closed stderr must not stop the work.
    with suppress(OSError):
        print(printable(line), file=sys.stderr)


def _plain(row: Row) -> dict[str, object]:
    return {
        key: timestamp(value) if isinstance(value, datetime) else value
        for key, value in row.items()
    }


def _json(row: Row, indent: int | None = None) -> str:
    # Outside UTF-8 use JSON's own escapes; the stream's backslashreplace is not JSON.
    is_utf8 = codecs.lookup(sys.stdout.encoding).name == "utf-8"
    return json.dumps(_plain(row), ensure_ascii=not is_utf8, indent=indent)


def _write_json(rows: Iterable[Row]) -> None:
    """Write one array, row by row."""
    separator = "[\n"
    for row in rows:
        sys.stdout.write(separator + _json(row))
        separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")


def _write_csv(rows: Iterable[Row], fields: Sequence[str]) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(fields)
    for row in rows:
        plain = _plain(row)
        writer.writerow(_cell(plain[field]) for field in fields)


def _cell(value: object) -> object:
    """Return a cell's value as in JSON, quoted so that no spreadsheet runs it as a formula."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = " ".join(value) if isinstance(value, list | tuple) else value
    return f"'{text}" if isinstance(text, str) and text.startswith(_FORMULA) else text
