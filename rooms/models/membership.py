"""Who belongs to a room, how far they have read it and what they have begun to write in it."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from . import announcements
from .attachment import Attachment
from .message import Message
from .permissions import MODERATES
from .user import User


class Draft(NamedTuple):
    """What somebody has begun to write, the key that it will be posted under, and the number of the
    message that it replies to, if it does."""

    text: str
    key: str
    reply: int | None


NO_DRAFT = Draft("", "", None)


class Level(models.TextChoices):
    """What of a room somebody is told. In a direct conversation whatever is said counts as a mention."""

    EVERYTHING = "everything", _("Everything")
    MENTIONS = "mentions", _("Only mentions")
    NOTHING = "nothing", _("Nothing")
    HIDDEN = "hidden", _("Hidden until I am mentioned")


# Whose mentions call somebody: they count, sound and are sent by mail.
CALLS = frozenset({Level.EVERYTHING, Level.MENTIONS, Level.HIDDEN})


class Membership(models.Model):
    """One person in one room."""

    room = models.ForeignKey("Room", models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    joined_at = models.DateTimeField(auto_now_add=True)
    is_moderator = models.BooleanField(_("moderator"), default=False)
    last_read = models.PositiveBigIntegerField(
        default=0, help_text=_("Number of the last message that this person has had before them.")
    )
    listed = models.BooleanField(
        default=True,
        help_text=_("Whether the room is in this person's list before anything was said in it."),
    )
    held_unread = models.BooleanField(
        default=False,
        db_default=False,
        help_text=_("Whether this person marked it unread: then no open page marks it as read."),
    )
    level = models.CharField(
        _("notifications"),
        max_length=16,
        choices=Level,
        default=Level.EVERYTHING,
        db_default=Level.EVERYTHING,
    )
    draft = models.TextField(blank=True)
    draft_key = models.CharField(
        max_length=64, blank=True, help_text=_("Key of the composer that the draft was typed into.")
    )
    draft_files = models.BooleanField(
        default=False, help_text=_("Whether files were chosen in that composer.")
    )

    draft_reply = models.PositiveBigIntegerField(
        null=True, help_text=_("Number of the message that the draft replies to.")
    )

    objects: ClassVar[models.Manager[Membership]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "user"], name="one_membership"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.room_id}"

    @property
    def may_moderate(self) -> bool:
        """Whether they can be a moderator at all. Needs `user` loaded."""
        return self.user.role in MODERATES

    @property
    def moderates(self) -> bool:
        return self.is_moderator and self.may_moderate

    def mark_unread(self, number: int) -> None:
        """From the message with this number on nothing has been read. That holds, whatever pages are
        open, until this person opens the room anew or marks it as read."""
        self.last_read, self.held_unread = max(0, number - 1), True
        self.save(update_fields=["last_read", "held_unread"])
        announcements.reading_changed([self.user_id])

    def change_level(self, level: Level) -> None:
        """Be told this of the room from now on; the lists on open pages follow."""
        self.level = level
        with transaction.atomic():
            self.save(update_fields=["level"])
            announcements.people_changed([self.user_id])

    def save_draft(
        self, text: str, key: str, reply: int | None = None, *, files: bool = False
    ) -> None:
        """Keep what was typed, with the key that it will be posted under: so a draft whose message
        arrived after all is recognised, whichever of the two was stored first. `files` if some were
        chosen with it, which wait under the same key.

        An empty text without files clears what its own composer held, and nothing else: the draft may be
        a message that was refused, and what is saved a moment after typing may be the empty form that
        came after it.
        """
        # NUL is the one character that PostgreSQL cannot keep.
        text, key = text.replace("\x00", ""), key.replace("\x00", "")
        kept = Membership.objects.filter(pk=self.pk)
        if files:
            kept.update(draft=text, draft_key=key, draft_files=True, draft_reply=reply)
        elif text.strip():
            waiting = models.Case(
                models.When(draft_key=key, then=models.F("draft_files")),
                default=models.Value(False),
            )
            kept.update(draft=text, draft_key=key, draft_files=waiting, draft_reply=reply)
        else:
            kept.filter(draft_key=key).update(draft="", draft_reply=reply)

    def open_draft(self) -> Draft:
        """What was typed; an empty one if it was sent meanwhile."""
        if not (self.draft or self.draft_files) or not self.draft_key:
            return NO_DRAFT
        sent = Message.objects.filter(
            room_id=self.room_id, author_id=self.user_id, key=self.draft_key
        )
        return NO_DRAFT if sent.exists() else Draft(self.draft, self.draft_key, self.draft_reply)

    def draft_attachments(self, key: str) -> list[Attachment]:
        """The files that wait for the open draft with this key."""
        if not self.draft_files:
            return []
        found = Attachment.objects.filter(room_id=self.room_id, author_id=self.user_id, key=key)
        return list(found.filter(message=None).order_by("pk"))
