"""`rca issue --batch`: show the new certificates, and report the unprocessed lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from renrakucho_ca.cli.app import App
from renrakucho_ca.cli.bad_lines import BadLines
from renrakucho_ca.cli.interruption import stopping
from renrakucho_ca.cli.outcomes import exported
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
    """Issue a certificate for each line of a table. The arguments are options of `rca issue`."""
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


@dataclass(slots=True)
class _BatchRun:
    """A run over a table; setting `stop` prevents further lines."""

    app: App
    file: Path
    chosen: Hierarchy
    out: Path | None
    stop: Event
    bad: BadLines
    done: int = 0
    first_left: int | None = None
    failure: Exception | None = None

    def rows(self, notify: Notifier, jobs: int) -> Iterator[Row]:
        """Yield the rows of new certificates.

        An error, such as a removed token, ends them quietly: programs cannot read half a JSON
        array.
        """
        try:
            for row in self._done_rows(notify, jobs):
                self.done += 1
                yield row
        except Exception as error:
            if not self.done:
                raise
            self.failure = error

    def _done_rows(self, notify: Notifier, jobs: int) -> Iterator[Row]:
        home, lines = self.app.home, self._lines()
        results = issuance.issue_many(home, self.chosen, lines, jobs=jobs, notify=notify)
        for line, result in results:
            if isinstance(result, RcaError):
                self.bad.report(line, result)
                continue
            row, problem = exported(self.app, result, self.out)
            if problem is not None:
                self.bad.report(line, problem)
            yield row

    def _lines(self) -> Iterator[tuple[int, IssuanceRequest | RcaError]]:
        for line, request in batch.read_requests(self.file):
            if self.stop.is_set():
                self.first_left = line
                return
            yield line, request

    def close(self) -> None:
        """Report unprocessed lines: raise the error that ended the run, or Attention."""
        if self.failure is not None:
            self.app.console.talk(
                "the {count} lines above are done: remove them from the table", count=self.done
            )
            raise self.failure
        if self.first_left is not None:
            raise Attention(
                "stopped before line {line}",
                hint="remove the lines before it from the table, then run the command again",
                line=self.first_left,
            )
        self.bad.close()
