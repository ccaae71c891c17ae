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


class ModeratorsOnly(MessageRefused):
    """The room's moderators alone write in it."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "Only moderators write in this room now. Your text was not sent: copy it if you need it."
            ),
            code="moderators_only",
        )


class TryLater(MessageRefused):
    """It can be sent as it is, in so many `seconds`."""

    def __init__(self, sentence: str, seconds: int, code: str) -> None:
        super().__init__(sentence, code=code)
        self.seconds = seconds


class TooManyPeople(ValidationError):
    """More people than a direct conversation may have."""

    def __init__(self, most: int) -> None:
        super().__init__(
            _(
                "At most %(most)s people can talk directly, you included. For more, make a private room"
                " and add them to it."
            ),
            code="too_many",
            params={"most": most},
        )


class FileRefused(MessageRefused):
    """A file cannot be taken; the text says why."""
