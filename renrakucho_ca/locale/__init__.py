"""Messages in the reader's language. The English text is the key of the catalogue.

`ja/LC_MESSAGES/rca.po` has the Japanese and `rca.mo` is its compiled form. docs/architecture.md
describes how to change a message.
"""

from __future__ import annotations

import gettext
from datetime import date
from enum import StrEnum
from pathlib import Path

from renrakucho_ca.errors import RcaError


class Language(StrEnum):
    JAPANESE = "ja"
    ENGLISH = "en"


_OUR_WORDS = frozenset({"what", "reason", "problem", "check"})
"""Values under these names are translated: words of rca or of the operating system."""


class Catalogue:
    """The messages in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._messages = (
            gettext.NullTranslations()
            if language is Language.ENGLISH
            else gettext.translation("rca", Path(__file__).parent, [language])
        )

    def say(self, text: str, /, **values: object) -> str:
        """Return the English template `text` in this language, with its values filled in."""
        template = self._translation(text)
        return template.format(**{name: self._value(name, each) for name, each in values.items()})

    def message(self, error: RcaError) -> str:
        """Return an error's message in this language."""
        return self.say(error.message, **error.values)

    def hint(self, error: RcaError) -> str | None:
        """Return an error's hint in this language, if it has one."""
        return None if error.hint is None else self.say(error.hint, **error.values)

    def _value(self, name: str, value: object) -> object:
        """Translate a value that is itself a message: an error, an enum's value."""
        if isinstance(value, RcaError):
            return self.message(value)
        if isinstance(value, StrEnum):
            return self.word(value)
        if type(value) is date:
            return self.date(value)
        return self._translation(str(value)) if name in _OUR_WORDS else value

    def date(self, day: date) -> str:
        """Format a date for people: 2026/01/16 in Japanese, as the manual does."""
        return f"{day:%Y/%m/%d}" if self.language is Language.JAPANESE else f"{day:%Y-%m-%d}"

    def word(self, value: StrEnum) -> str:
        """Return an enum's value (a state, a tier); the catalogue has it in its enum's context."""
        return self._messages.pgettext(type(value).__name__, value.value)

    def _translation(self, text: str) -> str:
        return self._messages.gettext(text) if text else ""  # gettext's "" is the file's header
