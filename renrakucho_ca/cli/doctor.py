"""`rca doctor`: what is wrong, or will be."""

from __future__ import annotations

import click

from renrakucho_ca.cli.app import App, format_option, pass_app
from renrakucho_ca.cli.help import Command
from renrakucho_ca.console import Format, Row
from renrakucho_ca.errors import Attention

_FIELDS = ("check", "problem", "hint")


@click.command(
    cls=Command,
    help="Looks for what is wrong or will be next week: settings, permissions, database, clock, "
    "keys, hierarchies, cut-offs, CRLs, what was begun and not finished, mails, disk. Says what to "
    "do about each; the exit code is 8 where there is anything.",
)
@format_option
@pass_app
def doctor(app: App, form: Format) -> None:
    from renrakucho_ca.service import doctor as service

    findings = service.examine(app.home)
    rows: list[Row] = [
        {
            "check": each.check,
            "problem": app.catalogue.message(each.problem),
            "hint": app.catalogue.hint(each.problem),
        }
        for each in findings
    ]
    if rows or form is not Format.TABLE:
        app.console.many(rows, form, fields=_FIELDS, columns=_FIELDS)
    if findings:
        raise Attention("found: {count}", count=len(findings))
    app.console.talk("{count} checks, nothing wrong", count=len(service.CHECKS))
