"""Japanese."""

MESSAGES: dict[str, str] = {}
