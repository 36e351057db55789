"""`rca unlock`: unlock a retrieval number."""

from __future__ import annotations

from renrakucho_ca.cli.app import App, number_argument
from renrakucho_ca.cli.help import command
from renrakucho_ca.model import RetrievalNumber


@command(
    "Unlock a retrieval number that wrong passwords on the download page have locked. A lockout "
    "also ends by itself after an hour."
)
@number_argument
def unlock(app: App, number: RetrievalNumber) -> None:
    from renrakucho_ca.service.retrieval import download

    download.unlock(app.home, number)
    app.console.talk("{number} is unlocked", number=number)
