"""Report the first problems of a batch, their number, and the exit code."""

from __future__ import annotations

from collections.abc import Iterable

from renrakucho_ca.cli.app import App
from renrakucho_ca.errors import Attention, Invalid, RcaError

MOST = 10_000
"""Problems printed; a wrong file has more."""


class Problems:
    """Prints problems as they come, and counts them."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.count = 0

    def add(self, problem: RcaError) -> None:
        self.count += 1
        if self.count <= MOST:
            self._app.console.error(problem)

    def report_rest(self) -> None:
        """Print the number of unprinted problems."""
        if self.count > MOST:
            self._app.console.talk("… and {count} more", count=self.count - MOST)


class BadLines(Problems):
    """The problems of a table, by line."""

    def report(self, line: int, problem: RcaError) -> None:
        values = problem.values | {"line": line, "problem": problem}
        self.add(Invalid("line {line}: {problem}", hint=problem.hint, **values))

    def refuse_any(self, lines: Iterable[tuple[int, object]]) -> None:
        """Read the whole table first (`--all-or-nothing`); raise Invalid if a line is bad."""
        for line, found in lines:
            if isinstance(found, RcaError):
                self.report(line, found)
        if self.count:
            raise Invalid(
                "bad lines: {count}; nothing was done",
                hint="correct them, or omit --all-or-nothing to process the good lines",
                count=self.count,
            )

    def close(self) -> None:
        """Print the number of unprinted problems; raise Attention if a line was bad."""
        self.report_rest()
        if self.count:
            raise Attention("failed lines: {count}", count=self.count)
