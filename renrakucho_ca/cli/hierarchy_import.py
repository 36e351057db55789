"""`rca hierarchy import`: a CA that exists, with all that it has issued."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from renrakucho_ca.cli import passphrase
from renrakucho_ca.cli.app import App, format_option, pass_app
from renrakucho_ca.cli.help import Command
from renrakucho_ca.cli.key_place import KeyPlaceType
from renrakucho_ca.console import Format, Row
from renrakucho_ca.errors import Attention, Invalid, RcaError
from renrakucho_ca.token_uri import KeyPlace, TokenUri

LARGEST_CA_FILE = 1024 * 1024
"""Bytes of a CA's certificate or key."""

MOST_PROBLEMS = 10_000
"""Problems that are told one by one."""

_COLUMNS = (
    "hierarchy",
    "certificates",
    "added",
    "already",
    "described",
    "revoked",
    "released",
    "expired",
    "records_without_certificate",
    "passed_over",
    "reported",
)

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    "import",
    cls=Command,
    help="Takes over a CA that exists, as the hierarchy NAME, with the certificates that it has "
    "issued; what is revoked stays revoked. Each is checked against the CA's signature. A second "
    "import adds what is new. Where the root itself issues, leave --issuing out.",
)
@click.argument("name")
@click.option("--root", type=_FILE, required=True, metavar="PEM", help="the root's certificate")
@click.option("--issuing", type=_FILE, metavar="PEM", help="the certificate of the CA that issues")
@click.option(
    "--issuing-key",
    type=KeyPlaceType(),
    metavar="PEM|URI",
    help="the key of the CA that issues (of the root, if that is the one), a file or a pkcs11: "
    "URI; without it nothing can be issued and no CRL signed",
)
@click.option(
    "--issuing-key-passphrase-file",
    type=_FILE,
    metavar="FILE",
    help="the file with the passphrase that --issuing-key is encrypted with",
)
@click.option(
    "--root-key",
    type=KeyPlaceType(),
    metavar="PEM|URI",
    help="the key of the root of two tiers, a file or a pkcs11: URI",
)
@click.option(
    "--root-key-passphrase-file",
    type=_FILE,
    metavar="FILE",
    help="the file with the passphrase that --root-key is encrypted with",
)
@click.option(
    "--certificates",
    "paths",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PATH",
    help="certificates and CRLs: a folder, a file in PEM or DER, a PKCS#7, an OpenSSL index.txt, "
    "an Easy-RSA pki folder; can be given several times",
)
@click.option(
    "--records",
    type=_FILE,
    metavar="CSV",
    help="whose they are: number,serial,user,device,note,issued_at,email,facility,network,name",
)
@click.option(
    "--device", metavar="D", help="the device of those of which no record tells it; else unknown"
)
@format_option
@pass_app
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
    device: str | None,
    form: Format,
) -> None:
    from renrakucho_ca.service.ca_import import import_ca

    problems, passed_over = _Problems(app), _PassedOver(app)
    done = import_ca.import_ca(
        app.home,
        name,
        import_ca.CaFiles(
            root=_read(root),
            issuing=None if issuing is None else _read(issuing),
            issuing_key=_key(issuing_key),
            issuing_key_passphrase=_passphrase(issuing_key_passphrase_file),
            root_key=_key(root_key),
            root_key_passphrase=_passphrase(root_key_passphrase_file),
        ),
        paths=paths,
        records=records,
        device=device,
        report=problems.report,
        passed_over=passed_over.report,
    )
    passed_over.close()
    shown: Row = {**done.as_dict()}
    app.console.one(shown, form, columns=_COLUMNS)
    if done.reported:
        problems.report_rest()
        raise Attention("{count} problems were found", count=done.reported)


class _Problems:
    """Tells the first problems, and how many there were more."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._count = 0

    def report(self, problem: RcaError) -> None:
        self._count += 1
        if self._count <= MOST_PROBLEMS:
            self._app.console.error(problem)

    def report_rest(self) -> None:
        if self._count > MOST_PROBLEMS:
            self._app.console.talk("… and {count} more", count=self._count - MOST_PROBLEMS)


class _PassedOver:
    """Tells of files that were passed over: all of them with `-v`; else of those alone that may
    have certificates, and of each kind once: Easy-RSA writes a PKCS#12 for everybody."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._counts: Counter[str] = Counter()
        self._first: dict[str, Path] = {}

    def report(self, file: Path, kind: str | None) -> None:
        self._app.console.detail("{file}: no certificate, CRL or index", file=file)
        if kind is not None:
            self._counts[kind] += 1
            self._first.setdefault(kind, file)

    def close(self) -> None:
        for kind, count in self._counts.items():
            self._app.console.warn(
                Invalid(
                    "{file}: {kind} is not opened ({count} such files)",
                    hint="if it has certificates that lie nowhere else, export them as PEM and "
                    "give these too",
                    file=self._first[kind],
                    kind=kind,
                    count=count,
                )
            )


def _read(file: Path) -> bytes:
    # A folder or a pipe that nobody writes to is no CA's file.
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
