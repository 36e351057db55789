"""`rca publish`: renew CRLs and write the files for servers."""

from __future__ import annotations

from pathlib import Path

import click

from renrakucho_ca.cli.app import FOLDER, App, format_option
from renrakucho_ca.cli.help import command
from renrakucho_ca.cli.key_place import root_key_option
from renrakucho_ca.console import Format, Row
from renrakucho_ca.errors import Attention
from renrakucho_ca.token_uri import KeyPlace


@command(
    "Sign new CRLs and write CA certificates, CRLs and nginx snippets to public/. Then run "
    "publish_hook of rca.yaml and sign the OCSP responses that are due."
)
@click.option("--out", type=FOLDER, metavar="DIR", help="write to DIR instead of public/")
@click.option(
    "--if-due",
    is_flag=True,
    help="for cron: sign only CRLs that are past half of their validity or lack a revocation",
)
@root_key_option
@click.option(
    "--trust-clock",
    is_flag=True,
    help="sign although the newest CRL or certificate is dated later, because the clock was "
    "ahead then",
)
@format_option
def publish(
    app: App,
    out: Path | None,
    if_due: bool,
    root_key: KeyPlace | None,
    trust_clock: bool,
    form: Format,
) -> None:
    if not if_due:
        app.expect_keys()
    from renrakucho_ca.service.publication import publication

    done = publication.publish(
        app.home, out=out, if_due=if_due, root_key=root_key, trust_clock=trust_clock
    )
    rows: list[Row] = [{"file": str(path)} for path in done.files]
    app.console.many(rows, form, fields=("file",), columns=("file",))
    for name in done.renewed:
        app.console.detail("signed a new CRL: {name}", name=name)
    if done.responses:
        app.console.detail("signed OCSP responses for {count} certificates", count=done.responses)
    if done.overdue:
        raise Attention(
            "the CRL of {names} is due, but the key is not on this machine",
            hint="run `rca publish --root-key FILE|URI`, or import a CRL: `rca hierarchy crl "
            "NAME FILE`",
            names=", ".join(done.overdue),
        )
