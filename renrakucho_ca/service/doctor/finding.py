"""The finding of a check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from renrakucho_ca.errors import Attention, RcaError


class Severity(StrEnum):
    """The severity of a finding of `rca doctor`."""

    OK = "ok"
    """A check found no problem."""
    UNKNOWN = "unknown"
    """A check could not run; another finding has the reason."""
    WARNING = "warning"
    """It will fail, or is weaker than necessary."""
    PROBLEM = "problem"
    """It fails now."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A present or coming problem; the error has the hint."""

    severity: Severity
    what: RcaError


def problem_of(what: RcaError) -> Finding:
    return Finding(Severity.PROBLEM, what)


def warning_of(what: RcaError) -> Finding:
    return Finding(Severity.WARNING, what)


def new_problem(message: str, /, *, hint: str | None = None, **values: object) -> Finding:
    return problem_of(Attention(message, hint=hint, **values))


def new_warning(message: str, /, *, hint: str | None = None, **values: object) -> Finding:
    return warning_of(Attention(message, hint=hint, **values))
