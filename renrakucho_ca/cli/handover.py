"""`rca handover`: hand-over sheets to print."""

from __future__ import annotations

from pathlib import Path

import click

from renrakucho_ca.cli.app import FILE_NAME, App, format_option, numbers_or_option
from renrakucho_ca.cli.help import command
from renrakucho_ca.console import Format
from renrakucho_ca.model import RetrievalNumber


@command(
    "Write hand-over sheets to print, one page per certificate: number, password, QR code "
    "of the download page, and the steps for the device. The file contains passwords: print "
    "it, then delete it."
)
@numbers_or_option
@click.option(
    "--facility",
    metavar="NAME",
    help="include the certificates of this facility that wait to be downloaded",
)
@click.option(
    "--user", metavar="ID", help="include the certificates of this user that wait to be downloaded"
)
@click.option(
    "--out",
    required=True,
    type=FILE_NAME,
    metavar="FILE.html",
    help="write the sheets to FILE.html (mode 0600)",
)
@format_option
def handover(
    app: App,
    numbers: tuple[RetrievalNumber, ...],
    facility: str | None,
    user: str | None,
    out: Path,
    form: Format,
) -> None:
    from renrakucho_ca.service.mail import handover_sheets

    if not numbers and facility is None and user is None:
        raise click.UsageError("no number, --facility or --user given")
    chosen = list(numbers)
    if facility is not None or user is not None:
        chosen += handover_sheets.waiting(app.home, facility=facility, user=user)
    count = handover_sheets.write(app.home, chosen, out, app.catalogue)
    app.console.one({"file": str(out), "sheets": count}, form)
    if app.home.settings.public_url is None:
        app.console.talk("public_url is not set in rca.yaml: the sheets have no QR code")
