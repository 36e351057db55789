"""The command line: parse, call one service, show."""

from __future__ import annotations

import gc


def main() -> None:
    """The entry point of `rca`."""
    # Imports make thousands of objects and no garbage: looking through them at every 700th, as
    # Python does, is a twentieth of a look-up's time.
    gc.set_threshold(100_000)
    from renrakucho_ca.cli.edge import run

    run()
