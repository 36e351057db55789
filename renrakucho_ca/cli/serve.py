"""`rca serve`: the download page."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from renrakucho_ca.cli.app import FILE, App
from renrakucho_ca.cli.help import command
from renrakucho_ca.errors import Invalid, RcaError, Unavailable
from renrakucho_ca.model import Actor
from renrakucho_ca.service.home import Home


@command(
    "Serve the download page, CRLs, CA certificates and OCSP until stopped. The server "
    "needs neither the passphrase nor a CA key. docs/portal.md describes the set-up behind "
    "nginx."
)
@click.option(
    "--listen",
    default="127.0.0.1:8080",
    metavar="HOST:PORT",
    help="address to listen on (default: 127.0.0.1:8080)",
)
@click.option(
    "--tls-cert",
    type=FILE,
    metavar="FILE",
    help="the site's certificate with its chain, PEM (default: plain HTTP)",
)
@click.option("--tls-key", type=FILE, metavar="FILE", help="the private key of --tls-cert")
def serve(app: App, listen: str, tls_cert: Path | None, tls_key: Path | None) -> None:
    try:
        from renrakucho_ca.web import server
        from renrakucho_ca.web.app import Portal
    except ImportError as error:
        raise Unavailable(
            "the portal is not installed: {reason}",
            hint="run `pip install 'renrakucho-ca[portal]'`",
            reason=error,
        ) from error
    from renrakucho_ca.service.retrieval import download

    host, port = _address(listen)
    if (tls_cert is None) != (tls_key is None):
        raise Invalid("--tls-cert and --tls-key belong together: give both or neither")
    folder = app.home.path

    def open_home() -> Home:
        return Home(folder, _no_passphrase, actor=Actor("portal"))

    download.check(open_home())
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING if app.quiet else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    if tls_cert is None and host not in {"127.0.0.1", "::1", "localhost"}:
        plain = RcaError(
            "plain HTTP on {host} sends passwords unencrypted",
            hint="give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy",
            host=host,
        )
        app.console.warn(plain)
    site = f"{'https' if tls_cert else 'http'}://{f'[{host}]' if ':' in host else host}"
    server.serve(
        Portal(open_home),
        host,
        port,
        certificate=tls_cert,
        key=tls_key,
        listening=lambda port: app.console.talk("listening on {url}", url=f"{site}:{port}/"),
    )


def _address(listen: str) -> tuple[str, int]:
    """Parse HOST:PORT; an IPv6 address is in brackets."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise Invalid(
            "{text} is not HOST:PORT", hint="for example 127.0.0.1:8080", text=repr(listen[:60])
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


def _no_passphrase(_: bool) -> bytes:
    raise Unavailable("the portal has no passphrase")
