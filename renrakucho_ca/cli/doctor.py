"""`rca doctor`: the daily health check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from renrakucho_ca.cli.app import App, format_option
from renrakucho_ca.cli.help import command
from renrakucho_ca.console import Format, Row
from renrakucho_ca.errors import Attention
from renrakucho_ca.service.doctor.finding import Severity

if TYPE_CHECKING:
    from renrakucho_ca.service.doctor import Report

_FIELDS = ("check", "severity", "problem", "hint")


@command(
    "Check the home for current and upcoming problems: settings, permissions, database, audit "
    "log, clock, backup, keys, hierarchies, algorithms, cut-offs, CRLs, OCSP, mails and disk. "
    "Each problem comes with a hint; nothing is changed. The exit code is 8 if there is a "
    "problem. With a passphrase file the keys are checked too. The table lists problems; json "
    "and csv list every check."
)
@click.option(
    "--metrics",
    type=click.Path(path_type=Path, dir_okay=False, readable=False, allow_dash=True),
    metavar="FILE.prom",
    help="also write metrics for Prometheus (node_exporter's textfile collector); - writes them "
    "to stdout instead of the table",
)
@format_option
def doctor(app: App, metrics: Path | None, form: Format) -> None:
    from renrakucho_ca.service import doctor as service

    source = app.given_passphrase()
    report = service.examine(
        app.home,
        has_passphrase=source is not None,
        passphrase_file=source if isinstance(source, Path) else None,
    )
    if metrics is not None:
        _write_metrics(app, report, metrics)
    rows = _rows(app, report)
    found = [row for row in rows if row["severity"] in (Severity.WARNING, Severity.PROBLEM)]
    if metrics != Path("-") and (found or form is not Format.TABLE):
        shown = _named(app, found) if form is Format.TABLE else rows
        app.console.many(shown, form, fields=_FIELDS, columns=_FIELDS)
    if found:
        raise Attention("problems found: {count}", count=len(found))
    app.console.talk("{count} checks, no problems", count=len(report))


def _rows(app: App, report: Report) -> list[Row]:
    """Return a row for each finding, and one for each check without findings."""
    rows: list[Row] = []
    for check, findings in report.items():
        rows += [
            {
                "check": check,
                "severity": each.severity,
                "problem": app.catalogue.message(each.what),
                "hint": app.catalogue.hint(each.what),
            }
            for each in findings
        ]
        if not findings:
            rows.append({"check": check, "severity": Severity.OK, "problem": None, "hint": None})
    return rows


def _named(app: App, rows: list[Row]) -> list[Row]:
    """Translate the names of the checks; JSON and CSV keep the English ones."""
    return [row | {"check": app.catalogue.say(str(row["check"]))} for row in rows]


def _write_metrics(app: App, report: Report, file: Path) -> None:
    from renrakucho_ca.service.doctor import metrics

    text = metrics.render(app.home, report)
    if file == Path("-"):
        click.echo(text, nl=False)
    else:
        metrics.write(file, text)
