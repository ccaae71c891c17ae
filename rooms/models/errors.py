"""Why a verb refused. Each carries a sentence for the person who asked."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


class MessageRefused(ValidationError):
    """What was written cannot be stored; the text says why and what to do."""


class KeyUsed(MessageRefused):
    """The composer's key already belongs to a message with another text."""

    def __init__(self) -> None:
        super().__init__(
            _("This form already sent another message. Your text was not sent: send it once more."),
            code="key_used",
        )


class RoomClosed(MessageRefused):
    """The room is archived: it can be read, and nothing in it changes any more."""

    def __init__(self) -> None:
        super().__init__(
            _("This room is archived: it can be read, but nobody can write in it."),
            code="archived",
        )


class FileRefused(MessageRefused):
    """A file cannot be taken; the text says why."""
