"""Outgoing webhooks: a bot's owner has messages sent to an address, as they are said.

What was delivered is known by a cursor for each room (`HookCursor`), not by a row for each message. The
messages are in the database in any case: whoever delivers reads on after the cursor.

A room says in `Room.hooks` whether saying something there can be of interest to a webhook, which posting
reads along with all else that it needs to know: where there is none, a message costs nothing for it.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..sealing import seal, unseal
from . import audit, posting
from .bot import Bot
from .membership import Membership
from .mentions import Mention
from .permissions import demand, may_arrange_bot
from .user import User

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from .message import Message
    from .room import Room

MOST = 10  # webhooks of one bot
MOST_BEHIND = 1_000  # messages that are delivered after all once it is enabled again
ADDRESS_LENGTH = 1_000  # characters
OUTCOMES = 10  # of its last deliveries that are kept
PURPOSE = "outgoing webhook"
NONE, MENTIONS, ALL = 0, 1, 2  # values of `Room.hooks`: what is said there of interest to a webhook


class TooManyWebhooks(ValidationError):
    def __init__(self) -> None:
        super().__init__(
            _("This bot has %(most)s webhooks. Remove those that it needs no more."),
            code="too_many_webhooks",
            params={"most": MOST},
        )


class WebhookThere(ValidationError):
    def __init__(self) -> None:
        super().__init__(
            _("The bot has such a webhook to this address. Remove that one first."),
            code="webhook_there",
        )


class Event(models.TextChoices):
    """What is sent."""

    MENTION = "mention", gettext_lazy("Messages that mention the bot, in all of its rooms")
    MESSAGE = "message", gettext_lazy("Every message, in some of its rooms")


class Outcome(NamedTuple):
    """What came of a delivery: the `said` status, or a word of `FAILURES`; of what was said in answer
    whether that was `posted` or `refused`."""

    at: str
    said: str
    test: bool = False
    reply: str = ""

    @property
    def ok(self) -> bool:
        return self.said.startswith("2") and len(self.said) == 3

    @property
    def words(self) -> str:
        return str(FAILURES.get(self.said, self.said))

    @property
    def moment(self) -> datetime | None:
        return parse_datetime(self.at)


# Where no status came.
FAILURES = {
    "failed": gettext_lazy("There was no answer, or none that could be read."),
    "slow": gettext_lazy("There was no whole answer within 10 seconds."),
    "private": gettext_lazy("The address leads into a private network, where nothing is sent."),
    "refused": gettext_lazy("Nothing is sent to such an address."),
    "secret": gettext_lazy("Its secret cannot be read any more. Make a new one."),
}


class Made(NamedTuple):
    """A webhook, and a time that its secret is shown."""

    webhook: OutgoingWebhook
    secret: str


class OutgoingWebhook(models.Model):
    """Where what a bot reads is sent."""

    Event = Event

    bot = models.ForeignKey(Bot, models.CASCADE, related_name="outgoing_webhooks")
    address = models.CharField(gettext_lazy("address"), max_length=ADDRESS_LENGTH)
    event = models.CharField(max_length=16, choices=Event)
    sealed_secret = models.TextField(editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    enabled = models.BooleanField(default=True)
    disabled_at = models.DateTimeField(null=True)
    outcomes: models.JSONField[list[Any], list[Any]] = models.JSONField(
        default=list, help_text=gettext_lazy("Of the last deliveries, the newest first.")
    )

    objects: ClassVar[models.Manager[OutgoingWebhook]] = models.Manager()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"webhook {self.pk} of {self.bot_id}"  # the address may open something

    @classmethod
    def make(
        cls, bot: Bot, *, address: str, event: str, rooms: Collection[int] = (), by: User
    ) -> Made:
        """From now on what is said goes there: of these of the bot's rooms where every message does.
        Raises `PermissionDenied`, `TooManyWebhooks` and `WebhookThere`."""
        secret = secrets.token_urlsafe(32)
        while True:
            with transaction.atomic():
                # The rooms come first, as whoever puts a bot into one has that room.
                known = cls._locked_rooms(bot)
                bot = Bot.objects.select_for_update(no_key=True).get(pk=bot.pk)
                demand(may_arrange_bot(by, bot.owner_id) and not bot.ended)
                if not cls._rooms_of(bot).exclude(room__in=known).exists():
                    made = cls(bot=bot, address=address, event=event)
                    made.sealed_secret = seal(PURPOSE, secret)
                    made._begin(known, rooms, by)
                    return Made(made, secret)

    @staticmethod
    def _rooms_of(bot: Bot) -> models.QuerySet[Membership]:
        return Membership.objects.filter(user=bot.user_id)

    @classmethod
    def _locked_rooms(cls, bot: Bot) -> dict[int, int]:
        """The rooms of the bot, and the last number in each."""
        from .room import Room  # noqa: PLC0415  # which needs this module

        rooms = Room.objects.filter(pk__in=cls._rooms_of(bot).values("room")).order_by("pk")
        return dict(rooms.select_for_update().values_list("pk", "last_number"))

    def _begin(self, known: dict[int, int], chosen: Collection[int], by: User) -> None:
        others = self.bot.outgoing_webhooks
        if others.filter(address=self.address, event=self.event).exists():
            raise WebhookThere
        if others.count() >= MOST:
            raise TooManyWebhooks
        self.save(force_insert=True)
        listens = [room for room in known if self.event == Event.MENTION or room in chosen]
        HookCursor.objects.bulk_create(
            HookCursor(webhook=self, room_id=room, told=known[room], delivered=known[room])
            for room in listens
        )
        HookCursor.objects.create(webhook=self)
        _listen(listens, self.level)
        audit.record(audit.Kind.HOOK_MADE, by=by, whom=self.bot.user, host=self.host)

    @property
    def level(self) -> int:
        return MENTIONS if self.event == Event.MENTION else ALL

    @property
    def host(self) -> str:
        """All of the address that others need to know: the rest may open something."""
        return urlsplit(self.address).hostname or ""

    @property
    def secret(self) -> str:
        """Raises `SecretLost`."""
        return unseal(PURPOSE, self.sealed_secret)

    @property
    def last(self) -> list[Outcome]:
        return [Outcome(*each) for each in self.outcomes]

    @property
    def failure(self) -> Outcome | None:
        """The last delivery, if it failed."""
        real = [each for each in self.last if not each.test]
        return real[0] if real and not real[0].ok else None

    def renew_secret(self, *, by: User) -> Made:
        """The old one is worth nothing any more. Raises `PermissionDenied`."""
        demand(may_arrange_bot(by, self.bot.owner_id))
        secret = secrets.token_urlsafe(32)
        self.sealed_secret = seal(PURPOSE, secret)
        self.save(update_fields=["sealed_secret"])
        return Made(self, secret)

    def ask_for_test(self, *, by: User) -> None:
        """Have something sent that says no more than that it is a test; once, if asked again meanwhile.
        Raises `PermissionDenied`."""
        demand(may_arrange_bot(by, self.bot.owner_id))
        idle = self.cursors.filter(room=None, told=F("delivered"))
        if idle.update(told=F("told") + 1, due_at=timezone.now()):
            _wake()

    @property
    def rooms(self) -> list[Room]:
        """Those that were chosen, by name. Needs `cursors` loaded, with their rooms."""
        known = [each.room for each in self.cursors.all() if each.room is not None]
        return sorted(known, key=lambda room: (room.name.casefold(), room.pk))

    @property
    def is_tested(self) -> bool:
        """Whether a test is on its way. Needs `cursors` loaded."""
        return any(
            each.room_id is None and each.told > each.delivered for each in self.cursors.all()
        )

    def remove(self, *, by: User) -> None:
        """Raises `PermissionDenied`; harmless if repeated."""
        demand(may_arrange_bot(by, self.bot.owner_id))
        with transaction.atomic():
            # Before its cursors, as whoever delivers does it.
            mine = OutgoingWebhook.objects.select_for_update().filter(pk=self.pk).first()
            if mine is not None:
                mine.delete()
                audit.record(audit.Kind.HOOK_GONE, by=by, whom=self.bot.user, host=self.host)

    def disable(self, *, by: User) -> None:
        """Send nothing until it is enabled again. Raises `PermissionDenied`; harmless if repeated."""
        demand(may_arrange_bot(by, self.bot.owner_id))
        with transaction.atomic():
            on = OutgoingWebhook.objects.filter(pk=self.pk, enabled=True)
            if on.update(enabled=False, disabled_at=timezone.now()):
                audit.record(audit.Kind.HOOK_OFF, by=by, whom=self.bot.user, host=self.host)

    def enable(self, *, by: User) -> bool:
        """Go on where it stopped, or, in a room where more than `MOST_BEHIND` messages wait, from now.
        Returns whether all that waits is delivered. Raises `PermissionDenied`; harmless if repeated."""
        demand(may_arrange_bot(by, self.bot.owner_id))
        if self.enabled:
            return True
        everything = True
        # One after the other: whoever posts has several at once, all of a room.
        for pk in self.cursors.exclude(room=None).values_list("pk", flat=True):
            everything &= HookCursor.go_on(pk)
        with transaction.atomic():
            again = OutgoingWebhook.objects.filter(pk=self.pk, enabled=False)
            if again.update(enabled=True, disabled_at=None):
                audit.record(audit.Kind.HOOK_ON, by=by, whom=self.bot.user, host=self.host)
        _wake()
        return everything


class HookCursor(models.Model):
    """How far what was said in a room is delivered to a webhook. One without a room counts tests.

    `due_at` is when there is something to do, or to try again; while somebody does it, when others may
    think that they are gone. Whoever does it is the `holder`.
    """

    webhook = models.ForeignKey(OutgoingWebhook, models.CASCADE, related_name="cursors")
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


def _listen(rooms: Collection[int], level: int) -> None:
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
        _wake()
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
    hooks = OutgoingWebhook.objects.filter(bot=bot.pk, event=Event.MENTION).exclude(pk__in=known)
    HookCursor.objects.bulk_create(
        HookCursor(webhook=hook, room=room, told=last, delivered=last) for hook in hooks
    )
    for event, level in ((Event.MENTION, MENTIONS), (Event.MESSAGE, ALL)):
        if before.filter(webhook__event=event).exists():
            _listen([room.pk], level)


def _wake() -> None:
    from ..webhooks import QUEUE  # noqa: PLC0415  # both need the models

    QUEUE.wake()
