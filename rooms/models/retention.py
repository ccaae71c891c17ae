"""How long messages are kept: a room's own rule, or else that of the place.

What is older is removed, from the first message on and a batch at a time: each batch is one change of
the room, so that open pages follow and posting waits only for a moment. Of what was removed nothing
stays, no tombstone and no quote; `Room.first_number` says where the messages begin now, and a page that
was away for long leaves out all below it.
"""

from __future__ import annotations

from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING

from django.db import models, transaction
from django.db.models.functions import Coalesce

from . import announcements, audit, reactions
from .attachment import Attachment
from .message import ANSWERS_AT_ONCE, Message
from .place import Place
from .room import Room

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from .user import User

BATCH = 200  # messages that are removed in one change
MOST_DAYS = 36_500  # a century
FOR_EVER = 0  # as a rule of the room's own
CHANGED = ["reply_to", "thread", "replies", "continues", "previous_at", "version"]


def change_rule(room: Room, days: int | None, *, by: User | None = None) -> None:
    """From now on the room keeps messages so many days, `FOR_EVER`, or as the place says (None). The
    caller has asked `may_change_details`. Raises `RoomClosed`."""
    room._refuse_if_direct()  # noqa: SLF001  # of the same models
    with room.changing() as locked:
        if locked.keep_days != days:
            changed = {"keep_days": [locked.keep_days, days]}
            audit.record(audit.Kind.ROOM, by=by, room=room, changed=changed)
            locked.keep_days = days
            _follow(locked, Place.objects.values_list("keep_days", flat=True).first())
            _soon()
    room.refresh_from_db()


def change_rule_of_place(place: Place, days: int | None, *, by: User) -> None:
    """As `change_rule`, for rooms and conversations without a rule of their own, which follow one after
    the other."""
    with transaction.atomic():
        place.change(by=by, keep_days=days or None)
        _soon()


def _soon() -> None:
    from ..background import later  # noqa: PLC0415  # both need the models
    from ..upkeep import remove_what_is_old  # noqa: PLC0415

    later(remove_what_is_old)


def _follow(room: Room, of_place: int | None) -> None:
    """Under `changing()`."""
    days = (of_place if room.keep_days is None else room.keep_days) or None
    room.kept_days, room.details_version = days, room.step()
    room.announce(None)


def _behind(of_place: int | None) -> QuerySet[Room]:
    """The rooms that keep messages otherwise than is said by now."""
    said = models.Case(
        models.When(keep_days=None, then=models.Value(of_place or 0)),
        default=models.F("keep_days"),
        output_field=models.PositiveIntegerField(),
    )
    held = Coalesce("kept_days", 0, output_field=models.PositiveIntegerField())
    return Room.objects.annotate(said=said, held=held).exclude(said=models.F("held"))


def follow_place(at_once: int) -> bool:
    """Have some rooms keep messages as the place says by now. Returns whether there are more of them."""
    of_place = Place.objects.values_list("keep_days", flat=True).first()
    some = list(_behind(of_place).order_by("pk")[:at_once])
    for room in some:
        with room.changing(though_archived=True) as locked:
            _follow(locked, of_place)
    return len(some) == at_once


def is_anything_left(now: datetime) -> bool:
    """Whether there are messages to be removed, or rooms that do not yet keep them as is said."""
    of_place = Place.objects.values_list("keep_days", flat=True).first()
    return _behind(of_place).exists() or with_old_messages(now).exists()


def with_old_messages(now: datetime) -> QuerySet[Room]:
    """The rooms whose first message is too old. One look at the index of numbers for each room."""
    first = Message.objects.filter(
        room=models.OuterRef("pk"), number=models.OuterRef("first_number")
    ).values("created_at")
    rooms = Room.objects.filter(kept_days__isnull=False).annotate(begins=models.Subquery(first))
    found = models.Q(pk__in=[])
    for days in set(rooms.values_list("kept_days", flat=True)):
        found |= models.Q(kept_days=days, begins__lt=now - timedelta(days=days or 0))
    return rooms.filter(found).order_by("pk")


def remove_old_messages(room: Room, now: datetime, *, at_once: int = BATCH) -> bool:
    """Remove the first of the messages that are too old, up to so many. Returns whether there may be
    more of them."""
    with room.changing(though_archived=True) as locked:
        if locked.kept_days is None:
            return False
        before = now - timedelta(days=locked.kept_days)
        batch = list(locked.messages.order_by("number")[: at_once + 1])
        old = []
        for message in batch:
            # After one that stays all stay, whatever a clock said that was set back.
            if message.created_at >= before:
                break
            old.append(message)
        more = len(old) > at_once
        old = old[:at_once]
        if old:
            _remove(locked, old)
    return more


def _remove(room: Room, old: Sequence[Message]) -> None:
    """All of these messages, the first of the room, and with them what others show of them."""
    pks = [message.pk for message in old]
    room.pins -= sum(message.pinned_at is not None for message in old)
    room.first_number, room.first_version = old[-1].number + 1, old[-1].posted_version
    known = room.messages.filter(number__gte=room.first_number)
    known = known.select_related("author", "reply_to__author")
    answers = models.Q(thread__in=pks) | models.Q(reply_to__in=pks)
    left = {message.pk: message for message in known.filter(answers).order_by("number")}
    changed = _with_threads_parted(left, set(pks))
    first = known.filter(number=room.first_number).first()
    if first is not None and (first.continues or first.previous_at is not None):
        first = changed.setdefault(first.pk, left.setdefault(first.pk, first))
        first.continues, first.previous_at = False, None  # there is none that it could continue
    Attachment.discard(Attachment.objects.filter(message__in=pks))
    room.details_version = room.step()
    room.announce(None)
    names = reactions.names_in(message.reactions for message in changed.values())
    for message in sorted(changed.values(), key=attrgetter("number")):
        message.version = room.step()
        room.announce(message.as_row(room, message.author, names))
    Message.objects.bulk_update(left.values(), CHANGED, batch_size=ANSWERS_AT_ONCE)
    room.messages.filter(pk__in=pks).delete()
    announcements.room_stirred(room.pk)  # what was unread of them is so no more


def _with_threads_parted(left: dict[int, Message], gone: set[int]) -> dict[int, Message]:
    """Of the messages in threads whose beginning goes, a reply to what goes replies to nothing any more
    and begins a thread of its own, with those that reply to it. They come in the order of their numbers.
    Returns those of them that look otherwise now."""
    changed: dict[int, Message] = {}
    began: dict[int, Message] = {}  # by the keys of what is in its thread
    for message in left.values():
        if message.reply_to_id in gone:
            message.reply_to = None
            changed[message.pk] = message
        message.thread = began.get(message.reply_to_id or 0)
        began[message.pk] = root = message.thread or message
        if message.thread is not None and message.deleted_at is None:
            root.replies += 1
            changed[root.pk] = root
    return changed
