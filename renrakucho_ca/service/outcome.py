"""Outcomes of the items of a batch: one failure does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from renrakucho_ca.errors import RcaError
from renrakucho_ca.model import Certificate, RetrievalNumber

_Before = TypeVar("_Before")
_Result = TypeVar("_Result")


def attempt(step: Callable[[_Before], _Result], before: _Before | RcaError) -> _Result | RcaError:
    """Return the result of a step, or the error of this step or of the one before."""
    if isinstance(before, RcaError):
        return before
    try:
        return step(before)
    except RcaError as error:
        return error


def unwrap(result: _Result | RcaError) -> _Result:
    """Return the result, or raise the error."""
    if isinstance(result, RcaError):
        raise result
    return result


@dataclass(frozen=True, slots=True)
class Outcome:
    """The certificate as it is now, or the error."""

    number: RetrievalNumber
    result: Certificate | RcaError

    def unwrap(self) -> Certificate:
        return unwrap(self.result)


def each(
    numbers: Iterable[RetrievalNumber], do: Callable[[RetrievalNumber], Certificate]
) -> list[Outcome]:
    """Call `do` once for each number, in the order given."""
    return [Outcome(number, attempt(do, number)) for number in dict.fromkeys(numbers)]
