"""`rca issue`: a certificate for a person's device."""

from __future__ import annotations

from pathlib import Path

import click

from renrakucho_ca.cli.app import App, format_option, pass_app
from renrakucho_ca.cli.help import Command
from renrakucho_ca.cli.record import row
from renrakucho_ca.console import Format, Row
from renrakucho_ca.errors import RcaError
from renrakucho_ca.model import RetrievalNumber, User

LARGEST_REQUEST = 64 * 1024
"""Bytes of a PKCS#10."""


@click.command(
    cls=Command,
    help="Issues a certificate for a device of a user, and shows the retrieval number and the "
    "retrieval password. A user who is not known yet is made.",
)
@click.option(
    "--device", required=True, metavar="D", help="a profile: windows mac iphone ipad android …"
)
@click.option("--user", required=True, metavar="ID", help="whose device it is")
@click.option("--note", metavar="TEXT", help="a note, such as the name of the device")
@click.option(
    "--hierarchy", metavar="NAME", help="the one that issues; else default_hierarchy, else new"
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="export the file there at once: that is its one download",
)
@click.option(
    "--csr",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="a PKCS#10 of a key that stays on the device; the export is a PEM chain",
)
@format_option
@pass_app
def issue(
    app: App,
    device: str,
    user: str,
    note: str | None,
    hierarchy: str | None,
    out: Path | None,
    csr: Path | None,
    form: Format,
) -> None:
    from renrakucho_ca.service import issuance, retrieval

    home = app.home
    request = issuance.Request.parse(User.parse(user), device, note, _read(csr))
    (result,) = issuance.issue(home, [request], hierarchy)
    if isinstance(result, RcaError):
        raise result
    certificate, password = result.certificate, result.password
    files: dict[RetrievalNumber, Path] = {}
    if out is not None:
        (outcome,), files = retrieval.export(home, [certificate.number], out)
        certificate = outcome.unwrap()
    shown: Row = row(certificate, home.clock()) | {"password": password}
    if out is not None:
        shown["files"] = [str(path) for path in files.values()]
    app.console.one(shown, form)


def _read(file: Path | None) -> bytes | None:
    if file is None:
        return None
    with file.open("rb") as stream:
        return stream.read(LARGEST_REQUEST + 1)
