"""`rca unlock`: a number that was guessed at can be tried again."""

from __future__ import annotations

import click

from renrakucho_ca.cli.app import App, number_argument, pass_app
from renrakucho_ca.cli.help import Command
from renrakucho_ca.model import RetrievalNumber


@click.command(
    cls=Command,
    help="Lets a retrieval number be tried again at once, after wrong passwords have locked it on "
    "the download page. Without this a lock ends after an hour.",
)
@number_argument
@pass_app
def unlock(app: App, number: RetrievalNumber) -> None:
    from renrakucho_ca.service.retrieval import download

    download.unlock(app.home, number)
    app.console.talk("{number} can be tried again", number=number)
