"""`rca hierarchy sign`, `cross`, `signed`, `revoke`: CA certificates that roots sign."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from renrakucho_ca.cli.app import FILE_NAME, App, Choice, format_option
from renrakucho_ca.cli.help import command
from renrakucho_ca.cli.key_place import root_key_option
from renrakucho_ca.cli.revocation import FINAL_REASONS
from renrakucho_ca.console import Format, Row
from renrakucho_ca.model import RevocationReason, parse_serial
from renrakucho_ca.store.tables.ca_certificates import CaCertificate
from renrakucho_ca.token_uri import KeyPlace

_FIELDS = (
    *("serial", "issuer", "crosses", "subject", "status"),
    *("issued_at", "not_after", "revoked_at", "revocation_reason"),
)
_COLUMNS = ("serial", "issuer", "crosses", "subject", "status", "not_after")


@command(
    "Sign a certificate for the issuing CA of another home, from its request (`rca hierarchy "
    "request`). Name and key come from the request, everything else from profiles/issuing.yaml "
    "of this home."
)
@click.argument("request", type=FILE_NAME)
@click.option("--hierarchy", metavar="H", required=True, help="hierarchy of the signing root")
@click.option(
    "--out",
    type=FILE_NAME,
    metavar="FILE",
    required=True,
    help="write the certificate (PEM) to FILE",
)
@root_key_option
@format_option
def sign(
    app: App, request: Path, hierarchy: str, out: Path, root_key: KeyPlace | None, form: Format
) -> None:
    from renrakucho_ca.service.hierarchy import cross_signing

    signed = cross_signing.sign(app.home, hierarchy, request.read_bytes(), out, root_key)
    app.console.one(_row(signed, app.home.clock()), form)


@command(
    "Cross-certify NAME for servers that trust OTHER: the root of OTHER signs the root of "
    "NAME, or its issuing CA if the path length of OTHER allows no more. `rca publish` "
    "writes NAME-cross-OTHER.pem."
)
@click.argument("name")
@click.option("--by", metavar="OTHER", required=True, help="hierarchy of the signing root")
@click.option(
    "--not-after", metavar="DATE", help="expiry date (default: the earlier of the two CAs)"
)
@root_key_option
@format_option
def cross(
    app: App, name: str, by: str, not_after: str | None, root_key: KeyPlace | None, form: Format
) -> None:
    from renrakucho_ca.service.hierarchy import cross_signing

    signed = cross_signing.cross(app.home, name, by, app.date(not_after), root_key)
    app.console.one(_row(signed, app.home.clock()), form)


@command("List the CA certificates that roots signed for other CAs, including revoked ones.")
@format_option
def signed(app: App, form: Format) -> None:
    from renrakucho_ca.store.tables import ca_certificates

    now = app.home.clock()
    rows = (_row(each, now) for each in ca_certificates.all_of(app.home.db))
    app.console.many(
        rows, form, fields=_FIELDS, columns=_COLUMNS, spare=("subject",), whole=("serial",)
    )


@command(
    "Revoke a certificate listed by `rca hierarchy signed` for good. Servers refuse it "
    "after the next `rca publish`."
)
@click.argument("serial")
@click.option(
    "--reason",
    type=Choice(FINAL_REASONS),
    default=RevocationReason.CESSATION_OF_OPERATION,
    help="reason code of RFC 5280",
)
@format_option
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
