"""`rca expire`: what time brings, daily from cron."""

from __future__ import annotations

import click

from renrakucho_ca.cli.app import App, format_option, pass_app
from renrakucho_ca.cli.help import Command
from renrakucho_ca.console import Format
from renrakucho_ca.errors import Attention
from renrakucho_ca.service.revocation import expiry


@click.command(
    cls=Command,
    help="Revokes what is left of a hierarchy whose cut-off has come, and what nobody fetched in "
    "time (bundle_days of rca.yaml); destroys the files of both. For cron, once a day, before "
    "`rca publish`.",
)
@click.option("--check", is_flag=True, help="only tell what is due; then the exit code is 8")
@format_option
@pass_app
def expire(app: App, check: bool, form: Format) -> None:
    found = expiry.due(app.home) if check else expiry.expire(app.home)
    app.console.one({"cut_off": found.cut_off, "lapsed": found.lapsed, "ended": found.ended}, form)
    if check and found.anything:
        raise Attention("something is due", hint="rca expire does it")
    if found.anything and app.home.settings.publish_after_revocation:
        from renrakucho_ca.service.publication.publication import publish

        publish(app.home, if_due=True)
    elif found.anything:
        app.console.talk("servers learn of it from the next `rca publish`")
