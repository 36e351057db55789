"""`rca audit …`: who did what, and the proof that nobody changed it since."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from renrakucho_ca.cli.app import FILE_NAME, App, Choice, NumberType, format_option
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
    help="Who did what, when and from where: the audit log, each row chained to the one before.",
    sections={
        "Commands": {
            "log": (".audit:log", "what was done"),
            "verify": (".audit:verify", "that nothing of it was changed"),
        }
    },
)


@command("Lists what was done, the newest last.")
@click.option("--since", metavar="DATE", help="at this moment or later")
@click.option("--until", metavar="DATE", help="before this moment")
@click.option("--act", type=Choice(Act), help="this act alone")
@click.option("--actor", metavar="NAME", help="by this user of the system, or by the portal")
@click.option("--number", type=NumberType(), metavar="NUMBER", help="done to this certificate")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="the newest so many")
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
    "Proves the audit log: that each row follows from the one before, that the journal has "
    "the same, and that it is what the issuing CAs have signed with each publication. Names the "
    "first row that is not as it was written; the exit code is 8 then."
)
@click.option(
    "--checkpoint",
    type=FILE_NAME,
    metavar="FILE",
    help="also a HIERARCHY-audit.json that was kept elsewhere",
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
        raise Attention("the audit log is not as it was written")


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
    """As much of it as a line bears; a pipe gets the whole."""
    return detail if len(detail) <= LONGEST_DETAIL else f"{detail[: LONGEST_DETAIL - 1]}…"
