"""Outgoing webhooks: a bot's owner has messages sent to an address, as they are said."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..sealing import seal, unseal
from . import audit
from .bot import Bot
from .hookcursor import ALL, MENTIONS, Event, HookCursor, listen, wake
from .membership import Membership
from .permissions import demand, may_arrange_bot
from .user import User

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from .room import Room

MOST = 10  # webhooks of one bot
ADDRESS_LENGTH = 1_000  # characters
OUTCOMES = 10  # of its last deliveries that are kept
PURPOSE = "outgoing webhook"


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
        listen(listens, self.level)
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
            wake()

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
        wake()
        return everything
