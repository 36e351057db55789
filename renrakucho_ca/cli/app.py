"""What every command has at hand, and the options that many share.

`--version` and `--help` load this too, so what only a command needs is imported where it is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from functools import cached_property
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
"""Letters beside an option's name; with more, the descriptions would begin too far right."""


class App:
    """The options before the command, and what follows from them."""

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
        """A home, with this command's passphrase."""
        from renrakucho_ca.service.home import Home

        return Home(folder, self._passphrase, pin=self._pin)

    def confirm(self, question: str, /, *, yes: bool, **values: object) -> None:
        """Asks before something that cannot be undone.

        Args:
            yes: `--yes` was given.

        Raises:
            Refused: the answer is no, or there is no terminal to ask on.
        """
        if yes:
            return
        if not os.isatty(0):
            raise Refused("this needs a yes", hint="without a terminal, add --yes")
        if not click.confirm(self.catalogue.say(question, **values), err=True):
            raise Refused("not confirmed: nothing was done")

    def notifier(self, mail: bool) -> Notifier:
        """How users are told of a new certificate: by mail, or by the operator."""
        if not mail:
            from renrakucho_ca.service.issuance.issuer import no_notification

            return no_notification
        from renrakucho_ca.service.mail.compose import Letters

        return Letters(self.home).put

    def given_passphrase(self) -> int | Path | None:
        """The descriptor or file of the passphrase; None where somebody would have to be asked."""
        from renrakucho_ca.cli import passphrase

        return passphrase.given(self.passphrase_fd, self.passphrase_file)

    def expect_keys(self) -> None:
        """Has the passphrase stretched, which takes 0.2 s, beside the imports of a command that is
        going to use a key: so it comes before them.

        Not where somebody would have to be asked: first it has to be known that there is a need.
        What is wrong with it is told where it is used.
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


_Member = TypeVar("_Member", bound=StrEnum)


class Choice(click.ParamType[_Member]):
    """One of our words, spelled as its value; Click's own wants the names of the members."""

    name = "choice"

    def __init__(self, members: Iterable[_Member]) -> None:
        self._members = {member.value: member for member in members}

    @property
    def words(self) -> list[str]:
        """What it takes."""
        return list(self._members)

    @property
    def is_short(self) -> bool:
        """Whether the words fit beside the option's name; else its description lists them."""
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
                "{parameter} takes one of {choices}",
                parameter="" if param is None else spelling(param),
                choices=", ".join(self._members),
            ) from None


def format_option(function: _Function) -> _Function:
    """`--format`, on every command that answers with data."""
    from renrakucho_ca.console import Format

    return click.option(
        "--format",
        "form",
        type=Choice(Format),
        default=Format.TABLE,
        help="table for people, json or csv for scripts",
    )(function)


def all_or_nothing_option(function: _Function) -> _Function:
    return click.option(
        "--all-or-nothing", is_flag=True, help="do nothing at all where one line is bad"
    )(function)


def mail_option(function: _Function) -> _Function:
    return click.option(
        "--mail", is_flag=True, help="put a mail to the user into the outbox (`rca mail send`)"
    )(function)


def jobs_option(function: _Function) -> _Function:
    return click.option(
        "--jobs",
        type=click.IntRange(1, 256),
        metavar="N",
        help="worker processes; else one a core",
    )(function)


def yes_option(function: _Function) -> _Function:
    return click.option("--yes", is_flag=True, help="do not ask")(function)


def dry_run_option(function: _Function) -> _Function:
    return click.option(
        "--dry-run", is_flag=True, help="say what would be done, and change nothing"
    )(function)


class NumberType(click.ParamType["RetrievalNumber"]):
    """A retrieval number as people write it."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> RetrievalNumber:
        from renrakucho_ca.model import RetrievalNumber

        try:
            return RetrievalNumber.parse(value)
        except Invalid:
            # None is ever given out that begins with 0; but whoever types eight digits names a
            # certificate, and one that there is not is NotFound (cli.md, "Numbers").
            if value.isascii() and value.isdigit() and len(value) == 8:
                raise NotFound("no certificate has the number {number}", number=value) from None
            raise


number_argument = click.argument("number", type=NumberType())
numbers_argument = click.argument("numbers", type=NumberType(), nargs=-1, metavar="NUMBER...")
numbers_or_option = click.argument("numbers", type=NumberType(), nargs=-1, metavar="[NUMBER]...")


def parse_date(text: str, zone: tzinfo) -> datetime:
    """A moment as people write it: a bare date is its midnight in the home's timezone.

    Raises:
        Invalid: neither a date nor an RFC 3339 time.
    """
    try:
        moment = datetime.fromisoformat(text.strip().replace("/", "-"))
        # Through the zone in which it will be shown: at both ends of the calendar that overflows.
        shown = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(zone)
        return shown.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(
            "{text} is not a date",
            hint="such as 2026-08-01, or 2026-07-31T15:00:00Z",
            text=repr(text[:40]),
        ) from None


def _language_of_environment() -> Language:
    """`RCA_LANG`, else the locale as POSIX orders its variables."""
    for name in ("RCA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return Language.JAPANESE if value.startswith("ja") else Language.ENGLISH
    return Language.ENGLISH
