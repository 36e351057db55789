"""`rca audit …`: the log of acts, and the proof that it is unchanged."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from renrakucho_ca.cli.app import FILE_NAME, App, Choice, format_option, retrieval_number
from renrakucho_ca.cli.help import Group, command
from renrakucho_ca.console import Format, Row
from renrakucho_ca.errors import Attention
from renrakucho_ca.model import Act, RetrievalNumber
from renrakucho_ca.store.tables import audit_log, certificates
from renrakucho_ca.store.tables.audit_log import AuditQuery, AuditRecord

_FIELDS = ("id", "at", "actor", "origin", "act", "object", "detail", "hash")
_COLUMNS = ("id", "at", "actor", "origin", "act", "object", "detail")
_SPARE = ("detail", "origin")

LONGEST_DETAIL = 72
"""Letters of a detail on a terminal: a cut-off's has a thousand numbers."""


audit = Group(
    "audit",
    help="Show and verify the audit log: the actor, act, time and origin of each change. Each "
    "row is chained to the row before it.",
    sections={
        "Commands": {
            "log": (".audit:log", "list the recorded acts"),
            "verify": (".audit:verify", "verify the audit log"),
        }
    },
)


@command("List the recorded acts, newest last.")
@click.option("--since", metavar="DATE", help="show acts at this time or later")
@click.option("--until", metavar="DATE", help="show acts before this time")
@click.option("--act", type=Choice(Act), help="filter by act")
@click.option("--actor", metavar="NAME", help="filter by actor (a system user, or portal)")
@click.option("--number", type=retrieval_number, metavar="NUMBER", help="filter by certificate")
@click.option(
    "--limit", type=click.IntRange(min=0), metavar="N", help="show only the newest N acts"
)
@format_option
def log(
    app: App,
    since: str | None,
    until: str | None,
    act: Act | None,
    actor: str | None,
    number: RetrievalNumber | None,
    limit: int | None,
    form: Format,
) -> None:
    if number is not None:
        certificates.get(app.home.db, number)  # else a mistyped one looks untouched
    query = AuditQuery(
        since=app.date(since),
        until=app.date(until),
        act=act,
        actor=actor,
        number=number,
        limit=limit,
    )
    shown = _for_people(app) if form is Format.TABLE else _for_scripts(form)
    rows = map(shown, audit_log.stream(app.home.db, query))
    app.console.many(rows, form, fields=_FIELDS, columns=_COLUMNS, spare=_SPARE)


@command(
    "Verify the hash chain of the audit log, and compare the log with the journal and with the "
    "checkpoints that the issuing CAs signed. If a row was changed, print the first such row "
    "and exit with code 8."
)
@click.option(
    "--checkpoint",
    type=FILE_NAME,
    metavar="FILE",
    help="also compare with this copy of HIERARCHY-audit.json",
)
@format_option
def verify(app: App, checkpoint: Path | None, form: Format) -> None:
    from renrakucho_ca.service.audit import verifier

    verdict = verifier.verify(app.home, checkpoint)
    row: Row = {
        "rows": verdict.rows,
        "journal": verdict.journal,
        "checkpoints": verdict.checkpoints,
        "problems": [app.catalogue.message(each) for each in verdict.problems],
    }
    app.console.one(row, form, columns=("rows", "journal", "checkpoints"))
    for each in verdict.problems:
        app.console.error(each)
    if verdict.problems:
        raise Attention("the audit log does not verify")


def _for_scripts(form: Format) -> Callable[[AuditRecord], Row]:
    def row(record: AuditRecord) -> Row:
        return {
            "id": record.id,
            "at": record.moment,
            "actor": record.actor,
            "origin": record.origin,
            "act": record.act,
            "object": record.object,
            "detail": record.facts if form is Format.JSON else record.detail,
            "hash": record.hash.hex(),
        }

    return row


def _for_people(app: App) -> Callable[[AuditRecord], Row]:
    zone = app.home.settings.zone
    acts = {act.value: act for act in Act}
    on_terminal = sys.stdout.isatty()

    def row(record: AuditRecord) -> Row:
        return {
            "id": record.id,
            "at": f"{record.moment.astimezone(zone):%Y-%m-%d %H:%M:%S}",
            "actor": record.actor,
            "origin": record.origin,
            "act": acts.get(record.act, record.act),
            "object": record.object,
            "detail": _cut(record.detail) if on_terminal else record.detail,
        }

    return row


def _cut(detail: str) -> str:
    """Shorten a detail to a line of the terminal; a pipe gets all of it."""
    return detail if len(detail) <= LONGEST_DETAIL else f"{detail[: LONGEST_DETAIL - 1]}…"
