"""The outcome of each item of a batch: one failure does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from renrakucho_ca.errors import RcaError
from renrakucho_ca.model import Certificate, RetrievalNumber


@dataclass(frozen=True, slots=True)
class Outcome:
    """The certificate as it is now, or the error."""

    number: RetrievalNumber
    result: Certificate | RcaError

    def unwrap(self) -> Certificate:
        """Return the certificate, or raise the error."""
        if isinstance(self.result, RcaError):
            raise self.result
        return self.result


def each(
    numbers: Iterable[RetrievalNumber], do: Callable[[RetrievalNumber], Certificate]
) -> list[Outcome]:
    """Call `do` once for each number, in the order given."""

    def one(number: RetrievalNumber) -> Outcome:
        try:
            return Outcome(number, do(number))
        except RcaError as error:
            return Outcome(number, error)

    return [one(number) for number in dict.fromkeys(numbers)]
