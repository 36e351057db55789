"""The command line: parse, call one service, print."""

from __future__ import annotations

import gc


def main() -> None:
    """Run `rca`."""
    # Imports create thousands of objects and no garbage. Python's default of one collection every
    # 700 objects costs 5 % of a look-up.
    gc.set_threshold(100_000)
    from renrakucho_ca.cli.edge import run

    run()
