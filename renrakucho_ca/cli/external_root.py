"""`rca hierarchy request`, `requests`, `install`, `crl`: for a root on another machine."""

from __future__ import annotations

from pathlib import Path

import click

from renrakucho_ca.cli.app import FILE_NAME, App, Choice, format_option
from renrakucho_ca.cli.help import command
from renrakucho_ca.cli.hierarchy import row_of
from renrakucho_ca.cli.key_place import TokenUriType
from renrakucho_ca.cli.usage import Usage
from renrakucho_ca.console import Format, Row
from renrakucho_ca.model import KeyAlgorithm
from renrakucho_ca.store.tables.ca_certificates import CaRequest
from renrakucho_ca.token_uri import TokenUri

_FIELDS = ("name", "created_at", "request_sha256")


@command(
    "Create the key of a new hierarchy's issuing CA and a request (PKCS #10) for its "
    "certificate. Sign the request on the machine with the root's key, with OpenSSL or `rca "
    "hierarchy sign`. A second run writes the same request."
)
@click.argument("name")
@click.option("--out", type=FILE_NAME, metavar="FILE", help="write the request (PEM) to FILE")
@click.option(
    "--common-name", metavar="CN", help="common name from which issuing.yaml builds the CA's name"
)
@click.option(
    "--key-algorithm",
    type=Choice(KeyAlgorithm),
    help="key algorithm (default: profiles/issuing.yaml)",
)
@click.option(
    "--issuing-key",
    type=TokenUriType(),
    metavar="URI",
    help="use the key at this pkcs11: URI; it is created if missing",
)
@click.option("--withdraw", is_flag=True, help="withdraw the request and rename its key")
@format_option
def request(
    app: App,
    name: str,
    out: Path | None,
    common_name: str | None,
    key_algorithm: KeyAlgorithm | None,
    issuing_key: TokenUri | None,
    withdraw: bool,
    form: Format,
) -> None:
    from renrakucho_ca.service.hierarchy import external_root

    if withdraw:
        external_root.withdraw(app.home, name)
        return
    if out is None:
        raise Usage("give a file with --out")
    made = external_root.request(
        app.home,
        name,
        out,
        common_name=common_name,
        key_algorithm=key_algorithm,
        issuing_key=issuing_key,
    )
    app.console.one({**_row(made), "file": str(out)}, form)


@command("List the hierarchies that wait for their certificate.")
@format_option
def requests(app: App, form: Format) -> None:
    from renrakucho_ca.store.tables import ca_certificates

    rows = map(_row, ca_certificates.requests(app.home.db))
    app.console.many(rows, form, fields=_FIELDS, columns=_FIELDS)


@command(
    "Install the certificates of the root and the issuing CA of a requested hierarchy, "
    "after checking them against the request and each other."
)
@click.argument("name")
@click.option(
    "--root", type=FILE_NAME, metavar="PEM", required=True, help="certificate of the root"
)
@click.option(
    "--issuing", type=FILE_NAME, metavar="PEM", required=True, help="certificate of the issuing CA"
)
@click.option(
    "--issuing-key",
    type=TokenUriType(),
    metavar="URI",
    help="key of the issuing CA, if it is in a token",
)
@format_option
def install(
    app: App, name: str, root: Path, issuing: Path, issuing_key: TokenUri | None, form: Format
) -> None:
    from renrakucho_ca.service.hierarchy import external_root

    made = external_root.install(
        app.home, name, root.read_bytes(), issuing.read_bytes(), issuing_key
    )
    app.console.one(row_of(made, app.home.clock()), form)
    years = external_root.years_too_many(app.home, made)
    if years is not None:
        app.console.talk(
            "the CA expires on {end} and cannot issue certificates for {years} years: get a CA "
            "certificate with a longer validity, or shorten validity_years in the profiles",
            end=made.issuing.not_after.date(),
            years=years,
        )
    app.console.talk(
        "nginx also needs the root's CRL: run `rca hierarchy crl {name} FILE`", name=name
    )


@command(
    "Install a CRL that was signed on the root's machine. The next `rca publish` publishes it."
)
@click.argument("name")
@click.argument("file", type=FILE_NAME)
def crl(app: App, name: str, file: Path) -> None:
    from renrakucho_ca.service.hierarchy import external_root

    external_root.take_crl(app.home, name, file.read_bytes())


def _row(each: CaRequest) -> Row:
    from hashlib import sha256

    return {
        "name": each.hierarchy,
        "created_at": each.created_at,
        "request_sha256": sha256(each.request).hexdigest(),
    }
