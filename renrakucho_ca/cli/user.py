"""`rca user …`: the people."""

from __future__ import annotations

from pathlib import Path

import click

from renrakucho_ca.cli.app import App, all_or_nothing_option, format_option, pass_app
from renrakucho_ca.cli.help import Command, Group
from renrakucho_ca.console import Format, Row
from renrakucho_ca.errors import RcaError
from renrakucho_ca.model import User
from renrakucho_ca.store.tables import users

_HERE = "renrakucho_ca.cli.user"
_FIELDS = ("user", "name", "email", "facility", "network")


@click.group(
    cls=Group,
    help="The people to whom certificates belong.",
    sections={
        "Commands": {
            "add": (f"{_HERE}:add", "a new user, or what is new about one"),
            "import": (f"{_HERE}:import_", "many, from a table"),
            "list": (f"{_HERE}:list_", "all"),
            "show": (f"{_HERE}:show", "one"),
        }
    },
)
def user() -> None:
    pass


@click.command(
    cls=Command,
    help="Adds a user. Of one who is known already, what is given replaces what was there.",
)
@click.argument("id")
@click.option("--name", help="the person's name")
@click.option("--email", help="where mails about certificates go")
@click.option("--facility", help="where the person works")
@click.option(
    "--network", help="the regional network; without it certificates name that of rca.yaml"
)
@format_option
@pass_app
def add(
    app: App,
    id: str,
    name: str | None,
    email: str | None,
    facility: str | None,
    network: str | None,
    form: Format,
) -> None:
    from renrakucho_ca.service import people

    wanted = User.parse(id, name, email, facility, network)
    app.console.one(_row(people.add(app.home, wanted)), form)


@click.command(
    "import",
    cls=Command,
    help="Adds the users of a table, or what is new about them: CSV, semicolons or tabs, in UTF-8, "
    "UTF-16 or CP932, with the columns user, name, email, facility, network, or 利用者ID, 氏名, "
    "メール, 施設, 地域. Bad lines are told by their number; the good ones are done.",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@all_or_nothing_option
@format_option
@pass_app
def import_(app: App, file: Path, all_or_nothing: bool, form: Format) -> None:
    from renrakucho_ca.cli.bad_lines import BadLines
    from renrakucho_ca.service.issuance import batch

    bad = BadLines(app)
    if all_or_nothing:
        bad.refuse_any(batch.read_users(file))
    imported: set[str] = set()  # one who stands in two lines is one user
    for line, result in batch.import_users(app.home, batch.read_users(file)):
        if isinstance(result, RcaError):
            bad.report(line, result)
        else:
            imported.add(result.id)
    app.console.one({"imported": len(imported), "failed": bad.count}, form)
    bad.close()


@click.command("list", cls=Command, help="Lists the users in the order of their ids.")
@click.option("--facility", metavar="NAME", help="of this facility")
@click.option("--network", metavar="NAME", help="of this network")
@format_option
@pass_app
def list_(app: App, facility: str | None, network: str | None, form: Format) -> None:
    found = users.stream(app.home.db, facility=facility, network=network)
    app.console.many(map(_row, found), form, fields=_FIELDS, columns=_FIELDS)


@click.command(cls=Command, help="Shows one user.")
@click.argument("id")
@format_option
@pass_app
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
