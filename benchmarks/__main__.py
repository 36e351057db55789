"""`python -m benchmarks [start-up] [issuing] [crl]`: all families, or those that are named."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import crl, issuing, startup

FAMILIES = ("start-up", "issuing", "crl")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=", ".join(FAMILIES))
    parser.add_argument(
        "--certificates",
        type=int,
        default=1_000_000,
        help="rows in the store, and entries of the longest CRL",
    )
    parser.add_argument("--rounds", type=int, default=11, help="turns that each is measured")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir()) / "rca-benchmarks",
        help="where the homes are kept between runs",
    )
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    chosen = options.families or FAMILIES
    if unknown := set(chosen) - set(FAMILIES):
        parser.error(f"no such family: {', '.join(sorted(unknown))}")
    if "start-up" in chosen:
        startup.measure(options.folder, options.certificates, options.rounds)
    if "issuing" in chosen:
        issuing.measure(options.folder, min(options.rounds, 5))
    if "crl" in chosen:
        crl.measure(options.folder, options.certificates, options.rounds)


if __name__ == "__main__":
    main()
