"""Incoming webhooks: addresses at which other services say something in a room, by a bot.

Whoever has the address can post there and do nothing else. It has 256 random bits, is shown once and
kept as a hash, as a token is.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .bot import Bot
from .permissions import demand, may_arrange_bot
from .room import Room
from .token import hashed
from .user import User

if TYPE_CHECKING:
    from django.db.models import QuerySet

MOST = 100  # addresses of one bot
USED = timedelta(minutes=5)  # between two notes that one is in use


class TooManyIncoming(ValidationError):
    def __init__(self) -> None:
        super().__init__(
            _("This bot has %(most)s webhooks. Revoke those that you need no more."),
            code="too_many_webhooks",
            params={"most": MOST},
        )


class IncomingNameUsed(ValidationError):
    def __init__(self) -> None:
        super().__init__(
            _("This bot has a webhook with this name. Choose another name, or revoke that one."),
            code="webhook_name_used",
        )


@dataclass(frozen=True, slots=True)
class MadeIncoming:
    """A new one, and the only time that its secret is known here."""

    incoming: Incoming
    secret: str


class Incoming(models.Model):
    """One address: what is posted there, `bot` says in `room`."""

    bot = models.ForeignKey(Bot, models.CASCADE, related_name="incoming")
    room = models.ForeignKey(Room, models.CASCADE, related_name="incoming")
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(gettext_lazy("name"), max_length=60)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Incoming]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bot", "name"], name="one_webhook_per_name"),
        ]
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"webhook {self.pk} of bot {self.bot_id}"

    @classmethod
    def make(cls, bot: Bot, room: Room, *, name: str, by: User) -> MadeIncoming:
        """A new address, good until it is revoked. Raises `PermissionDenied`, `TooManyIncoming` or
        `IncomingNameUsed`."""
        secret = secrets.token_urlsafe(32)
        with transaction.atomic():
            # Two may count at once, or make one while the bot is ended.
            account = User.objects.select_for_update(no_key=True).get(pk=bot.user_id)
            demand(account.is_active and may_arrange_bot(by, bot.owner_id))
            demand(room.membership_of(account) is not None)
            if bot.incoming.count() >= MOST:
                raise TooManyIncoming
            incoming = cls(bot=bot, room=room, made_by=by, name=name, digest=hashed(secret))
            try:
                with transaction.atomic():
                    incoming.save(force_insert=True)
            except IntegrityError:
                raise IncomingNameUsed from None
        return MadeIncoming(incoming, secret)

    @classmethod
    def of_secret(cls, secret: str) -> Incoming | None:
        """The one at this address with its room, its bot and whose that is. One statement, whether there
        is one or not."""
        known = cls.objects.select_related("room", "bot__user", "bot__owner")
        return known.filter(digest=hashed(secret)).first()

    def note_use(self) -> None:
        """Once in a while."""
        now = timezone.now()
        if self.last_used_at is None or now - self.last_used_at > USED:
            Incoming.objects.filter(pk=self.pk).update(last_used_at=now)


def rooms_posted_in(bot: Bot, reader: User) -> QuerySet[Room]:
    """Where other services speak by the bot, as far as the reader may know of it."""
    return Room.objects.visible_to(reader).filter(incoming__bot=bot).distinct().order_by("name")
