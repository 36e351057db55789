"""Shows the outcomes of a batch, and ends with the right exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from renrakucho_ca.cli.app import App
from renrakucho_ca.cli.record import COLUMNS, FIELDS, SPARE
from renrakucho_ca.console import Format, Row
from renrakucho_ca.errors import Attention, RcaError
from renrakucho_ca.model import Certificate
from renrakucho_ca.service.outcome import Outcome


def show(
    app: App,
    outcomes: Sequence[Outcome],
    form: Format,
    row: Callable[[Certificate], Row],
    *,
    extra: Sequence[str] = (),
) -> None:
    """Show what was done, then raise the errors.

    Args:
        extra: keys that `row` gives beyond those of a certificate.

    Raises:
        RcaError: the one error of one number; Attention where others went well.
    """
    done = [row(each.result) for each in outcomes if isinstance(each.result, Certificate)]
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
