"""`rca hierarchy sign`, `cross`, `signed`, `revoke`: what a root signs besides its issuing CA."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from renrakucho_ca.cli.app import App, Choice, format_option, parse_date, pass_app
from renrakucho_ca.cli.help import Command
from renrakucho_ca.cli.key_place import root_key_option
from renrakucho_ca.cli.revocation import FINAL_REASONS
from renrakucho_ca.console import Format, Row
from renrakucho_ca.model import RevocationReason, parse_serial
from renrakucho_ca.store.tables.ca_certificates import CaCertificate
from renrakucho_ca.token_uri import KeyPlace

_FIELDS = (
    "serial",
    "issuer",
    "crosses",
    "subject",
    "status",
    "issued_at",
    "not_after",
    "revoked_at",
    "revocation_reason",
)
_COLUMNS = ("serial", "issuer", "crosses", "subject", "status", "not_after")
_FILE = click.Path(path_type=Path, dir_okay=False, readable=False)


@click.command(
    cls=Command,
    help="Signs the issuing CA of another home: name and key of a request that `rca hierarchy "
    "request` made there, all else as profiles/issuing.yaml here says.",
)
@click.argument("request", type=_FILE)
@click.option("--hierarchy", metavar="H", required=True, help="whose root signs")
@click.option("--out", type=_FILE, metavar="FILE", required=True, help="for the certificate, PEM")
@root_key_option
@format_option
@pass_app
def sign(
    app: App, request: Path, hierarchy: str, out: Path, root_key: KeyPlace | None, form: Format
) -> None:
    from renrakucho_ca.service.hierarchy import cross_signing

    signed = cross_signing.sign(app.home, hierarchy, request.read_bytes(), out, root_key)
    app.console.one(_row(signed, app.home.clock()), form)


@click.command(
    cls=Command,
    help="A bridge for servers that know another root alone: the root of OTHER certifies the root "
    "of NAME (its issuing CA, where the path length of OTHER has no room for more). `rca publish` "
    "writes it as NAME-cross-OTHER.pem, and nowhere else.",
)
@click.argument("name")
@click.option("--by", metavar="OTHER", required=True, help="whose root signs")
@click.option("--not-after", metavar="DATE", help="its end; else that of what ends first")
@root_key_option
@format_option
@pass_app
def cross(
    app: App, name: str, by: str, not_after: str | None, root_key: KeyPlace | None, form: Format
) -> None:
    from renrakucho_ca.service.hierarchy import cross_signing

    end = None if not_after is None else parse_date(not_after, app.home.settings.zone)
    signed = cross_signing.cross(app.home, name, by, end, root_key)
    app.console.one(_row(signed, app.home.clock()), form)


@click.command(
    cls=Command, help="Lists what roots have signed besides their issuing CAs, revoked ones too."
)
@format_option
@pass_app
def signed(app: App, form: Format) -> None:
    from renrakucho_ca.store.tables import ca_certificates

    now = app.home.clock()
    rows = (_row(each, now) for each in ca_certificates.all_of(app.home.db))
    app.console.many(
        rows, form, fields=_FIELDS, columns=_COLUMNS, spare=("subject",), whole=("serial",)
    )


@click.command(
    cls=Command,
    help="Revokes for good a certificate that `rca hierarchy signed` lists; the next `rca publish` "
    "tells servers.",
)
@click.argument("serial")
@click.option(
    "--reason",
    type=Choice(FINAL_REASONS),
    default=RevocationReason.CESSATION_OF_OPERATION,
    help="as RFC 5280 names it",
)
@format_option
@pass_app
def revoke(app: App, serial: str, reason: RevocationReason, form: Format) -> None:
    from renrakucho_ca.service.hierarchy import cross_signing

    revoked = cross_signing.revoke(app.home, parse_serial(serial), reason)
    app.console.one(_row(revoked, app.home.clock()), form)


def _row(each: CaCertificate, now: datetime) -> Row:
    revocation = each.revocation
    return {
        "serial": f"{each.serial:x}",
        "issuer": each.issuer,
        "crosses": each.crosses,
        "subject": each.subject,
        "status": each.status(now),
        "issued_at": each.at,
        "not_after": each.not_after,
        "revoked_at": None if revocation is None else revocation.at,
        "revocation_reason": None if revocation is None else revocation.reason,
    }
