"""`rca hierarchy rekey-passphrase`: change the passphrase of the CA keys."""

from __future__ import annotations

from pathlib import Path

import click

from renrakucho_ca import token_uri
from renrakucho_ca.cli.app import App, format_option
from renrakucho_ca.cli.help import command
from renrakucho_ca.cli.usage import Usage
from renrakucho_ca.console import Format, Row


@command(
    "Change the passphrase of all keys in the store, all of them or none. Copies of the old "
    "key files still open with the old passphrase.",
    name="rekey-passphrase",
)
@click.option(
    "--new-passphrase-file",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="read the new passphrase from FILE (default: ask twice on the terminal)",
)
@click.option(
    "--new-passphrase-fd",
    type=click.IntRange(0, 2**31 - 1),
    metavar="N",
    help="read the new passphrase from file descriptor N",
)
@click.option(
    "--root-key",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="also change the passphrase of this root key file",
)
@format_option
def rekey_passphrase(
    app: App,
    new_passphrase_file: Path | None,
    new_passphrase_fd: int | None,
    root_key: Path | None,
    form: Format,
) -> None:
    from renrakucho_ca.cli import passphrase
    from renrakucho_ca.service.hierarchy import rekey

    if root_key is not None and token_uri.is_uri(str(root_key)):
        raise Usage("--root-key takes a file: a key in a token has no passphrase")

    def new() -> bytes:
        return passphrase.find_new(app.catalogue, new_passphrase_fd, new_passphrase_file)

    done = rekey.rekey_passphrase(app.home, new, root_key)
    row: Row = {"keys": done.keys, "root_key": str(root_key) if done.root_key else None}
    app.console.one(row, form)
