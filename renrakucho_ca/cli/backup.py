"""`rca backup` and `rca restore`."""

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
    from renrakucho_ca.service.recovery.reconcile import Reconciled
    from renrakucho_ca.service.recovery.restoration import Restored

_FIELDS = ("file", "size", "sha256", "problem")


def _path() -> click.Path:
    return click.Path(path_type=Path, readable=False)


@click.command(
    cls=Command,
    help="Back up this home to one encrypted file: database, keys, settings, profiles and CRLs. "
    "Other commands may run meanwhile. FILE is replaced in one step; - is stdout. The passphrase "
    "of the CA keys opens it. With --verify, check an existing backup instead.",
)
@click.argument("file", type=_path())
@click.option("--verify", is_flag=True, help="list the files of a backup and check each of them")
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
        raise click.UsageError("refusing to write a backup to a terminal")
    app.expect_keys()
    from renrakucho_ca.service.recovery import backup as service

    made = service.to_stream(app.home, sys.stdout.buffer)
    app.console.talk("{count} files, {size} bytes", count=made.files, size=made.size)


def _verify(app: App, file: Path, form: Format) -> None:
    from renrakucho_ca.service.recovery import verify_backup

    # Without a home no later run would remove the unpacked files, which include the bundles' key.
    with clearing_up():
        inspected = verify_backup.verify(app.home, file)
    manifest, findings = inspected.manifest, inspected.findings
    problems: dict[str, list[RcaError]] = {each.file: [] for each in findings}
    for each in findings:
        problems[each.file].append(each.problem)
    sizes = {entry.name: (entry.size, entry.sha256) for entry in manifest.entries}
    rows: list[Row] = []
    for name in [*sizes, *(problems.keys() - sizes.keys())]:
        text = "; ".join(map(app.catalogue.message, problems.get(name, [])))
        size, digest = sizes.get(name, (None, None))
        rows.append({"file": name, "size": size, "sha256": digest, "problem": text or None})
    app.console.many(rows, form, fields=_FIELDS, columns=_FIELDS, spare=("sha256",))
    _report_tokens(app, inspected.in_tokens)
    if findings:
        raise Attention("problems found: {count}", count=len(findings))
    app.console.talk(
        "the backup of {moment} is complete", moment=f"{manifest.created_at:%Y-%m-%d %H:%M}Z"
    )


@click.command(
    cls=Command,
    help="Restore a backup into an empty home, then replay later changes from the journal and "
    "the published CRLs. If ca-store/journal and public/ of the lost home are still in "
    "place, they are read. Until all later changes are known, the store issues and delivers "
    "nothing, and the exit code is 8. Without FILE, continue a restore, or replay the "
    "journal into an older database.",
)
@click.argument("file", type=_path(), required=False)
@click.option(
    "--journal",
    "journals",
    type=_path(),
    multiple=True,
    metavar="FILE",
    help="replay this copy of the lost home's journal (repeatable)",
)
@click.option(
    "--crl",
    "crl_files",
    type=_path(),
    multiple=True,
    metavar="FILE",
    help="revoke the certificates on this CRL (DER or PEM, repeatable)",
)
@click.option(
    "--without-journal",
    is_flag=True,
    help="continue although later changes are lost; a damaged journal is renamed",
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
        path.stat()  # a missing file is reported before anything is asked or done
    if file is not None:
        app.confirm("restore {file} into {home}?", yes=yes, file=file, home=app.home.path)
    if without_journal:
        app.confirm("continue without the changes made after the backup?", yes=yes)
    restored = None if file is None else restoration.restore(app.home, file)
    for finding in [] if restored is None else restored.findings:
        _warn(app, finding.file, finding.problem)
    done = reconcile.reconcile(app.home, journals, crl_files, without_journal=without_journal)
    for path, problem in done.problems:
        _warn(app, path, problem)
    app.console.one(_row(app, restored, done), form)
    if restored is not None:
        _report_tokens(app, verify_backup.in_tokens(app.home))
    _report(app, done)
    if not done.is_finished:
        raise done.state.missing


def _row(app: App, restored: Restored | None, done: Reconciled) -> Row:
    return {
        "home": str(app.home.path),
        "created_at": None if restored is None else restored.manifest.created_at,
        "issued": done.restored.issued,
        "downloaded": done.restored.downloaded,
        "revoked": done.restored.revoked,
        "released": done.restored.released,
        "strangers": done.restored.unknown,
        "missing": done.restored.missing,
        "behind": not done.is_finished,
        "set_aside": None if done.set_aside is None else str(done.set_aside),
    }


def _report(app: App, done: Reconciled) -> None:
    if done.set_aside is not None:
        app.console.talk("the journal was renamed to {file}; a new one begins", file=done.set_aside)
    if done.restored.unknown:
        app.console.talk(
            "{count} certificates are known only by serial number; they stay on the CRL and are "
            "listed under the user unknown",
            count=done.restored.unknown,
        )
    if done.restored.missing:
        app.console.talk(
            "{count} changes cannot be replayed, such as imported certificates: run "
            "`rca hierarchy import` again",
            count=done.restored.missing,
        )


def _report_tokens(app: App, names: Iterable[str]) -> None:
    for name in names:
        app.console.talk("the key of {name} is in a token and not in the backup", name=name)


def _warn(app: App, file: Path | str, problem: RcaError) -> None:
    text = app.catalogue.message(problem)
    app.console.warn(Attention("{file}: {problem}", file=file, problem=text))
