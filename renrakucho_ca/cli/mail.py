"""`rca mail …`: the outbox."""

from __future__ import annotations

import click

from renrakucho_ca.cli.app import App, Choice, format_option
from renrakucho_ca.cli.help import Group, command
from renrakucho_ca.console import Format, Row
from renrakucho_ca.errors import Attention
from renrakucho_ca.store.tables import outbox
from renrakucho_ca.store.tables.outbox import Mail, MailState

_FIELDS = ("number", "recipients", "state", "created_at", "next_try_at", "tries", "problem")


mail = Group(
    "mail",
    help="List and send the mails in the outbox: number, password and link, queued by `rca issue "
    "--mail`.",
    sections={
        "Commands": {
            "list": (".mail:list_", "list waiting, sent and failed mails"),
            "send": (".mail:send", "send the mails that are due (from cron, every few minutes)"),
        }
    },
)


@command("List the mails, oldest first.", name="list")
@click.option("--state", type=Choice(MailState), help="filter by state")
@format_option
def list_(app: App, state: MailState | None, form: Format) -> None:
    rows = map(_row, outbox.stream(app.home.db, state))
    app.console.many(rows, form, fields=_FIELDS, columns=_FIELDS)


@command(
    "Send the mails that are due through the mail server of rca.yaml. Mails that fail "
    "temporarily are tried again for two days. Mails that the server refuses permanently "
    "are marked as failed."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="send at most N mails")
@format_option
def send(app: App, limit: int | None, form: Format) -> None:
    from renrakucho_ca.service.mail import deliver

    def report(one: Mail, problem: str | None) -> None:
        if problem is not None:
            app.console.talk("{number}: {problem}", number=one.number or "-", problem=problem)

    done = deliver.send(app.home, limit, report)
    app.console.one({"sent": done.sent, "postponed": done.postponed, "failed": done.failed}, form)
    if done.failed:
        raise Attention(
            "{count} mails could not be delivered",
            hint="list them with `rca mail list --state failed`, and contact these users another "
            "way",
            count=done.failed,
        )


def _row(each: Mail) -> Row:
    return {
        "number": each.number,
        "recipients": list(each.recipients),
        "state": each.state,
        "created_at": each.created_at,
        "next_try_at": each.next_try_at if each.state is MailState.WAITING else None,
        "tries": each.tries,
        "problem": each.problem,
    }
