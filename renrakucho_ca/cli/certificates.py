"""`rca list`, `rca show`, `rca export`."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import click

from renrakucho_ca.cli.app import (
    FOLDER,
    App,
    Choice,
    format_option,
    number_argument,
    numbers_argument,
    retrieval_number,
)
from renrakucho_ca.cli.help import command
from renrakucho_ca.cli.record import COLUMNS, DETAILS, FIELDS, SPARE, row
from renrakucho_ca.console import Format
from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import LIVE, LONGEST_NOTE, RetrievalNumber, Status
from renrakucho_ca.store.tables import certificates, listing
from renrakucho_ca.store.tables.listing import ListQuery, Order
from renrakucho_ca.text import clean_text

_ORDERS = {order.name.lower(): order for order in Order}
_SORTS = [*_ORDERS, *(f"-{name}" for name in _ORDERS)]


@command(
    "List certificates, newest last. Only live ones (issued, downloaded, held) are listed "
    "unless --status or --all is given.",
    name="list",
)
@click.option("--user", metavar="ID", help="filter by user")
@click.option("--device", metavar="D", help="filter by device kind")
@click.option("--status", type=Choice(Status), multiple=True, help="filter by status (repeatable)")
@click.option("--all", "everything", is_flag=True, help="include revoked and expired certificates")
@click.option("--hierarchy", metavar="NAME", help="filter by hierarchy")
@click.option("--facility", metavar="NAME", help="filter by facility of the user")
@click.option("--network", metavar="NAME", help="filter by network of the user")
@click.option("--issued-before", metavar="DATE", help="show certificates issued before this date")
@click.option(
    "--issued-after", metavar="DATE", help="show certificates issued on this date or later"
)
@click.option(
    "--expires-within", metavar="30d", help="show certificates that expire within this many days"
)
@click.option("--text", metavar="T", help="search for T in number, user, name and note")
@click.option(
    "--sort",
    type=click.Choice(_SORTS),
    default="issued",
    metavar="KEY",
    help="sort by issued, expires, number or user; a leading - reverses the order",
)
@click.option(
    "--limit", type=click.IntRange(min=0), metavar="N", help="list at most N certificates"
)
@click.option(
    "--offset",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="skip the first N certificates",
)
@click.option(
    "--after",
    type=retrieval_number,
    metavar="NUMBER",
    help="start after this certificate (faster than --offset)",
)
@format_option
def list_(
    app: App,
    user: str | None,
    device: str | None,
    status: tuple[Status, ...],
    everything: bool,
    hierarchy: str | None,
    facility: str | None,
    network: str | None,
    issued_before: str | None,
    issued_after: str | None,
    expires_within: str | None,
    text: str | None,
    sort: str,
    limit: int | None,
    offset: int,
    after: RetrievalNumber | None,
    form: Format,
) -> None:
    now = app.home.clock()
    if after is not None:
        certificates.get(app.home.db, after)  # else the end of the list, silently
    query = ListQuery(
        now=now,
        statuses=None if everything else frozenset(status) or LIVE,
        user=user,
        device=device,
        hierarchy=hierarchy,
        facility=facility,
        network=network,
        issued_from=app.date(issued_after),
        issued_before=app.date(issued_before),
        expires_from=None if expires_within is None else now,
        expires_before=None if expires_within is None else now + _days(expires_within),
        text=clean_text(text, what="text", longest=LONGEST_NOTE) if text else None,
        order=_ORDERS[sort.removeprefix("-")],
        descending=sort.startswith("-"),
        limit=limit,
        offset=offset,
        after=after,
    )
    rows = (row(certificate, now) for certificate in listing.stream(app.home.db, query))
    app.console.many(rows, form, fields=FIELDS, columns=COLUMNS, spare=SPARE)


@command("Show one certificate.")
@number_argument
@click.option("--reveal", is_flag=True, help="also show the retrieval password while it is usable")
@click.option("--pem", is_flag=True, help="print the certificate in PEM instead of its record")
@format_option
def show(app: App, number: RetrievalNumber, reveal: bool, pem: bool, form: Format) -> None:
    home = app.home
    certificate = certificates.get(home.db, number)
    if pem:
        from ssl import DER_cert_to_PEM_cert

        click.echo(DER_cert_to_PEM_cert(certificates.der(home.db, number)), nl=False)
        return
    shown = row(certificate, home.clock())
    if reveal:
        from renrakucho_ca.service.retrieval import retrieval

        shown["password"] = retrieval.reveal(home, number)
    app.console.one(shown, form, columns=DETAILS)


@command(
    "Write the bundle for the device (.p12 or .mobileconfig) to a folder. A bundle can be "
    "downloaded only once; rca keeps no copy."
)
@numbers_argument
@click.option(
    "--out",
    required=True,
    type=FOLDER,
    metavar="DIR",
    help="write to DIR, which is created if missing",
)
@format_option
def export(app: App, numbers: tuple[RetrievalNumber, ...], out: Path, form: Format) -> None:
    from renrakucho_ca.cli import outcomes
    from renrakucho_ca.service.retrieval import retrieval

    if not numbers:
        raise click.UsageError("give at least one number")
    retrieval.prepare(app.home, out)
    results, files = retrieval.export(app.home, numbers, out)
    outcomes.show(app, results, form, files)


def _days(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,5})d?", text.strip())
    if found is None:
        raise Invalid(
            "{text} is not a number of days", hint="use a number such as 30d", text=repr(text[:40])
        )
    return timedelta(days=int(found[1]))
