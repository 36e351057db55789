"""How commands that read tables speak of bad lines: the first ones, how many, and the exit code."""

from __future__ import annotations

from collections.abc import Iterable

from renrakucho_ca.cli.app import App
from renrakucho_ca.errors import Attention, Invalid, RcaError

MOST = 10_000
"""Bad lines that are told one by one. More say that the file is another than was meant."""


class BadLines:
    """Tells of bad lines as they come, and counts them."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.count = 0

    def report(self, line: int, problem: RcaError) -> None:
        self.count += 1
        if self.count <= MOST:
            values = problem.values | {"line": line, "problem": problem}
            self._app.console.error(Invalid("line {line}: {problem}", hint=problem.hint, **values))

    def refuse_any(self, lines: Iterable[tuple[int, object]]) -> None:
        """Reads everything through before anything is done (`--all-or-nothing`).

        Raises:
            Invalid: there is a bad line.
        """
        for line, found in lines:
            if isinstance(found, RcaError):
                self.report(line, found)
        if self.count:
            raise Invalid(
                "bad lines: {count}; nothing was done",
                hint="without --all-or-nothing the good lines are done",
                count=self.count,
            )

    def close(self) -> None:
        """Says how many there were.

        Raises:
            Attention: there were any.
        """
        if self.count > MOST:
            self._app.console.talk("… and {count} more", count=self.count - MOST)
        if self.count:
            raise Attention("lines that were not done: {count}", count=self.count)
