"""`rca hierarchy …`: roots and their issuing CAs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from renrakucho_ca import token_uri
from renrakucho_ca.cli.app import (
    App,
    Choice,
    dry_run_option,
    format_option,
    yes_option,
)
from renrakucho_ca.cli.help import Group, command
from renrakucho_ca.cli.key_place import TokenUriType
from renrakucho_ca.cli.usage import Usage
from renrakucho_ca.console import Format, Row
from renrakucho_ca.model import Authority, Hierarchy, KeyAlgorithm
from renrakucho_ca.token_uri import TokenUri

_FIELDS = (
    *("name", "open", "created_at", "retired_at", "cutoff"),
    *("root", "root_fingerprint_sha256", "root_not_after", "root_key_algorithm"),
    *("root_key_is_here", "root_key"),
    *("issuing", "issuing_fingerprint_sha256", "issuing_not_after", "issuing_key_algorithm"),
    *("issuing_key_is_here", "issuing_key"),
)
_COLUMNS = ("name", "open", "created_at", "cutoff", "root", "root_not_after", "issuing_not_after")
_SPARE = ("created_at", "root_not_after")


hierarchy = Group(
    "hierarchy",
    help="Manage hierarchies. A hierarchy is a root CA with its issuing CA.",
    sections={
        "Commands": {
            "create": (".hierarchy:create", "create a root CA and its issuing CA"),
            "import": (".hierarchy_import:import_", "import an existing CA"),
            "list": (".hierarchy:list_", "list hierarchies"),
            "show": (".hierarchy:show", "show a hierarchy"),
            "retire": (".hierarchy:retire", "close a hierarchy and set its cut-off"),
        },
        "A root on another machine": {
            "request": (".external_root:request", "create an issuing CA's key and a request"),
            "requests": (".external_root:requests", "list requested hierarchies"),
            "sign": (".cross_signing:sign", "sign a request where the root's key is"),
            "install": (".external_root:install", "install a requested hierarchy"),
            "crl": (".external_root:crl", "install the root's CRL"),
        },
        "Cross-certificates": {
            "cross": (".cross_signing:cross", "cross-certify a hierarchy"),
            "signed": (".cross_signing:signed", "list the certificates signed for other CAs"),
            "revoke": (".cross_signing:revoke", "revoke one of these certificates"),
        },
        "Keys": {
            "rekey-passphrase": (".rekey:rekey_passphrase", "change the passphrase of the keys"),
        },
    },
)


@command(
    "Create a root CA and its issuing CA, with their keys and first CRLs. The keys are "
    "protected by the passphrase or kept in a token (HSM), where an existing key is reused "
    "unless it is another CA's. NAME is a word such as old or new."
)
@click.argument("name")
@click.option("--common-name", metavar="CN", help="name of the root, as phones show it")
@click.option(
    "--key-algorithm",
    type=Choice(KeyAlgorithm),
    help="algorithm of both keys (default: profiles/root.yaml and issuing.yaml)",
)
@click.option(
    "--root-key-out",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="write the root's key to FILE and keep no copy on this machine",
)
@click.option(
    "--issuing-key",
    type=TokenUriType(),
    metavar="URI",
    help="key of the issuing CA in a token, such as 'pkcs11:token=ca;object=new'",
)
@click.option("--root-key", type=TokenUriType(), metavar="URI", help="key of the root in a token")
@format_option
def create(
    app: App,
    name: str,
    common_name: str | None,
    key_algorithm: KeyAlgorithm | None,
    root_key_out: Path | None,
    issuing_key: TokenUri | None,
    root_key: TokenUri | None,
    form: Format,
) -> None:
    from renrakucho_ca.service.hierarchy import creation

    if root_key_out is not None and root_key is not None:
        raise Usage("give only one of --root-key and --root-key-out")
    made = creation.create(
        app.home,
        name,
        common_name=common_name,
        key_algorithm=key_algorithm,
        root_key_out=root_key_out,
        root_key=root_key,
        issuing_key=issuing_key,
    )
    app.console.one(row_of(made, app.home.clock()), form)
    if root_key_out is not None:
        app.console.talk(
            "wrote the root's key to {file}, protected by the passphrase: keep it off this "
            "machine, and bring it for `rca publish --root-key FILE` before its CRL expires",
            file=root_key_out,
        )


@command("List the hierarchies in the order of creation.", name="list")
@format_option
def list_(app: App, form: Format) -> None:
    from renrakucho_ca.store.tables import hierarchies

    now = app.home.clock()
    rows = (row_of(each, now) for each in hierarchies.all_of(app.home.db))
    app.console.many(rows, form, fields=_FIELDS, columns=_COLUMNS, spare=_SPARE, whole=("name",))


@command("Show names, expiry dates, fingerprints and keys of a hierarchy.")
@click.argument("name")
@format_option
def show(app: App, name: str, form: Format) -> None:
    from renrakucho_ca.store.tables import hierarchies

    app.console.one(row_of(hierarchies.get(app.home.db, name), app.home.clock()), form)


@command(
    "Close a hierarchy for good: it issues no more certificates. With --at, its live "
    "certificates are revoked on that date."
)
@click.argument("name")
@click.option("--at", metavar="DATE", help="cut-off date, such as 2026-08-01")
@yes_option
@dry_run_option
@format_option
def retire(app: App, name: str, at: str | None, yes: bool, dry_run: bool, form: Format) -> None:
    from renrakucho_ca.service.hierarchy import creation

    cutoff = app.date(at)
    closed, live = creation.would_retire(app.home, name, cutoff)
    if dry_run:
        app.console.one(row_of(closed, app.home.clock()), form)
        app.console.talk("{live} certificates would be revoked; nothing was changed", live=live)
        return
    app.confirm("close the hierarchy {name} for good?", yes=yes, name=name)
    retired = creation.retire(app.home, name, cutoff)
    app.console.one(row_of(retired, app.home.clock()), form)


def row_of(each: Hierarchy, now: datetime) -> Row:
    """Return the displayed row of a hierarchy."""
    row: Row = {
        "name": each.name,
        "open": each.is_open(now),
        "created_at": each.created_at,
        "retired_at": each.retired_at,
        "cutoff": each.cutoff,
    }
    for tier, ca in (("root", each.root), ("issuing", each.issuing)):
        row |= {
            tier: ca.subject,
            f"{tier}_fingerprint_sha256": ca.fingerprint_sha256,
            f"{tier}_not_after": ca.not_after,
            f"{tier}_key_algorithm": ca.key_algorithm,
            f"{tier}_key_is_here": ca.key is not None,
            f"{tier}_key": _place(ca),
        }
    return row


def _place(authority: Authority) -> str | None:
    """Return the place of a CA's key: a file of the home, or a `pkcs11:` URI without a PIN."""
    if authority.key is None or token_uri.is_uri(authority.key):
        return authority.key
    return f"ca-store/keys/{authority.key}.key"
