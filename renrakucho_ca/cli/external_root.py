"""`rca hierarchy request`, `requests`, `install`, `crl`: a root that is on another machine."""

from __future__ import annotations

from pathlib import Path

import click

from renrakucho_ca.cli.app import App, Choice, format_option, pass_app
from renrakucho_ca.cli.help import Command
from renrakucho_ca.cli.hierarchy import row_of
from renrakucho_ca.cli.key_place import TokenUriType
from renrakucho_ca.cli.usage import Usage
from renrakucho_ca.console import Format, Row
from renrakucho_ca.model import KeyAlgorithm
from renrakucho_ca.store.tables.ca_certificates import CaRequest
from renrakucho_ca.token_uri import TokenUri

_FIELDS = ("name", "created_at", "request_sha256")
_FILE = click.Path(path_type=Path, dir_okay=False, readable=False)


@click.command(
    cls=Command,
    help="Makes the key of a new hierarchy's issuing CA here, and a request (PKCS #10) for its "
    "certificate, to be signed where the root's key is: by OpenSSL, or by `rca hierarchy sign`. "
    "Typed again, it writes the same request once more.",
)
@click.argument("name")
@click.option("--out", type=_FILE, metavar="FILE", help="a new file for the request, PEM")
@click.option("--common-name", metavar="CN", help="the name of which issuing.yaml makes the CA's")
@click.option(
    "--key-algorithm", type=Choice(KeyAlgorithm), help="else what profiles/issuing.yaml says"
)
@click.option(
    "--issuing-key",
    type=TokenUriType(),
    metavar="URI",
    help="the key in a token, as a pkcs11: URI; made there where there is none",
)
@click.option("--withdraw", is_flag=True, help="give a request up; its key is set aside")
@format_option
@pass_app
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
        raise Usage("name a file with --out")
    made = external_root.request(
        app.home,
        name,
        out,
        common_name=common_name,
        key_algorithm=key_algorithm,
        issuing_key=issuing_key,
    )
    app.console.one({**_row(made), "file": str(out)}, form)


@click.command(cls=Command, help="Lists the hierarchies that wait for their certificate.")
@format_option
@pass_app
def requests(app: App, form: Format) -> None:
    from renrakucho_ca.store.tables import ca_certificates

    rows = map(_row, ca_certificates.requests(app.home.db))
    app.console.many(rows, form, fields=_FIELDS, columns=_FIELDS)


@click.command(
    cls=Command,
    help="Makes a requested hierarchy usable with the certificates of the root and of the issuing "
    "CA that it signed, once they are proven to fit the request and each other.",
)
@click.argument("name")
@click.option("--root", type=_FILE, metavar="PEM", required=True, help="the root's certificate")
@click.option(
    "--issuing",
    type=_FILE,
    metavar="PEM",
    required=True,
    help="the certificate of the CA that issues",
)
@click.option(
    "--issuing-key",
    type=TokenUriType(),
    metavar="URI",
    help="its key, where it was requested for one in a token",
)
@format_option
@pass_app
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
            "it ends on {end}, too early for certificates of {years} years: have it signed for "
            "longer under another name, or shorten validity_years in the profiles",
            end=f"{made.issuing.not_after:%Y-%m-%d}",
            years=years,
        )
    app.console.talk(
        "nginx wants the root's CRL too: bring it with `rca hierarchy crl {name} FILE`", name=name
    )


@click.command(
    cls=Command,
    help="Takes in a CRL that was made where the root's key is, for the next `rca publish`.",
)
@click.argument("name")
@click.argument("file", type=_FILE)
@pass_app
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
