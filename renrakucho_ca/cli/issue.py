"""`rca issue`, `rca reissue`: a certificate for a person's device."""

from __future__ import annotations

from pathlib import Path

import click

from renrakucho_ca.cli.app import (
    FILE,
    FOLDER,
    App,
    all_or_nothing_option,
    format_option,
    jobs_option,
    mail_option,
    number_argument,
)
from renrakucho_ca.cli.help import command
from renrakucho_ca.cli.outcomes import exported
from renrakucho_ca.console import Format
from renrakucho_ca.model import RetrievalNumber, User

_FOR_PEOPLE = (
    *("number", "password", "user", "device", "note"),
    *("hierarchy", "not_after", "link", "files"),
)

LARGEST_REQUEST = 64 * 1024
"""Bytes of a PKCS#10."""


@command(
    "Issue a certificate for a user's device and print the retrieval number and password. "
    "An unknown user is added. With --batch, issue one certificate per line of a table."
)
@click.option(
    "--device", metavar="D", help="device kind (a profile): windows mac iphone ipad android …"
)
@click.option("--user", metavar="ID", help="user of the device")
@click.option("--note", metavar="TEXT", help="note, such as the name of the device")
@click.option(
    "--hierarchy",
    metavar="NAME",
    help="hierarchy that issues (default: default_hierarchy in rca.yaml, then new, then the only "
    "open one)",
)
@click.option(
    "--out", type=FOLDER, metavar="DIR", help="export the bundle to DIR at once (its only download)"
)
@click.option(
    "--csr",
    type=FILE,
    metavar="FILE",
    help="PKCS #10 request for a key that stays on the device; the export is a PEM chain",
)
@click.option(
    "--batch",
    type=FILE,
    metavar="CSV",
    help="table with the columns user, device and optionally note, name, email, facility, network",
)
@all_or_nothing_option
@mail_option
@jobs_option
@format_option
def issue(
    app: App,
    device: str | None,
    user: str | None,
    note: str | None,
    hierarchy: str | None,
    out: Path | None,
    csr: Path | None,
    batch: Path | None,
    all_or_nothing: bool,
    mail: bool,
    jobs: int | None,
    form: Format,
) -> None:
    person = None if user is None else User.parse(user)
    if person is not None and csr is None:
        app.expect_keys()
    from renrakucho_ca.service.issuance import issuance
    from renrakucho_ca.service.issuance.planner import IssuanceRequest
    from renrakucho_ca.service.outcome import unwrap
    from renrakucho_ca.service.retrieval import retrieval

    notify = app.notifier(mail)
    if out is not None:
        retrieval.prepare(app.home, out)
    if batch is not None:
        if device or user or note or csr:
            raise click.UsageError("--batch takes users, devices and notes from its table")
        from renrakucho_ca.cli.issue_batch import issue_batch

        issue_batch(app, batch, hierarchy, out, all_or_nothing, notify, jobs, form)
        return
    if device is None or person is None:
        raise click.UsageError("give --device and --user, or --batch")
    request = IssuanceRequest.parse(person, device, note, _read(csr))
    (result,) = issuance.issue(app.home, [request], hierarchy, notify)
    issued = unwrap(result)
    if mail and not issued.certificate.user.addresses:
        app.console.talk(
            "{user} has no mail address: deliver the number and password yourself", user=person.id
        )
    shown, problem = exported(app, issued, out)
    app.console.one(shown, form, columns=_FOR_PEOPLE)
    if problem is not None:
        raise problem


@command(
    "Issue a new certificate for the same user, device and note, and revoke the old one as "
    "superseded."
)
@number_argument
@click.option("--keep-old", is_flag=True, help="keep the old certificate valid")
@click.option("--device", metavar="D", help="issue for another device kind (default: the same)")
@format_option
def reissue(
    app: App, number: RetrievalNumber, keep_old: bool, device: str | None, form: Format
) -> None:
    app.expect_keys()
    from renrakucho_ca.service.issuance import issuance

    result = issuance.reissue(app.home, number, keep_old=keep_old, device=device)
    shown, _ = exported(app, result, None)
    app.console.one(shown, form, columns=_FOR_PEOPLE)


def _read(file: Path | None) -> bytes | None:
    if file is None:
        return None
    with file.open("rb") as stream:
        return stream.read(LARGEST_REQUEST + 1)
