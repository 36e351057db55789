"""`rca expire`: revoke due certificates, daily from cron."""

from __future__ import annotations

import click

from renrakucho_ca.cli.app import App, format_option
from renrakucho_ca.cli.help import command
from renrakucho_ca.cli.revocation import publish
from renrakucho_ca.console import Format
from renrakucho_ca.errors import Attention
from renrakucho_ca.service.revocation import expiry


@command(
    "Revoke the remaining certificates of a hierarchy past its cut-off, and certificates "
    "not downloaded within bundle_days (rca.yaml). Their bundles are destroyed. Run it "
    "daily from cron, before `rca publish`."
)
@click.option(
    "--check",
    is_flag=True,
    help="report due certificates and change nothing (exit code 8 if there are any)",
)
@format_option
def expire(app: App, check: bool, form: Format) -> None:
    found = expiry.due(app.home) if check else expiry.expire(app.home)
    app.console.one({"cut_off": found.cut_off, "lapsed": found.lapsed, "ended": found.ended}, form)
    if check and found.anything:
        raise Attention(
            "certificates are due for revocation, or bundles for destruction",
            hint="run `rca expire`",
        )
    if found.anything:
        publish(app)
