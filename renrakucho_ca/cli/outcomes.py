"""Show the issued, exported or revoked certificates of a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from renrakucho_ca.cli.app import App
from renrakucho_ca.cli.record import COLUMNS, FIELDS, SPARE, row
from renrakucho_ca.console import Format, Row
from renrakucho_ca.errors import Attention, RcaError
from renrakucho_ca.model import Certificate, RetrievalNumber
from renrakucho_ca.service.outcome import Outcome

if TYPE_CHECKING:
    from renrakucho_ca.service.issuance.issuer import Issued


def show(
    app: App,
    outcomes: Sequence[Outcome],
    form: Format,
    files: Mapping[RetrievalNumber, Path] | None = None,
) -> None:
    """Show the outcomes with the exported files, then raise the errors.

    Raises the one error of one number, or Attention if others succeeded.
    """
    now = app.home.clock()
    done = [
        row(each.result, now) | ({} if files is None else {"file": str(files[each.number])})
        for each in outcomes
        if isinstance(each.result, Certificate)
    ]
    extra = () if files is None else ("file",)
    errors = [each.result for each in outcomes if isinstance(each.result, RcaError)]
    if done or not errors:
        app.console.many(
            done, form, fields=(*FIELDS, *extra), columns=(*COLUMNS, *extra), spare=SPARE
        )
    if not errors:
        return
    last: RcaError = Attention("{failed} of {all} failed", failed=len(errors), all=len(outcomes))
    if not done and len({type(error) for error in errors}) == 1:
        last = errors.pop()
    for error in errors:
        app.console.error(error)
    raise last


def exported(app: App, issued: Issued, out: Path | None) -> tuple[Row, RcaError | None]:
    """Return the row of a new certificate, with its password even if the export fails."""
    from renrakucho_ca.service.retrieval import retrieval

    now = app.home.clock()
    delivered: Row = {"password": issued.password}
    if issued.link is not None:
        delivered["link"] = issued.link
    shown: Row = row(issued.certificate, now) | delivered
    if out is None:
        return shown, None
    number = issued.certificate.number
    (outcome,), files = retrieval.export(app.home, [number], out)
    if isinstance(outcome.result, RcaError):
        return shown | {"files": []}, outcome.result
    return row(outcome.result, now) | delivered | {"files": [str(files[number])]}, None
