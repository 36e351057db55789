"""`rca migrate`: successors from the new hierarchy, and the cut-off of the old one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from renrakucho_ca.cli.app import (
    FILE_NAME,
    App,
    dry_run_option,
    jobs_option,
    mail_option,
    yes_option,
)
from renrakucho_ca.cli.help import command
from renrakucho_ca.cli.interruption import stopping
from renrakucho_ca.console import Format, Row
from renrakucho_ca.errors import Attention, Invalid, RcaError
from renrakucho_ca.model import RetrievalNumber
from renrakucho_ca.store.tables.migration_progress import Progress, Scope

if TYPE_CHECKING:
    from renrakucho_ca.service.issuance.issuer import Issued, Notifier
    from renrakucho_ca.service.migration.migration import Migration, MigrationOptions

_FIELDS = ("network", "facility", "total", "live", "pending", "issued", "downloaded", "to_go")

MOST_FAILURES = 50
"""Failures listed for people; JSON has them all."""


@command(
    "Issue a successor in the new hierarchy for each live certificate of the old one, and set "
    "the cut-off. Until the cut-off both work, then only the new ones. An interrupted run can "
    "be repeated: no certificate gets two successors."
)
@click.option(
    "--cutoff",
    metavar="DATE",
    help="date from which the old certificates are refused, such as 2026-08-01",
)
@click.option("--status", is_flag=True, help="show the progress and change nothing")
@click.option(
    "--from", "source", default="old", metavar="NAME", help="old hierarchy (default: old)"
)
@click.option("--to", "target", default="new", metavar="NAME", help="new hierarchy (default: new)")
@click.option("--facility", metavar="NAME", help="only users of this facility")
@click.option("--network", metavar="NAME", help="only users of this network")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="migrate at most N certificates"
)
@mail_option
@click.option(
    "--handover",
    type=FILE_NAME,
    metavar="FILE.html",
    help="write hand-over sheets for the new certificates to FILE.html",
)
@jobs_option
@dry_run_option
@yes_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "html"]),
    default="table",
    metavar="table|json|csv|html",
    help="set the output format (default: table); html, with --status, is a page for managers",
)
def migrate(
    app: App,
    cutoff: str | None,
    status: bool,
    source: str,
    target: str,
    facility: str | None,
    network: str | None,
    limit: int | None,
    mail: bool,
    handover: Path | None,
    jobs: int | None,
    dry_run: bool,
    yes: bool,
    form: str,
) -> None:
    scope = Scope(source, facility, network)
    if status:
        _show_status(app, scope, form)
        return
    if form == "html":
        raise click.UsageError("--format html needs --status")
    if cutoff is not None and not dry_run:
        app.expect_keys()
    from renrakucho_ca.service.migration import migration
    from renrakucho_ca.service.process_pool import cores

    moment = app.date(cutoff)
    if moment is None:
        raise click.UsageError("give --cutoff or --status")
    options = migration.MigrationOptions(moment, scope, target, limit, jobs or cores())
    migration.check(app.home, source, target)
    if dry_run:
        _show_plan(app, options, Format(form))
        return
    if moment <= app.home.clock():
        app.confirm(
            "The cut-off {cutoff} has passed. The remaining certificates of {source} will be "
            "revoked. Continue?",
            yes=yes,
            cutoff=cutoff,
            source=source,
        )
    done, was_stopped = _run(app, options, app.notifier(mail), handover)
    _show(app, done, Format(form))
    _report_rest(app, done, was_stopped)


def _run(
    app: App, options: MigrationOptions, notify: Notifier, handover: Path | None
) -> tuple[Migration, bool]:
    """Migrate with a progress bar, and write the hand-over sheets.

    Returns the counts, and whether the operator stopped the run.
    """
    from renrakucho_ca.service.migration import migration

    progress = migration.plan(app.home, options.scope)
    total = min(sum(each.pending for each in progress), options.limit or sys.maxsize)
    numbers: list[RetrievalNumber] = []
    try:
        with stopping() as stop, app.console.progress("certificates", total) as advance:

            def issued(one: Issued) -> None:
                numbers.append(one.certificate.number)
                advance()

            done = migration.migrate(
                app.home, options, issued=issued, stop=stop.is_set, notify=notify
            )
    except RcaError:
        # The next run re-issues none of these.
        if handover is not None and numbers:
            _print_sheets(app, numbers, handover)
        raise
    if handover is not None:
        _print_sheets(app, numbers, handover)
    return done, stop.is_set()


def _report_rest(app: App, done: Migration, was_stopped: bool) -> None:
    """Report what remains. Raises Attention if the run was stopped or a certificate failed."""
    # A stopped run omits the last step of a past cut-off.
    if was_stopped and (done.remaining or done.options.cutoff <= app.home.clock()):
        raise Attention(
            "stopped: {remaining} certificates remain",
            hint="run the same command again to continue",
            remaining=done.remaining,
        )
    if done.options.limit is None and done.remaining > len(done.failed):
        app.console.talk(
            "{count} certificates were taken by another run or became live meanwhile: run it again",
            count=done.remaining - len(done.failed),
        )
    if done.failed:
        raise Attention("{failed} certificates could not be migrated", failed=len(done.failed))


def _print_sheets(app: App, numbers: list[RetrievalNumber], out: Path) -> None:
    from renrakucho_ca.service.mail import handover_sheets

    waiting = handover_sheets.waiting_among(app.home, numbers)
    if not waiting:
        # The file may have the sheets of an earlier, interrupted run.
        app.console.talk("no new sheets; run `rca handover` for the certificates of earlier runs")
        return
    count = handover_sheets.write(app.home, waiting, out, app.catalogue)
    app.console.talk("wrote {count} sheets to {file}", count=count, file=out)


def _show_failures(app: App, done: Migration) -> None:
    for failure in done.failed[:MOST_FAILURES]:
        values = failure.error.values | {"of": failure.number, "problem": failure.error}
        app.console.error(Invalid("{of}: {problem}", hint=failure.error.hint, **values))
    if len(done.failed) > MOST_FAILURES:
        app.console.talk("… and {count} more", count=len(done.failed) - MOST_FAILURES)


def _show(app: App, done: Migration, form: Format) -> None:
    _show_failures(app, done)
    shown: Row = {
        "cutoff": done.options.cutoff,
        "from": done.options.scope.source,
        "to": done.options.target,
        "selected": done.selected,
        "issued": done.issued,
        "already": done.already,
        "failed": len(done.failed),
        "remaining": done.remaining,
        "revoked": done.revoked,
    }
    if form is Format.JSON:
        shown["failures"] = [
            {"number": each.number, "problem": str(each.error)} for each in done.failed
        ]
    app.console.one(shown, form)


def _show_plan(app: App, options: MigrationOptions, form: Format) -> None:
    """Show the plan of `migrate`, by network and facility for people."""
    from renrakucho_ca.service.migration import migration

    progress = migration.plan(app.home, options.scope)
    would = migration.rehearse(app.home, options)
    if form is Format.JSON:
        _show(app, would, form)
        return
    _show_progress(app, progress, form)
    _show_failures(app, would)
    app.console.talk(
        "{target} would issue {selected} certificates, {failed} of them would fail; nothing was "
        "changed",
        selected=would.selected,
        target=options.target,
        failed=len(would.failed),
    )
    if options.cutoff <= app.home.clock():
        app.console.talk(
            "then the live certificates of {source} would be revoked", source=options.scope.source
        )


def _show_status(app: App, scope: Scope, form: str) -> None:
    if form == "html":
        from renrakucho_ca.service.migration import report

        # The page declares UTF-8 in every locale.
        sys.stdout.buffer.write(report.html(app.home, scope, app.catalogue).encode())
    else:
        from renrakucho_ca.service.migration import migration

        _show_progress(app, migration.plan(app.home, scope), Format(form))


def _show_progress(app: App, progress: Sequence[Progress], form: Format) -> None:
    rows = [asdict(each) | {"to_go": each.to_go} for each in progress]
    app.console.many(rows, form, fields=_FIELDS, columns=_FIELDS)
