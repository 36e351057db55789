"""The context of every command, and the options that commands share.

`--version` and `--help` load this module too, so it imports most things where they are used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from renrakucho_ca.cli.usage import Usage, spelling
from renrakucho_ca.errors import Invalid, NotFound, RcaError, Refused
from renrakucho_ca.locale import Catalogue, Language

if TYPE_CHECKING:
    from renrakucho_ca.console import Console
    from renrakucho_ca.model import RetrievalNumber
    from renrakucho_ca.service.home import Home
    from renrakucho_ca.service.issuance.issuer import Notifier

_Function = TypeVar("_Function", bound=Callable[..., Any])

LONGEST_METAVAR = 20
"""Characters after an option's name; a longer list of choices moves into the description."""


class App:
    """The options before the command, and the console, home and catalogue that follow from them."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.language: Language | None = None
        self.passphrase_fd: int | None = None
        self.passphrase_file: Path | None = None
        self.quiet = False
        self.verbose = False

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.language or _language_of_environment())

    @cached_property
    def console(self) -> Console:
        from renrakucho_ca.console import Console

        return Console(self.catalogue, self._zone, quiet=self.quiet, verbose=self.verbose)

    @cached_property
    def home(self) -> Home:
        return self.home_at(self.folder or Path(os.environ.get("RCA_HOME") or "."))

    def home_at(self, folder: Path) -> Home:
        """Return the home in a folder, with this command's passphrase."""
        from renrakucho_ca.service.home import Home

        return Home(folder, self._passphrase, pin=self._pin)

    def confirm(self, question: str, /, *, yes: bool, **values: object) -> None:
        """Ask before an irreversible step, unless `--yes` was given.

        Raises Refused if the answer is no, or without a terminal.
        """
        if yes:
            return
        if not os.isatty(0):
            raise Refused("confirmation required", hint="add --yes to run without a terminal")
        if not click.confirm(self.catalogue.say(question, **values), err=True):
            raise Refused("not confirmed: nothing was changed")

    def date(self, text: str | None) -> datetime | None:
        """Parse a date (midnight in the home's timezone) or RFC 3339 time; may raise Invalid."""
        if text is None:
            return None
        zone = self.home.settings.zone
        try:
            moment = datetime.fromisoformat(text.strip().replace("/", "-"))
            # Convert to the zone of display first: that overflows at both ends of the calendar.
            shown = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(zone)
            return shown.astimezone(UTC)
        except (ValueError, OverflowError):
            raise Invalid(
                "{text} is not a date",
                hint="write it as 2026-08-01 or 2026-07-31T15:00:00Z",
                text=repr(text[:40]),
            ) from None

    def notifier(self, mail: bool) -> Notifier:
        """Return the function that notifies a user of a new certificate: by mail or not at all."""
        if not mail:
            from renrakucho_ca.service.issuance.issuer import no_notification

            return no_notification
        from renrakucho_ca.service.mail.compose import Letters

        return Letters(self.home).put

    def given_passphrase(self) -> int | Path | None:
        """Return the passphrase's descriptor or file; None if only a prompt is left."""
        from renrakucho_ca.cli import passphrase

        return passphrase.given(self.passphrase_fd, self.passphrase_file)

    def expect_keys(self) -> None:
        """Start stretching the passphrase (0.2 s) in a background task, before a command's imports.

        Does nothing if a prompt is needed. Errors surface when a key is used.
        """
        if self.given_passphrase() is not None:
            with suppress(RcaError):
                self.home.keystore.expect_use()
                click.get_current_context().call_on_close(self.home.keystore.close)

    def _passphrase(self, is_new: bool) -> bytes:
        from renrakucho_ca.cli import passphrase

        return passphrase.find(
            self.catalogue, self.passphrase_fd, self.passphrase_file, is_new=is_new
        )

    def _pin(self, token: str) -> str:
        from renrakucho_ca.cli import passphrase

        return passphrase.ask_pin(self.catalogue, token)

    def _zone(self) -> tzinfo:
        from renrakucho_ca.cli.zone import zone_of

        return zone_of(self.home)


pass_app = click.make_pass_decorator(App)

FILE = click.Path(path_type=Path, dir_okay=False)
"""A file to read."""

FILE_NAME = click.Path(path_type=Path, dir_okay=False, readable=False)
"""A file that Click does not try to read."""

FOLDER = click.Path(path_type=Path, file_okay=False, readable=False)
"""A folder to write to."""


_Member = TypeVar("_Member", bound=StrEnum)


class Choice(click.ParamType[_Member]):
    """A choice of an enum's values; Click's own `Choice` takes the members' names."""

    name = "choice"

    def __init__(self, members: Iterable[_Member]) -> None:
        self._members = {member.value: member for member in members}

    @property
    def words(self) -> list[str]:
        """The accepted values."""
        return list(self._members)

    @property
    def is_short(self) -> bool:
        """Return whether the values fit after the option's name; else the help lists them."""
        return len("|".join(self._members)) <= LONGEST_METAVAR

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "|".join(self._members) if self.is_short else spelling(param).split("-")[-1].upper()

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> _Member:
        try:
            return self._members[value]
        except KeyError:
            raise Usage(
                "{parameter} must be one of {choices}",
                parameter="" if param is None else spelling(param),
                choices=", ".join(self._members),
            ) from None


def format_option(function: _Function) -> _Function:
    """Add `--format`, for commands that print data."""
    from renrakucho_ca.console import Format

    return click.option(
        "--format",
        "form",
        type=Choice(Format),
        default=Format.TABLE,
        help="set the output format (default: table)",
    )(function)


all_or_nothing_option = click.option(
    "--all-or-nothing", is_flag=True, help="stop before the first change if any line is invalid"
)
mail_option = click.option(
    "--mail", is_flag=True, help="queue a mail to the user (sent by `rca mail send`)"
)
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    metavar="N",
    help="number of worker processes (default: one per core)",
)
yes_option = click.option("--yes", is_flag=True, help="skip the confirmation")
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="report the planned changes without making them"
)


def retrieval_number(value: str) -> RetrievalNumber:
    """Parse a retrieval number in any spelling that `RetrievalNumber.parse` accepts."""
    from renrakucho_ca.model import RetrievalNumber

    try:
        return RetrievalNumber.parse(value)
    except Invalid:
        # Numbers never begin with 0, but eight digits name a certificate: exit 3, not 5.
        if value.isascii() and value.isdigit() and len(value) == 8:
            raise NotFound("no certificate has the number {number}", number=value) from None
        raise


number_argument = click.argument("number", type=retrieval_number)
_numbers = partial(click.argument, "numbers", type=retrieval_number, nargs=-1)
numbers_argument = _numbers(metavar="NUMBER...")
numbers_or_option = _numbers(metavar="[NUMBER]...")


def _language_of_environment() -> Language:
    """Return the language of `RCA_LANG`, then of the locale (POSIX order of variables)."""
    for name in ("RCA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return Language.JAPANESE if value.startswith("ja") else Language.ENGLISH
    return Language.ENGLISH
