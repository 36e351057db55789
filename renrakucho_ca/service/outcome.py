"""What became of each in a batch: one that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from renrakucho_ca.errors import RcaError
from renrakucho_ca.model import Certificate, RetrievalNumber


@dataclass(frozen=True, slots=True)
class Outcome:
    """The certificate as it is now, or why nothing was done to it."""

    number: RetrievalNumber
    result: Certificate | RcaError

    def unwrap(self) -> Certificate:
        """The certificate; raises the error where there is one."""
        if isinstance(self.result, RcaError):
            raise self.result
        return self.result


def each(
    numbers: Iterable[RetrievalNumber], do: Callable[[RetrievalNumber], Certificate]
) -> list[Outcome]:
    """Does it to each number once, in the order given."""

    def one(number: RetrievalNumber) -> Outcome:
        try:
            return Outcome(number, do(number))
        except RcaError as error:
            return Outcome(number, error)

    return [one(number) for number in dict.fromkeys(numbers)]
