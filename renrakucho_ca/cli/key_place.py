"""Option types for a CA's key: a file or a `pkcs11:` URI, or a URI alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from renrakucho_ca import token_uri
from renrakucho_ca.cli.usage import Usage, spelling
from renrakucho_ca.token_uri import KeyPlace, TokenUri


def key_place(value: str) -> KeyPlace:
    """Parse a file or a URI. Click's path type would strip the second slash from `file:///`."""
    return token_uri.parse(value) if token_uri.is_uri(value) else Path(value)


class TokenUriType(click.ParamType[TokenUri]):
    """A URI, without the choice of a file."""

    name = "uri"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> TokenUri:
        if not token_uri.is_uri(value):
            parameter = "" if param is None else spelling(param)
            raise Usage("{parameter} takes a pkcs11: URI", parameter=parameter)
        return token_uri.parse(value)


root_key_option = click.option(
    "--root-key",
    type=key_place,
    metavar="FILE|URI",
    help="the key of a root with an external key: a file or a pkcs11: URI",
)
