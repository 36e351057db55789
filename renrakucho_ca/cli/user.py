"""`rca user …`: the users."""

from __future__ import annotations

from pathlib import Path

import click

from renrakucho_ca.cli.app import FILE, App, all_or_nothing_option, format_option
from renrakucho_ca.cli.help import Group, command
from renrakucho_ca.console import Format, Row
from renrakucho_ca.errors import RcaError
from renrakucho_ca.model import User
from renrakucho_ca.store.tables import users

_FIELDS = ("user", "name", "email", "facility", "network")


user = Group(
    "user",
    help="Manage the users of the certificates.",
    sections={
        "Commands": {
            "add": (".user:add", "add or update a user"),
            "import": (".user:import_", "add or update users from a table"),
            "list": (".user:list_", "list users"),
            "show": (".user:show", "show a user"),
        }
    },
)


@command("Add a user, or change the given fields of an existing one.")
@click.argument("id")
@click.option("--name", help="the user's name")
@click.option("--email", help="up to three mail addresses, separated by commas")
@click.option("--facility", help="the facility where the user works")
@click.option("--network", help="the regional network (default: the network of rca.yaml)")
@format_option
def add(
    app: App,
    id: str,
    name: str | None,
    email: str | None,
    facility: str | None,
    network: str | None,
    form: Format,
) -> None:
    from renrakucho_ca.service import user_records

    wanted = User.parse(id, name, email, facility, network)
    app.console.one(_row(user_records.add(app.home, wanted)), form)


@command(
    "Add or update users from a table, separated by commas, semicolons or tabs, in UTF-8, "
    "UTF-16 or CP932. Its columns are user, name, email, facility and network (利用者ID, 氏名, "
    "メール, 施設, 地域). Bad lines are reported by number; the good ones are imported.",
    name="import",
)
@click.argument("file", type=FILE)
@all_or_nothing_option
@format_option
def import_(app: App, file: Path, all_or_nothing: bool, form: Format) -> None:
    from renrakucho_ca.cli.bad_lines import BadLines
    from renrakucho_ca.service.issuance import batch

    bad = BadLines(app)
    if all_or_nothing:
        bad.refuse_any(batch.read_users(file))
    imported: set[str] = set()  # a user in two lines counts once
    for line, result in batch.import_users(app.home, batch.read_users(file)):
        if isinstance(result, RcaError):
            bad.report(line, result)
        else:
            imported.add(result.id)
    app.console.one({"imported": len(imported), "failed": bad.count}, form)
    bad.close()


@command("List users by id.", name="list")
@click.option("--facility", metavar="NAME", help="only users of this facility")
@click.option("--network", metavar="NAME", help="only users of this network")
@format_option
def list_(app: App, facility: str | None, network: str | None, form: Format) -> None:
    found = users.stream(app.home.db, facility=facility, network=network)
    app.console.many(map(_row, found), form, fields=_FIELDS, columns=_FIELDS)


@command("Show a user.")
@click.argument("id")
@format_option
def show(app: App, id: str, form: Format) -> None:
    app.console.one(_row(users.get(app.home.db, id)), form)


def _row(each: User) -> Row:
    return {
        "user": each.id,
        "name": each.name,
        "email": each.email,
        "facility": each.facility,
        "network": each.network,
    }
