"""What a worker does with the cursors of outgoing webhooks: take one, go on with it, let go of it.

Who took a cursor has it for a while and says so before each delivery. If they are gone the next one goes
on where they were: at most one message is delivered twice then, under the same name.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.db.models import Case, DateTimeField, Q, Value, When
from django.utils import timezone
from django.utils.crypto import get_random_string

from . import audit
from .hookcursor import Event, HookCursor
from .membership import Membership
from .mentions import Mention
from .message import Message
from .outgoing import OUTCOMES, Outcome, OutgoingWebhook

if TYPE_CHECKING:
    from collections.abc import Collection

LEASE = timedelta(seconds=30)  # a delivery takes a third of it
ATTEMPTS = 8  # at one message, before the webhook is turned off
CANDIDATES = 5  # cursors that are looked at, as other processes may take the first


class Claim(NamedTuple):
    """That a cursor is one's own for `LEASE`. Each verb but `renew` ends it or makes one step, and does
    nothing if it is not one's own any more."""

    cursor: int
    holder: str
    webhook: int
    owner: int  # of the bot

    @classmethod
    def take(cls, webhooks: Collection[int] = (), owners: Collection[int] = ()) -> Claim | None:
        """What has waited longest, but for these webhooks and those of these owners. A webhook that was
        turned off sends tests alone."""
        now = timezone.now()
        due = (
            HookCursor.objects.filter(Q(webhook__enabled=True) | Q(room=None), due_at__lte=now)
            .exclude(webhook__in=webhooks)
            .exclude(webhook__bot__owner__in=owners)
            .order_by("due_at")
            .values_list("pk", "due_at", "webhook_id", "webhook__bot__owner_id")
        )
        for pk, due_at, webhook, owner in due[:CANDIDATES]:
            holder = get_random_string(16)
            mine = HookCursor.objects.filter(pk=pk, due_at=due_at)
            if mine.update(due_at=now + LEASE, holder=holder):
                return cls(pk, holder, webhook, owner)
        return None

    def renew(self) -> HookCursor | None:
        """The cursor as it is now, with its webhook, bot and room; None if it is not one's own."""
        if not self._change(due_at=timezone.now() + LEASE):
            return None
        loaded = "room", "webhook__bot__user", "webhook__bot__owner"
        return HookCursor.objects.select_related(*loaded).filter(pk=self.cursor).first()

    def _change(self, **values: object) -> bool:
        mine = HookCursor.objects.filter(pk=self.cursor, holder=self.holder)
        return bool(mine.update(**values))

    def rest(self, told: int) -> None:
        """All up to `told` is done with. What was said since is to be looked at now."""
        self._change(
            delivered=told,
            answer="",
            attempts=0,
            holder="",
            due_at=Case(
                When(told__gt=told, then=Value(timezone.now())),
                default=Value(None),
                output_field=DateTimeField(null=True),
            ),
        )

    def let_go(self, wait: timedelta = timedelta()) -> None:
        """There is more to do, now or after a while."""
        self._change(holder="", due_at=timezone.now() + wait)

    def keep_answer(self, number: int, answer: str) -> None:
        """What the bot is to say to the message of that number. It will, also if whoever has the cursor
        is gone in a moment."""
        self._change(answered=number, answer=answer, attempts=0, due_at=timezone.now() + LEASE)

    def step(self, number: int, outcome: Outcome) -> None:
        """The message of that number is done with."""
        with transaction.atomic():
            self._note(outcome)
            self._change(delivered=number, answer="", attempts=0, due_at=timezone.now() + LEASE)

    def fail(self, cursor: HookCursor, outcome: Outcome, wait: timedelta, *, gone: bool) -> bool:
        """Try again after a while, or, if that was often enough or the receiver is `gone`, turn the
        webhook off. Returns whether it was turned off."""
        with transaction.atomic():
            webhook = self._note(outcome)
            attempts = cursor.attempts + 1
            changed = self._change(attempts=attempts, holder="", due_at=timezone.now() + wait)
            off = (gone or attempts >= ATTEMPTS) and changed and webhook is not None
            if off and webhook is not None and webhook.enabled:
                webhook.enabled, webhook.disabled_at = False, timezone.now()
                webhook.save(update_fields=["enabled", "disabled_at"])
                bot = cursor.webhook.bot.user
                audit.record(audit.Kind.HOOK_OFF, by=None, whom=bot, host=webhook.host)
                _tell_owner(webhook)
                return True
        return False

    def _note(self, outcome: Outcome) -> OutgoingWebhook | None:
        """Under the lock of the webhook, in a transaction."""
        webhook = (
            OutgoingWebhook.objects.select_for_update(no_key=True).filter(pk=self.webhook).first()
        )
        if webhook is not None:
            webhook.outcomes = [list(outcome), *webhook.outcomes][:OUTCOMES]
            webhook.save(update_fields=["outcomes"])
        return webhook


def _tell_owner(webhook: OutgoingWebhook) -> None:
    from ..background import later  # noqa: PLC0415  # both need the models
    from ..webhooks import tell_owner  # noqa: PLC0415

    later(tell_owner, webhook.pk)


def may_be_sent(cursor: HookCursor) -> bool:
    """Whether the bot reads that room, and somebody answers for it. Tests are of no room."""
    bot = cursor.webhook.bot
    if bot.ended or bot.is_still:
        return False
    return (
        cursor.room_id is None
        or Membership.objects.filter(room=cursor.room_id, user=bot.user_id).exists()
    )


def following(cursor: HookCursor) -> Message | None:
    """The next message for the webhook, of those up to `told`; messages of bots and deleted ones are for
    none. One range of an index from the cursor on."""
    loaded = "author", "room", "reply_to__author"
    if cursor.webhook.event == Event.MENTION:
        called = Mention.objects.filter(
            room=cursor.room_id,
            user=cursor.webhook.bot_id,
            number__gt=cursor.delivered,
            message__deleted_at=None,
            message__author__is_bot=False,
        )
        found = called.order_by("number").values_list("message", flat=True)[:1]
        return Message.objects.select_related(*loaded).filter(pk__in=list(found)).first()
    said = Message.objects.filter(
        room=cursor.room_id, number__gt=cursor.delivered, deleted_at=None, author__is_bot=False
    )
    return said.select_related(*loaded).order_by("number").first()
