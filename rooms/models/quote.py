"""What a reply shows of the message that it replies to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models.functions import Substr

from .attachment import files_of
from .user import Look

if TYPE_CHECKING:
    from .message import Message

LENGTH = 300  # characters of the text; a line of plain words is made of them

# Of the original, as `Quote.of_values` takes them.
COLUMNS: tuple[str | Substr, ...] = (
    *("reply_to__number", "reply_to__author_id"),
    *("reply_to__author__display_name", "reply_to__author__username", "reply_to__author__face"),
    "reply_to__author__is_bot",
    *(Substr("reply_to__body", 1, LENGTH), "reply_to__files", "reply_to__deleted_at"),
)


class Quote(NamedTuple):
    """The original as it is now: it is never kept with the reply, so that none outlives it."""

    number: int
    author: int
    author_name: str
    text: str  # the beginning, "" if it has none or was deleted
    files: str = ""  # their names, if there is no text
    author_face: str = ""  # see `Look`
    author_is_bot: bool = False

    @classmethod
    def of(cls, original: Message) -> Quote:
        """Needs the original's `author` loaded."""
        author = original.author
        text = original.body[:LENGTH]
        named = "" if text else _named(original.files)
        return cls(original.number, author.pk, author.name, text, named, author.face, author.is_bot)

    @classmethod
    def of_values(cls, values: tuple[Any, ...]) -> Quote | None:
        number, author, display_name, username, face, is_bot, text, files, deleted_at = values
        if number is None:
            return None
        text = "" if deleted_at else text
        named = "" if text or deleted_at else _named(files)
        return cls(number, author, display_name or username, text, named, face, is_bot)

    @property
    def look(self) -> Look:
        """How the author is shown."""
        return Look(self.author_name, self.author_face, self.author_is_bot)

    @property
    def deleted(self) -> bool:
        return not self.text and not self.files


def _named(files: str) -> str:
    """What the files are called that `Message.files` holds."""
    return ", ".join(file.name for file in files_of(files))[:LENGTH]
