"""How people are found by what they are called.

What is looked for need not be typed as it is written: capitals, accents and signs between the words do
not count. No database folds names like that by itself, and no two alike, so the words are kept folded.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from .user import User

    TextField = models.TextField[str, str]
else:
    TextField = models.TextField


def words_of(text: str) -> list[str]:
    """The words of a name or a search: letters and digits, in small letters and without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold()).casefold()
    kept = (letter for letter in plain if not unicodedata.combining(letter))
    # Marks that combine with nothing are vowels of some scripts.
    parts = (letter if unicodedata.category(letter)[0] in "LNM" else " " for letter in kept)
    return "".join(parts).split()


@lru_cache(maxsize=10_000)
def sort_key(name: str) -> bytes:
    """What names are sorted by: letters with accents stand beside those without, and Chinese characters
    where their pronunciation has them, which is the order of the usual ones in this encoding."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    kept = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", kept).encode("gb18030", "replace")


def line_of(text: str) -> str:
    """The words of one name as they are kept: each has a space before it, and the line an end."""
    return "".join(f" {word}" for word in words_of(text)) + "\n"


class NameWords(TextField):
    """Kept by itself whenever a person is stored: the line of the display name, then that of the
    username."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: ARG002
        person: User = model_instance  # type: ignore[assignment]
        lines = line_of(person.display_name) + line_of(person.username)
        setattr(person, self.attname, lines)
        return lines
