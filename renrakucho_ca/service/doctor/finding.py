"""What a check has to say: how bad it is, what it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from renrakucho_ca.errors import RcaError
from renrakucho_ca.model import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """What is or will be wrong; the error's hint says what to do."""

    severity: Severity
    what: RcaError


def warning(what: RcaError) -> Finding:
    return Finding(Severity.WARNING, what)


def problem(what: RcaError) -> Finding:
    return Finding(Severity.PROBLEM, what)
