"""`rca hierarchy import`: an existing CA with all that it has issued."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from renrakucho_ca.cli import passphrase
from renrakucho_ca.cli.app import FILE, App, format_option
from renrakucho_ca.cli.bad_lines import Problems
from renrakucho_ca.cli.help import command
from renrakucho_ca.cli.key_place import key_place
from renrakucho_ca.console import Format
from renrakucho_ca.errors import Attention, Invalid
from renrakucho_ca.model import UNKNOWN
from renrakucho_ca.token_uri import KeyPlace, TokenUri

LARGEST_CA_FILE = 1024 * 1024
"""Bytes of a CA's certificate or key."""


@command(
    "Import an existing CA as the hierarchy NAME, with its certificates and revocations. The "
    "signature of each certificate is verified. Run it again to add new ones. Omit --issuing if "
    "the root itself issues.",
    name="import",
)
@click.argument("name")
@click.option("--root", type=FILE, required=True, metavar="PEM", help="certificate of the root")
@click.option("--issuing", type=FILE, metavar="PEM", help="the issuing CA's certificate")
@click.option(
    "--issuing-key",
    type=key_place,
    metavar="PEM|URI",
    help="the issuing CA's key (the root's, without --issuing), a file or a pkcs11: URI; needed to "
    "issue and to sign CRLs",
)
@click.option(
    "--issuing-key-passphrase-file",
    type=FILE,
    metavar="FILE",
    help="a file with the passphrase of --issuing-key",
)
@click.option(
    "--root-key",
    type=key_place,
    metavar="PEM|URI",
    help="the root's key, if the issuing CA has its own; a file or a pkcs11: URI",
)
@click.option(
    "--root-key-passphrase-file",
    type=FILE,
    metavar="FILE",
    help="a file with the passphrase of --root-key",
)
@click.option(
    "--certificates",
    "paths",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PATH",
    help="certificates and CRLs: a folder, a PEM, DER or PKCS#7 file, an OpenSSL index.txt, an "
    "Easy-RSA pki folder; repeatable",
)
@click.option(
    "--records",
    type=FILE,
    metavar="CSV",
    help="owner table with the columns number, serial, user, device, note, issued_at, email, "
    "facility, network, name",
)
@click.option(
    "--device",
    default=UNKNOWN,
    metavar="D",
    help="device kind of certificates without one in --records (default: unknown)",
)
@format_option
def import_(
    app: App,
    name: str,
    root: Path,
    issuing: Path | None,
    issuing_key: KeyPlace | None,
    issuing_key_passphrase_file: Path | None,
    root_key: KeyPlace | None,
    root_key_passphrase_file: Path | None,
    paths: tuple[Path, ...],
    records: Path | None,
    device: str,
    form: Format,
) -> None:
    from renrakucho_ca.service.ca_import import import_ca
    from renrakucho_ca.service.ca_import.authorities import CaFiles

    ca = CaFiles(
        root=_read(root),
        issuing=None if issuing is None else _read(issuing),
        issuing_key=_key(issuing_key),
        issuing_key_passphrase=_passphrase(issuing_key_passphrase_file),
        root_key=_key(root_key),
        root_key_passphrase=_passphrase(root_key_passphrase_file),
    )
    problems, passed_over = Problems(app), _PassedOver(app)
    options = import_ca.ImportOptions(ca, paths, records, device or UNKNOWN)
    done = import_ca.import_ca(app.home, name, options, problems.add, passed_over.add)
    passed_over.report()
    app.console.one(asdict(done), form)
    if done.reported:
        problems.report_rest()
        raise Attention("problems found: {count}", count=done.reported)


class _PassedOver:
    """Lists skipped files: all with `-v`, else one of each format that may contain certificates.

    Easy-RSA writes a PKCS#12 for every user.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._counts: Counter[str] = Counter()
        self._first: dict[str, Path] = {}

    def add(self, file: Path, kind: str | None) -> None:
        self._app.console.detail("{file}: no certificate, CRL or index", file=file)
        if kind is not None:
            self._counts[kind] += 1
            self._first.setdefault(kind, file)

    def report(self) -> None:
        for kind, count in self._counts.items():
            self._app.console.warn(
                Invalid(
                    "{file}: skipped, as rca does not open {kind} ({count} such files)",
                    hint="if they have certificates of this CA, export those as PEM and import "
                    "them too",
                    file=self._first[kind],
                    kind=kind,
                    count=count,
                )
            )


def _read(file: Path) -> bytes:
    # Opening a pipe without a writer would block.
    if file.exists() and not file.is_file():
        raise Invalid("{file} is not a file", file=file)
    with file.open("rb") as stream:
        content = stream.read(LARGEST_CA_FILE + 1)
    if len(content) > LARGEST_CA_FILE:
        raise Invalid("{file} is longer than {longest} bytes", file=file, longest=LARGEST_CA_FILE)
    return content


def _key(place: KeyPlace | None) -> bytes | TokenUri | None:
    return _read(place) if isinstance(place, Path) else place


def _passphrase(file: Path | None) -> bytes | None:
    return None if file is None else passphrase.read_file(file)
