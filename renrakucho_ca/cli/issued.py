"""What `rca issue` and `rca reissue` show of a new certificate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from renrakucho_ca.cli.app import App
from renrakucho_ca.cli.record import row
from renrakucho_ca.console import Row
from renrakucho_ca.errors import RcaError

if TYPE_CHECKING:
    from renrakucho_ca.service.issuance.issuer import Issued


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
