"""`rca` itself: the options before the command, and the table of commands."""

from __future__ import annotations

from pathlib import Path

import click

from renrakucho_ca import __version__
from renrakucho_ca.cli.app import App, Choice
from renrakucho_ca.cli.help import Group
from renrakucho_ca.locale import Language

_SECTIONS = {
    "Set up": {
        "quickstart": ("renrakucho_ca.cli.home:quickstart", "a complete home to try out"),
        "init": ("renrakucho_ca.cli.home:init", "a new home: settings, profiles, store"),
        "hierarchy": ("renrakucho_ca.cli.hierarchy:hierarchy", "roots and their issuing CAs"),
        "profile": ("renrakucho_ca.cli.profile:profile", "what each kind of device gets"),
    },
    "People and their certificates": {
        "user": ("renrakucho_ca.cli.user:user", "the people"),
        "issue": ("renrakucho_ca.cli.issue:issue", "a certificate for a person's device"),
        "reissue": ("renrakucho_ca.cli.issue:reissue", "a new one in place of another"),
        "export": ("renrakucho_ca.cli.certificates:export", "its file, once"),
        "list": ("renrakucho_ca.cli.certificates:list_", "many certificates"),
        "show": ("renrakucho_ca.cli.certificates:show", "one certificate"),
    },
    "Telling people": {
        "mail": ("renrakucho_ca.cli.mail:mail", "the outbox"),
        "handover": ("renrakucho_ca.cli.handover:handover", "sheets to print"),
    },
    "Out of use": {
        "revoke": ("renrakucho_ca.cli.revocation:revoke", "for good"),
        "hold": ("renrakucho_ca.cli.revocation:hold", "until it is released"),
        "release": ("renrakucho_ca.cli.revocation:release", "makes a held one valid again"),
    },
    "The move to a new hierarchy": {
        "migrate": ("renrakucho_ca.cli.migrate:migrate", "everyone from old to new"),
        "expire": ("renrakucho_ca.cli.expire:expire", "daily: cut-offs, what nobody fetched"),
    },
    "Servers": {
        "publish": ("renrakucho_ca.cli.publish:publish", "CA certificates, CRLs, nginx snippets"),
        "serve": ("renrakucho_ca.cli.serve:serve", "the download page"),
        "unlock": ("renrakucho_ca.cli.unlock:unlock", "a number that was guessed at"),
    },
    "Care": {
        "backup": ("renrakucho_ca.cli.backup:backup", "one encrypted file with everything"),
        "restore": ("renrakucho_ca.cli.backup:restore", "a home out of a backup"),
        "audit": ("renrakucho_ca.cli.audit:audit", "who did what, and the proof of it"),
        "doctor": ("renrakucho_ca.cli.doctor:doctor", "what is wrong, or will be next week"),
    },
}

_EXAMPLE = """\
rca init --network 見本市 && rca hierarchy create new
rca issue --device iphone --user suzuki
rca export 67075623 --out ~/handout
rca revoke 67075623 --reason keyCompromise && rca publish"""


def _set_language(ctx: click.Context, _: click.Parameter, value: Language | None) -> None:
    """At once, since --help is answered before the command begins."""
    ctx.ensure_object(App).language = value


@click.group(
    cls=Group,
    sections=_SECTIONS,
    example=_EXAMPLE,
    help="A private certificate authority for people's devices.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, readable=False),
    metavar="DIR",
    help="the home; else $RCA_HOME, else .",
)
@click.option(
    "--lang",
    type=Choice(Language),
    is_eager=True,
    expose_value=False,
    callback=_set_language,
    help="the language for people; else $RCA_LANG, else the locale",
)
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="the file with the passphrase of the CA keys; else $RCA_PASSPHRASE_FILE",
)
@click.option(
    "--passphrase-fd",
    type=click.IntRange(0, 2**31 - 1),
    metavar="N",
    help="the descriptor to read the passphrase from",
)
@click.option("-q", "--quiet", is_flag=True, help="no talk, only data and errors")
@click.option("-v", "--verbose", is_flag=True, help="say more")
@click.version_option(__version__, message="rca %(version)s", help="the version")
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
