"""`python -m benchmarks.bench_backup`: `rca backup` against `cp` of the same bytes, synced."""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import time
from pathlib import Path
from statistics import median

from benchmarks.measure import RCA, Sample, heading, line, process


def _home(folder: Path, megabytes: int) -> Path:
    """A home with a database of that size: what fills it are bytes that nobody reads."""
    home = folder / f"backup-{megabytes}"
    if home.exists():
        return home
    process(RCA, "-q", "quickstart", str(home))()
    database = sqlite3.connect(home / "ca-store" / "rca.sqlite")
    database.execute("CREATE TABLE filling (content BLOB)")
    with database:
        for _ in range(megabytes * 64):
            database.execute("INSERT INTO filling VALUES (?)", (os.urandom(15_900),))
    database.close()
    return home


def _copy(source: Path, target: Path) -> Sample:
    start = time.perf_counter()
    with source.open("rb") as reading, target.open("wb") as writing:
        shutil.copyfileobj(reading, writing, 1024 * 1024)
        writing.flush()
        os.fsync(writing.fileno())
    return Sample(time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/rca-benchmarks"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    home = _home(options.folder, options.megabytes)
    target = options.folder / "target"
    command = process(
        RCA,
        *("--home", str(home), "--passphrase-file", str(home / "passphrase")),
        *("backup", str(target)),
    )
    copies, backups = [], []
    for _ in range(options.rounds):
        target.unlink(missing_ok=True)
        copies.append(_copy(home / "ca-store" / "rca.sqlite", target))
        target.unlink()
        backups.append(command())
    heading(f"backup, {options.megabytes} MB", "cp + fsync")
    line(
        "rca backup, the whole process",
        median(each.seconds for each in copies) * 1000,
        median(each.seconds for each in backups) * 1000,
        "≤ 2",
        f"{max(each.mebibytes for each in backups):.0f} MiB",
    )
    target.unlink()


if __name__ == "__main__":
    main()
