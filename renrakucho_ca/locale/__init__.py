"""Every message in the reader's language. The English text is the key of the catalogue.

`ja/LC_MESSAGES/rca.po` has the Japanese, `rca.mo` beside it is its compiled form;
docs/architecture.md says how to change a message.
"""

from __future__ import annotations

import gettext
from enum import StrEnum
from pathlib import Path

from renrakucho_ca.errors import RcaError


class Language(StrEnum):
    JAPANESE = "ja"
    ENGLISH = "en"


_OUR_WORDS = frozenset({"what", "reason", "problem", "check"})
"""Values under these names are words of ours or of the operating system, not what people wrote."""


class Catalogue:
    """Says things in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._messages = (
            gettext.NullTranslations()
            if language is Language.ENGLISH
            else gettext.translation("rca", Path(__file__).parent, [language])
        )

    def say(self, text: str, /, **values: object) -> str:
        """The text in this language, its values filled in.

        Args:
            text: English, with `{name}` where a value goes.
        """
        template = self._translation(text)
        return template.format(**{name: self._value(name, each) for name, each in values.items()})

    def message(self, error: RcaError) -> str:
        """An error in this language."""
        return self.say(error.message, **error.values)

    def hint(self, error: RcaError) -> str | None:
        """Its hint in this language; None where it has none."""
        return None if error.hint is None else self.say(error.hint, **error.values)

    def _value(self, name: str, value: object) -> object:
        """A value may itself be something to say: an error inside another, a state."""
        if isinstance(value, RcaError):
            return self.message(value)
        if isinstance(value, StrEnum):
            return self.word(value)
        return self._translation(str(value)) if name in _OUR_WORDS else value

    def word(self, value: StrEnum) -> str:
        """A state, a tier: our own words, which the catalogue has in the context of their kind."""
        return self._messages.pgettext(type(value).__name__, value.value)

    def _translation(self, text: str) -> str:
        return self._messages.gettext(text) if text else ""  # gettext's "" is the file's header
