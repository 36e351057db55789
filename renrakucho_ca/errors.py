"""The kinds of error. Each edge (cli, portal) has one table that turns a kind into its own code.

A message is a template in English and the values that go into it, so that the edge can say it in
the reader's language: the template is the key of the catalogue in `locale`.
"""

from __future__ import annotations


class RcaError(Exception):
    """A refusal that a person can read: one line, and a hint where there is a way out.

    Args:
        message: the template, with `{name}` where a value goes. Lower case, no full stop.
        hint: what the reader can do about it, a template over the same values.
        values: what the templates name. Never a secret: errors end up in logs.
    """

    def __init__(self, message: str, /, *, hint: str | None = None, **values: object) -> None:
        super().__init__(message.format(**values))
        self.message = message
        self.hint = hint
        self.values = values

    def __reduce__(self) -> tuple[object, ...]:
        """Errors travel from worker processes."""
        return _rebuilt, (type(self), self.message, self.hint, self.values)


def _rebuilt(
    kind: type[RcaError], message: str, hint: str | None, values: dict[str, object]
) -> RcaError:
    return kind(message, hint=hint, **values)


class NotFound(RcaError):
    """What was named does not exist."""


class Conflict(RcaError):
    """The present state does not allow it: already revoked, already downloaded, exists."""


class Invalid(RcaError):
    """A file, profile, setting or name that came from outside is not what it should be."""


class Refused(RcaError):
    """Policy forbids it: needs `--yes`, hierarchy closed, would outlive its issuer."""


class Unavailable(RcaError):
    """It cannot be done now, and may work later: a lock, a full disk, a missing passphrase."""


class Attention(RcaError):
    """A part of a batch failed, or a check found something."""
