"""`rca revoke`, `rca hold`, `rca release`."""

from __future__ import annotations

import click

from renrakucho_ca.cli import outcomes
from renrakucho_ca.cli.app import (
    App,
    Choice,
    dry_run_option,
    format_option,
    number_argument,
    numbers_or_option,
    yes_option,
)
from renrakucho_ca.cli.help import command
from renrakucho_ca.cli.record import DETAILS, row
from renrakucho_ca.console import Format
from renrakucho_ca.model import Certificate, RetrievalNumber, RevocationReason, parse_serial

FINAL_REASONS = [each for each in RevocationReason if each is not RevocationReason.CERTIFICATE_HOLD]


@command(
    "Revoke certificates for good. The bundle is destroyed, and servers refuse the "
    "certificate after the next `rca publish`."
)
@numbers_or_option
@click.option("--user", metavar="ID", help="revoke all live certificates of this user")
@click.option("--serial", metavar="S", help="revoke the certificate with this serial number (hex)")
@click.option(
    "--reason",
    type=Choice(FINAL_REASONS),
    default=RevocationReason.UNSPECIFIED,
    help="reason code of RFC 5280 (for certificateHold use `rca hold`)",
)
@yes_option
@dry_run_option
@format_option
def revoke(
    app: App,
    numbers: tuple[RetrievalNumber, ...],
    user: str | None,
    serial: str | None,
    reason: RevocationReason,
    yes: bool,
    dry_run: bool,
    form: Format,
) -> None:
    from renrakucho_ca.service.revocation import revocation

    chosen = list(numbers)
    if serial is not None:
        chosen.append(revocation.by_serial(app.home, parse_serial(serial)))
    if user is not None:
        chosen += revocation.live_of_user(app.home, user)
    if not chosen:
        raise click.UsageError("give a number, --user or --serial")
    chosen = list(dict.fromkeys(chosen))
    if dry_run:
        outcomes.show(app, revocation.would_revoke(app.home, chosen), form)
        return
    if len(chosen) > 1:
        app.confirm("revoke {count} certificates for good?", yes=yes, count=len(chosen))
    results = revocation.revoke(app.home, chosen, reason)
    if any(isinstance(each.result, Certificate) for each in results):
        publish(app)
    outcomes.show(app, results, form)


@command("Suspend a certificate until it is released.")
@number_argument
@format_option
def hold(app: App, number: RetrievalNumber, form: Format) -> None:
    from renrakucho_ca.service.revocation import revocation

    _changed(app, revocation.hold(app.home, number), form)


@command("Make a held certificate valid again.")
@number_argument
@format_option
def release(app: App, number: RetrievalNumber, form: Format) -> None:
    from renrakucho_ca.service.revocation import revocation

    _changed(app, revocation.release(app.home, number), form)


def _changed(app: App, certificate: Certificate, form: Format) -> None:
    publish(app)
    app.console.one(row(certificate, app.home.clock()), form, columns=DETAILS)


def publish(app: App) -> None:
    """Publish if the settings say so, else print the command that does."""
    if app.home.settings.publish_after_revocation:
        app.expect_keys()
        from renrakucho_ca.service.publication import publication

        publication.publish(app.home, if_due=True)
    else:
        app.console.talk("run `rca publish` to update the servers")
