"""`rca backup`, `rca restore`: one encrypted file, and a home out of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from renrakucho_ca.cli.app import App, format_option, pass_app, yes_option
from renrakucho_ca.cli.help import Command
from renrakucho_ca.cli.interruption import clearing_up
from renrakucho_ca.console import Format, Row
from renrakucho_ca.errors import Attention, RcaError

if TYPE_CHECKING:
    from renrakucho_ca.service.recovery.journal_sources import Told
    from renrakucho_ca.service.recovery.reconcile import CaughtUp
    from renrakucho_ca.service.recovery.restoration import Restored

_FIELDS = ("file", "size", "sha256", "problem")


def _path() -> click.Path:
    return click.Path(path_type=Path, readable=False)


@click.command(
    cls=Command,
    help="Writes all that makes this home into one file under the passphrase: database, keys, "
    "settings, profiles, CRLs. Others may write meanwhile. FILE is replaced in one step; - is "
    "stdout. With --verify FILE is read through instead, and all that is in it is proven.",
)
@click.argument("file", type=_path())
@click.option("--verify", is_flag=True, help="list what a backup holds, and prove that it would do")
@format_option
@pass_app
def backup(app: App, file: Path, verify: bool, form: Format) -> None:
    if verify:
        _verify(app, file, form)
    elif str(file) == "-":
        _to_stdout(app)
    else:
        app.expect_keys()
        from renrakucho_ca.service.recovery import backup as service

        made = service.to_file(app.home, file)
        row: Row = {
            "file": str(file),
            "created_at": made.created_at,
            "files": made.files,
            "size": made.size,
        }
        app.console.one(row, form)


def _to_stdout(app: App) -> None:
    if os.isatty(1):
        raise click.UsageError("a backup is not written to a terminal")
    app.expect_keys()
    from renrakucho_ca.service.recovery import backup as service

    made = service.to_stream(app.home, sys.stdout.buffer)
    app.console.talk("{count} files, {size} bytes", count=made.files, size=made.size)


def _verify(app: App, file: Path, form: Format) -> None:
    from renrakucho_ca.service.recovery import verify_backup

    # Unpacked where no home is, nobody else would remove it: the bundles' key lies there, open.
    with clearing_up():
        inspected = verify_backup.verify(app.home, file)
    manifest, findings = inspected.manifest, inspected.findings
    problems: dict[str, list[RcaError]] = {each.file: [] for each in findings}
    for each in findings:
        problems[each.file].append(each.problem)
    sizes = {entry.name: (entry.size, entry.sha256) for entry in manifest.entries}
    rows: list[Row] = []
    for name in [*sizes, *(problems.keys() - sizes.keys())]:
        said = "; ".join(map(app.catalogue.message, problems.get(name, [])))
        size, digest = sizes.get(name, (None, None))
        rows.append({"file": name, "size": size, "sha256": digest, "problem": said or None})
    app.console.many(rows, form, fields=_FIELDS, columns=_FIELDS, spare=("sha256",))
    _report_tokens(app, inspected.in_tokens)
    if findings:
        raise Attention("problems found: {count}", count=len(findings))
    app.console.talk("whole, and of {moment}", moment=f"{manifest.created_at:%Y-%m-%d %H:%M}Z")


@click.command(
    cls=Command,
    help="Makes a home of a backup, where none is; what a lost database leaves, ca-store/journal "
    "and public/, may be there. Then the store learns what happened after the backup, from these "
    "and from --journal and --crl, and issues nothing before it has. Without FILE a home that is "
    "behind its journal catches up in place.",
)
@click.argument("file", type=_path(), required=False)
@click.option(
    "--journal",
    "journals",
    type=_path(),
    multiple=True,
    metavar="FILE",
    help="the journal of the home that was lost; may be given several times",
)
@click.option(
    "--crl",
    "crl_files",
    type=_path(),
    multiple=True,
    metavar="FILE",
    help="a CRL that servers have, DER or PEM; may be given several times",
)
@click.option(
    "--without-journal", is_flag=True, help="what happened after the backup is lost: go on without"
)
@yes_option
@format_option
@pass_app
def restore(
    app: App,
    file: Path | None,
    journals: tuple[Path, ...],
    crl_files: tuple[Path, ...],
    without_journal: bool,
    yes: bool,
    form: Format,
) -> None:
    from renrakucho_ca.service.recovery import reconcile, restoration, verify_backup

    for path in (*(() if file is None else (file,)), *journals, *crl_files):
        path.stat()  # one that is missing is told before anything is asked or done
    if file is not None:
        app.confirm("restore {file} into {home}?", yes=yes, file=file, home=app.home.path)
    if without_journal:
        app.confirm("forget what happened after the backup?", yes=yes)
    restored = None if file is None else restoration.restore(app.home, file)
    for finding in [] if restored is None else restored.findings:
        _warn(app, finding.file, finding.problem)
    done = reconcile.catch_up(app.home, journals, crl_files, without_journal=without_journal)
    for path, problem in done.problems:
        _warn(app, path, problem)
    for damaged in done.told.damaged:
        app.console.warn(damaged.fault)
    app.console.one(_row(app, restored, done), form)
    if restored is not None:
        _report_tokens(app, verify_backup.in_tokens(app.home))
    _report_journals(app, done.told)
    if done.learned.strangers:
        app.console.talk(
            "{count} revoked certificates are known by their serial numbers alone; they stay on "
            "the CRL, as certificates of the user unknown",
            count=done.learned.strangers,
        )
    if done.learned.missing:
        app.console.talk(
            "{count} things cannot be learned again, such as certificates that were taken over: "
            "run `rca hierarchy import` again",
            count=done.learned.missing,
        )
    if done.is_behind:
        app.console.talk(
            "nothing is issued or handed out before the store knows what happened after the "
            "backup: rca restore --journal FILE; where it is lost, rca restore --without-journal"
        )


def _row(app: App, restored: Restored | None, done: CaughtUp) -> Row:
    return {
        "home": str(app.home.path),
        "created_at": None if restored is None else restored.manifest.created_at,
        "issued": done.learned.issued,
        "downloaded": done.learned.downloaded,
        "revoked": done.learned.revoked,
        "released": done.learned.released,
        "strangers": done.learned.strangers,
        "missing": done.learned.missing,
        "behind": done.is_behind,
        "set_aside": None if done.told.set_aside is None else str(done.told.set_aside),
    }


def _report_journals(app: App, told: Told) -> None:
    for damaged in told.damaged:
        if damaged.lost:
            app.console.talk(
                "{file}: its last {count} lines were not learned; look through them for what no "
                "other journal tells",
                file=damaged.file,
                count=damaged.lost,
            )
    if told.set_aside is not None:
        app.console.talk(
            "the journal that the log cannot go on from is kept as {file}, and a new one begins",
            file=told.set_aside,
        )


def _report_tokens(app: App, names: Iterable[str]) -> None:
    for name in names:
        app.console.talk("the key of {name} is in a token, and in no backup", name=name)


def _warn(app: App, file: Path | str, problem: RcaError) -> None:
    said = app.catalogue.message(problem)
    app.console.warn(Attention("{file}: {problem}", file=file, problem=said))
