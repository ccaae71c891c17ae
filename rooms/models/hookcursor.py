"""How far what is said in rooms is delivered to outgoing webhooks, and what posting tells of it.

What was delivered is known by a cursor for each webhook and room, not by a row for each message. The
messages are in the database in any case: whoever delivers reads on after the cursor.

A room says in `Room.hooks` whether saying something there can be of interest to a webhook, which posting
reads along with all else that it needs to know: where there is none, a message costs nothing for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy

from . import posting
from .bot import Bot
from .mentions import Mention

if TYPE_CHECKING:
    from collections.abc import Collection

    from .message import Message
    from .room import Room
    from .user import User

MOST_BEHIND = 1_000  # messages that are delivered after all once it is enabled again
NONE, MENTIONS, ALL = 0, 1, 2  # values of `Room.hooks`: what is said there of interest to a webhook


class Event(models.TextChoices):
    """What is sent."""

    MENTION = "mention", gettext_lazy("Messages that mention the bot, in all of its rooms")
    MESSAGE = "message", gettext_lazy("Every message, in some of its rooms")


class HookCursor(models.Model):
    """How far what was said in a room is delivered to a webhook. One without a room counts tests.

    `due_at` is when there is something to do, or to try again; while somebody does it, when others may
    think that they are gone. Whoever does it is the `holder`.
    """

    webhook = models.ForeignKey("OutgoingWebhook", models.CASCADE, related_name="cursors")
    room = models.ForeignKey("Room", models.CASCADE, null=True, related_name="+")
    told = models.PositiveBigIntegerField(
        default=0, help_text=gettext_lazy("Number of the last message that may be for it.")
    )
    delivered = models.PositiveBigIntegerField(
        default=0, help_text=gettext_lazy("Number of the last message that it is done with.")
    )
    answer = models.TextField(
        blank=True,
        help_text=gettext_lazy("What the bot is to say to a message, until it is posted."),
    )
    answered = models.PositiveBigIntegerField(
        default=0, help_text=gettext_lazy("Number of the message that this answers.")
    )
    due_at = models.DateTimeField(null=True)
    holder = models.CharField(max_length=16, blank=True)
    attempts = models.PositiveSmallIntegerField(
        default=0, help_text=gettext_lazy("At the next message, which all failed.")
    )

    objects: ClassVar[models.Manager[HookCursor]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["webhook", "room"], name="one_cursor"),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], name="cursor_by_due", condition=Q(due_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.webhook_id} in {self.room_id} at {self.delivered}"

    @classmethod
    def go_on(cls, pk: int) -> bool:
        """Deliver what waits, unless that is too much. Returns whether it is not."""
        with transaction.atomic():
            cursor = (
                cls.objects.select_for_update(of=("self",)).select_related("webhook").get(pk=pk)
            )
            too_much = cursor.is_far_behind
            if too_much:
                cursor.delivered, cursor.answer = cursor.told, ""
            cursor.due_at = timezone.now() if cursor.told > cursor.delivered else None
            cursor.attempts, cursor.holder = 0, ""
            cursor.save()
        return not too_much

    @property
    def is_far_behind(self) -> bool:
        """Whether more than `MOST_BEHIND` messages wait. Needs `webhook` loaded."""
        webhook = self.webhook
        if webhook.event == Event.MESSAGE:
            return self.told - self.delivered > MOST_BEHIND
        waiting = Mention.objects.filter(
            room=self.room_id, user=webhook.bot_id, number__gt=self.delivered
        )
        return waiting[: MOST_BEHIND + 1].count() > MOST_BEHIND


def listen(rooms: Collection[int], level: int) -> None:
    """Under the locks of these rooms."""
    from .room import Room  # noqa: PLC0415  # which needs this module

    Room.objects.filter(pk__in=rooms, hooks__lt=level).update(hooks=level)


def tell(message: Message, level: int, author: User) -> None:
    """Webhooks that listen in a room of that level, of a message that was stored just now, under the
    room's lock. One statement; none if it can't be for any of them."""
    if level == NONE or (level == MENTIONS and not message.mentions):
        return
    if author.is_bot:
        return  # bots that answer each other would never end
    if posting.tell_webhooks(message):
        wake()
    elif level == ALL:  # the last that wanted every message is gone
        _listen_less(message.room_id)


def _listen_less(room: int) -> None:
    """Under the lock of the room."""
    from .room import Room  # noqa: PLC0415  # which needs this module

    known = HookCursor.objects.filter(room=room).exists()
    Room.objects.filter(pk=room).update(hooks=MENTIONS if known else NONE)


def came_into(room: Room, bot: User) -> None:
    """A bot came into the room: what is said from now on is for its webhooks, nothing that was said
    before. In a transaction."""
    from .room import Room  # noqa: PLC0415  # which needs this module

    last = Room.objects.select_for_update().values_list("last_number", flat=True).get(pk=room.pk)
    Bot.objects.select_for_update(no_key=True).get(pk=bot.pk)
    before = HookCursor.objects.filter(room=room, webhook__bot=bot.pk)
    before.update(told=last, delivered=last, due_at=None, holder="", answer="", attempts=0)
    known = before.values("webhook")
    hooks = bot.bot.outgoing_webhooks.filter(event=Event.MENTION).exclude(pk__in=known)
    HookCursor.objects.bulk_create(
        HookCursor(webhook=hook, room=room, told=last, delivered=last) for hook in hooks
    )
    for event, level in ((Event.MENTION, MENTIONS), (Event.MESSAGE, ALL)):
        if before.filter(webhook__event=event).exists():
            listen([room.pk], level)


def wake() -> None:
    from ..webhooks import QUEUE  # noqa: PLC0415  # both need the models

    QUEUE.wake()
