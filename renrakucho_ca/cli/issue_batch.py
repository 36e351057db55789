"""`rca issue --batch`: what is shown of each line, and what is said of those that were not done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

from renrakucho_ca.cli.app import App
from renrakucho_ca.cli.bad_lines import BadLines
from renrakucho_ca.cli.interruption import stopping
from renrakucho_ca.cli.issued import exported
from renrakucho_ca.cli.record import FIELDS
from renrakucho_ca.console import Format, Row
from renrakucho_ca.errors import Attention, RcaError
from renrakucho_ca.model import Hierarchy
from renrakucho_ca.service.issuance import batch, issuance
from renrakucho_ca.service.issuance.issuer import Notifier
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.process_pool import cores


def issue_batch(
    app: App,
    file: Path,
    hierarchy: str | None,
    out: Path | None,
    all_or_nothing: bool,
    notify: Notifier,
    jobs: int | None,
    form: Format,
) -> None:
    """Issues for each line of a table. Its arguments are the options of `rca issue`."""
    chosen = issuance.choose_hierarchy(app.home, hierarchy)
    bad = BadLines(app)
    if all_or_nothing:
        bad.refuse_any(batch.check(app.home, chosen, batch.read_requests(file)))
    fields = (*FIELDS, "password", *(["files"] if out else []))
    columns = ("number", "password", "user", "device", "note", *(["files"] if out else []))
    with stopping() as stop:
        run = _BatchRun(app, file, chosen, out, stop, bad)
        app.console.many(run.rows(notify, jobs or cores()), form, fields=fields, columns=columns)
    run.close()


class _BatchRun:
    """What becomes of a table.

    Args:
        stop: set when no further line is to be begun.
    """

    def __init__(
        self, app: App, file: Path, chosen: Hierarchy, out: Path | None, stop: Event, bad: BadLines
    ) -> None:
        self._app = app
        self._file = file
        self._chosen = chosen
        self._out = out
        self._stop = stop
        self._bad = bad
        self._done = 0
        self._first_left: int | None = None
        self._failure: Exception | None = None

    def rows(self, notify: Notifier, jobs: int) -> Iterator[Row]:
        """What to show. Whatever stops the run, such as a token that is pulled out, what was done
        is shown whole: no program reads half a JSON array.
        """
        try:
            for row in self._done_rows(notify, jobs):
                self._done += 1
                yield row
        except Exception as error:
            if not self._done:
                raise
            self._failure = error

    def _done_rows(self, notify: Notifier, jobs: int) -> Iterator[Row]:
        lines = self._lines()
        for line, result in issuance.issue_many(
            self._app.home, self._chosen, lines, jobs=jobs, notify=notify
        ):
            if isinstance(result, RcaError):
                self._bad.report(line, result)
                continue
            row, problem = exported(self._app, result, self._out)
            if problem is not None:
                self._bad.report(line, problem)
            yield row

    def _lines(self) -> Iterator[tuple[int, IssuanceRequest | RcaError]]:
        for line, request in batch.read_requests(self._file):
            if self._stop.is_set():
                self._first_left = line
                return
            yield line, request

    def close(self) -> None:
        """Says what was not done.

        Raises:
            Attention: lines were bad, or the run was stopped. And what ended it.
        """
        if self._failure is not None:
            self._app.console.talk(
                "the {count} lines above are done: remove them from the table",
                count=self._done,
            )
            raise self._failure
        if self._first_left is not None:
            raise Attention(
                "stopped before line {line}",
                hint="remove the lines before it from the table, then run the command again",
                line=self._first_left,
            )
        self._bad.close()
