"""`rca` itself: the options before the command, and the sections of commands."""

from __future__ import annotations

from pathlib import Path

import click

from renrakucho_ca import __version__
from renrakucho_ca.cli.app import App, Choice
from renrakucho_ca.cli.help import Group
from renrakucho_ca.locale import Language

_SECTIONS = {
    "Set up": {
        "quickstart": (".home:quickstart", "create a complete home to try"),
        "init": (".home:init", "create a new home"),
        "hierarchy": (".hierarchy:hierarchy", "manage hierarchies (a root CA and its issuing CA)"),
        "profile": (".profile:profile", "list, show and check certificate profiles"),
    },
    "Users and certificates": {
        "user": (".user:user", "manage users"),
        "issue": (".issue:issue", "issue a certificate for a user's device"),
        "reissue": (".issue:reissue", "replace a certificate"),
        "export": (".certificates:export", "download the bundle (one time only)"),
        "list": (".certificates:list_", "list certificates"),
        "show": (".certificates:show", "show one certificate"),
    },
    "Delivery": {
        "mail": (".mail:mail", "list and send the mails in the outbox"),
        "handover": (".handover:handover", "write hand-over sheets to print"),
    },
    "Revocation": {
        "revoke": (".revocation:revoke", "revoke certificates for good"),
        "hold": (".revocation:hold", "suspend certificates until they are released"),
        "release": (".revocation:release", "make held certificates valid again"),
    },
    "Migration": {
        "migrate": (".migrate:migrate", "issue successors from the new hierarchy"),
        "expire": (".expire:expire", "revoke certificates past their cut-off or never downloaded"),
    },
    "Servers": {
        "publish": (".publish:publish", "write CA certificates, CRLs and nginx snippets"),
        "serve": (".serve:serve", "run the download page"),
        "unlock": (".unlock:unlock", "unlock a retrieval number"),
    },
    "Operations": {
        "backup": (".backup:backup", "write everything to one encrypted file"),
        "restore": (".backup:restore", "restore a home from a backup"),
        "audit": (".audit:audit", "show and verify the audit log"),
        "doctor": (".doctor:doctor", "run the daily health check"),
    },
}

_EXAMPLE = """\
rca init --network 見本市 && rca hierarchy create new
rca issue --device iphone --user suzuki
rca export 67075623 --out ~/handout
rca revoke 67075623 --reason keyCompromise && rca publish"""


def _set_language(ctx: click.Context, _: click.Parameter, value: Language | None) -> None:
    """Set the language eagerly: `--help` is answered before the command begins."""
    ctx.ensure_object(App).language = value


@click.group(
    cls=Group,
    sections=_SECTIONS,
    example=_EXAMPLE,
    help="Run a private certificate authority for client certificates on users' devices.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, readable=False),
    metavar="DIR",
    help="use the home in DIR (default: $RCA_HOME, then the current folder)",
)
@click.option(
    "--lang",
    type=Choice(Language),
    is_eager=True,
    expose_value=False,
    callback=_set_language,
    help="set the language (default: $RCA_LANG, then the locale)",
)
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="read the passphrase of the CA keys from FILE (default: $RCA_PASSPHRASE_FILE)",
)
@click.option(
    "--passphrase-fd",
    type=click.IntRange(0, 2**31 - 1),
    metavar="N",
    help="read the passphrase from file descriptor N",
)
@click.option("-q", "--quiet", is_flag=True, help="suppress progress and hints")
@click.option("-v", "--verbose", is_flag=True, help="show more detail")
@click.version_option(__version__, message="rca %(version)s", help="show the version")
@click.pass_obj
def root(
    app: App,
    home: Path | None,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    quiet: bool,
    verbose: bool,
) -> None:
    app.folder = home
    app.passphrase_file = passphrase_file
    app.passphrase_fd = passphrase_fd
    app.quiet = quiet
    app.verbose = verbose
