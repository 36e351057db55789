"""The kinds of error. Each edge (cli, web) has one table that maps a kind to its own code.

A message is an English template and its values. The template is the catalogue's key in `locale`, so
that the edge prints it in the reader's language.
"""

from __future__ import annotations


class RcaError(Exception):
    """An error for the operator: one line, and an optional hint.

    Args:
        message: template with `{name}` placeholders. Lower case, no full stop.
        hint: template over the same values: an instruction.
        values: values of the placeholders. Never a secret: logs contain errors.
    """

    def __init__(self, message: str, /, *, hint: str | None = None, **values: object) -> None:
        super().__init__(message.format(**values))
        self.message = message
        self.hint = hint
        self.values = values

    def __reduce__(self) -> tuple[object, ...]:
        """Make errors picklable: worker processes return them."""
        return _rebuilt, (type(self), self.message, self.hint, self.values)


def _rebuilt(
    kind: type[RcaError], message: str, hint: str | None, values: dict[str, object]
) -> RcaError:
    return kind(message, hint=hint, **values)


class NotFound(RcaError):
    """The named object does not exist."""


class Conflict(RcaError):
    """The present state forbids the action: already revoked, already downloaded, exists."""


class Invalid(RcaError):
    """Input is invalid: a file, profile, setting or name."""


class Refused(RcaError):
    """Policy forbids the action: needs `--yes`, hierarchy closed, would outlive its issuer."""


class Unavailable(RcaError):
    """The action may work later: a lock, a full disk, a missing passphrase."""


class Attention(RcaError):
    """A part of a batch failed, or a check found a problem."""
