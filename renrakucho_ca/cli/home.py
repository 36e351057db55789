"""`rca init` and `rca quickstart`: create a home."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import click

from renrakucho_ca.cli.app import App, format_option
from renrakucho_ca.cli.help import command
from renrakucho_ca.console import Format


@command(
    "Create a home in --home, $RCA_HOME or the current folder: rca.yaml (settings), "
    "profiles/ (contents of certificates) and ca-store/ (all state). Existing settings and "
    "profiles are kept."
)
@click.option("--network", metavar="NAME", help="name of the regional network, as devices show it")
@click.option("--organization", metavar="NAME", help="name of the organization that runs this CA")
@format_option
def init(app: App, network: str | None, organization: str | None, form: Format) -> None:
    app.home.create(network, organization)
    home = app.home
    app.console.one(
        {
            "home": str(home.path.resolve()),
            "settings": str(home.path / "rca.yaml"),
            "profiles": str(home.profiles),
            "store": str(home.store),
        },
        form,
    )
    app.console.talk("next: rca hierarchy create new")


@command(
    "Create a complete home to try, without questions: settings, a passphrase file, the OLD "
    "and NEW hierarchies, and one exported certificate for each kind of device."
)
@click.argument(
    "folder", metavar="[DIR]", type=click.Path(path_type=Path, readable=False), default=Path("demo")
)
@format_option
def quickstart(app: App, folder: Path, form: Format) -> None:
    from renrakucho_ca.cli.record import FIELDS, row
    from renrakucho_ca.service.quickstart import quickstart as make

    started = make(folder, app.console.talk)
    # Show dates in the new home's timezone from here on.
    app.folder = folder
    now = started.home.clock()
    rows = [
        row(issued.certificate, now)
        | {"password": issued.password, "file": str(started.files[issued.certificate.number])}
        for issued in started.issued
    ]
    app.console.many(
        rows,
        form,
        fields=(*FIELDS, "password", "file"),
        columns=("device", "number", "password", "file"),
    )
    app.console.talk("")
    app.console.talk("settings: {path}", path=folder / "rca.yaml")
    app.console.talk("passphrase of the CA keys: {path}", path=started.passphrase_file)
    app.console.talk("files for nginx: {path}", path=started.home.public)
    app.console.talk("")
    app.console.talk("next:")
    # A first try runs from a virtual environment that is not on the PATH.
    called = sys.argv[0]
    program = called if Path(called).name == "rca" and not shutil.which("rca") else "rca"
    rca = f"{program} --home {shlex.quote(str(folder))}"
    with_passphrase = f"{rca} --passphrase-file {shlex.quote(str(started.passphrase_file))}"
    number = started.issued[0].certificate.number
    for line in (
        f"{with_passphrase} issue --device iphone --user sato --out .",
        f"{rca} list",
        f"{rca} revoke {number} && {with_passphrase} publish",
    ):
        app.console.talk("  {command}", command=line)
