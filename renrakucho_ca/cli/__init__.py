"""The command line: parse, call one service, show."""

from __future__ import annotations

from renrakucho_ca.cli.edge import run


def main() -> None:
    """The entry point of `rca`."""
    run()
