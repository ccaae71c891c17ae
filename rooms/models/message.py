"""What somebody said in a room."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .errors import MessageRefused
from .user import Look, User

if TYPE_CHECKING:
    from .room import Room

BODY_LENGTH = 4_000  # characters; a long page of text, and far below the socket's limit for a frame
KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
RUN = 10  # messages; then the next names its author again, so that no screen is without a name
GROUPED = timedelta(minutes=7)  # a message that soon after one by the same author continues it


def clean_body(body: str) -> str:
    """The text as it will be stored. Raises `MessageRefused` if there is none, or too much of it."""
    body = body.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").strip("\n").rstrip()
    try:
        body.encode()
    except UnicodeEncodeError:  # a program can name half of a pair of surrogates in JSON
        raise MessageRefused(
            _("This text has a character that is cut in half. Send it whole."), code="not_text"
        ) from None
    if not body.strip():
        raise MessageRefused(_("There is nothing in this message. Write something."), code="empty")
    if len(body) > BODY_LENGTH:
        over = len(body) - BODY_LENGTH
        raise MessageRefused(
            ngettext(
                "A message may have %(limit)s characters. This one has %(over)s too many: shorten it.",
                "A message may have %(limit)s characters. This one has %(over)s too many: shorten it.",
                over,
            )
            % {"limit": BODY_LENGTH, "over": over},
            code="too_long",
        )
    return body


def clean_key(key: str) -> str:
    """The composer's key. Raises `MessageRefused` if it cannot be one."""
    if not KEY.fullmatch(key):
        raise MessageRefused(
            _("This form is not one of ours or is damaged. Load the page again; keep your text."),
            code="bad_key",
        )
    return key


def digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Row:
    """A message as a page shows it: all that rendering needs, the same for every reader.

    It is hashable, so that what was rendered from it can be kept under it, and it travels as plain
    data between processes.
    """

    room: int
    slug: str
    number: int
    version: int
    posted_version: int
    author: int
    author_name: str
    author_face: str
    body: str
    created_at: datetime
    edited: bool
    deleted: bool
    continues: bool
    previous_at: datetime | None

    @property
    def look(self) -> Look:
        """How the author is shown."""
        return Look(self.author_name, self.author_face)

    def as_data(self) -> dict[str, Any]:
        """Strings, numbers and booleans only."""
        data = {field.name: getattr(self, field.name) for field in fields(self)}
        data["created_at"] = self.created_at.isoformat()
        data["previous_at"] = self.previous_at and self.previous_at.isoformat()
        return data

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Row:
        previous = data["previous_at"]
        return cls(
            **{
                **data,
                "created_at": datetime.fromisoformat(data["created_at"]),
                "previous_at": previous and datetime.fromisoformat(previous),
            }
        )


class Message(models.Model):
    """The `number`th message of its room. A deleted one stays, without its text, so that its deletion
    can be told to a page that was away."""

    room = models.ForeignKey("Room", models.CASCADE, related_name="messages")
    number = models.PositiveBigIntegerField()
    version = models.PositiveBigIntegerField(help_text=_("Room.version when it last changed."))
    posted_version = models.PositiveBigIntegerField(help_text=_("Room.version when it was posted."))
    author = models.ForeignKey(User, models.PROTECT, related_name="messages")
    body = models.TextField(blank=True)
    key = models.CharField(max_length=64)
    posted_digest = models.CharField(max_length=32, help_text=_("Of the text as it was posted."))
    created_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    # What its row shows of the message before it, decided once, for ever, when it is posted.
    continues = models.BooleanField(default=False)
    previous_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Message]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "number"], name="one_message_per_number"),
            models.UniqueConstraint(fields=["room", "author", "key"], name="one_message_per_key"),
        ]
        indexes = [models.Index(fields=["room", "version"], name="message_by_version")]

    def __str__(self) -> str:
        return f"{self.room_id}/{self.number}"

    def as_row(self, room: Room, author: User) -> Row:
        """The room and author are named so that the caller, not a query in a loop, brings them."""
        return Row(
            room=room.pk,
            slug=room.slug,
            number=self.number,
            version=self.version,
            posted_version=self.posted_version,
            author=author.pk,
            author_name=author.name,
            author_face=author.face,
            body=self.body,
            created_at=self.created_at,
            edited=self.edited_at is not None,
            deleted=self.deleted_at is not None,
            continues=self.continues,
            previous_at=self.previous_at,
        )

    def may_be_changed_by(self, user: User) -> bool:
        return self.author_id == user.pk and self.deleted_at is None

    def edit(self, body: str, *, by: User) -> bool:
        """Give the message another text. Raises `MessageRefused` or `PermissionDenied`.

        A text equal to the present one changes nothing, so that a repeated form is harmless. Returns
        whether anything has changed.
        """
        body = clean_body(body)
        with self.room.changing() as room:
            message = self._for_change(by)
            if message.body == body:
                return False
            message.body, message.edited_at, message.version = body, timezone.now(), room.step()
            message.save(update_fields=["body", "edited_at", "version"])
            room.announce(message.as_row(room, message.author))
        return True

    def delete_for_everybody(self, *, by: User) -> bool:
        """Erase the text and leave a tombstone. Raises `PermissionDenied`; harmless if repeated. Returns
        whether anything has changed."""
        with self.room.changing() as room:
            message = self._for_change(by, may_be_deleted=True)
            if message.deleted_at is not None:
                return False
            message.body, message.deleted_at, message.version = "", timezone.now(), room.step()
            message.save(update_fields=["body", "deleted_at", "version"])
            room.announce(message.as_row(room, message.author))
        return True

    def _for_change(self, by: User, *, may_be_deleted: bool = False) -> Message:
        """The message as it is now, under the room's lock."""
        message = Message.objects.select_related("author").get(pk=self.pk)
        if message.author_id != by.pk:
            raise PermissionDenied
        if message.deleted_at is not None and not may_be_deleted:
            raise MessageRefused(_("This message was deleted meanwhile."), code="deleted")
        return message
