"""Who is sent a mail of what called them while they were away, and what is in it.

Somebody is called by what mentions them and by what is said in their direct conversations, where they
want to be told. What has waited unread for as long as they chose (`MailSettings.after`), while they had
no page open, is gathered into one mail. Up to where that was done is kept for each person, and moved
before a mail goes: of two workers who look at once one finds nothing left, and none is ever sent twice.
"""

from __future__ import annotations

import zoneinfo
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from .membership import CALLS, Level, Membership
from .mentions import Mention
from .message import Message
from .room import Room
from .user import User

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from django.db.models import QuerySet

AFTER = 10  # minutes, for whoever did not choose
NEVER = 0
SETTLED = timedelta(seconds=10)  # what is younger may yet be joined by what is being stored
LOOKED_BACK = timedelta(days=3)  # what has waited longer, for the end of quiet hours, is let go
SHOWN = 20  # messages of one mail; of others there is the number alone
GATHERED = 200  # that are looked at


class MailSettings(models.Model):
    """When somebody is sent mail; who has none of these is sent it as the defaults say."""

    user = models.OneToOneField(
        User, models.CASCADE, primary_key=True, related_name="mail_settings"
    )
    after = models.PositiveSmallIntegerField(
        default=AFTER, help_text=_("Minutes that something waits unread; 0 for never.")
    )
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    mailed_through = models.DateTimeField(
        null=True, help_text=_("What called them up to then was sent, or needs not be.")
    )
    here_at = models.DateTimeField(
        null=True, help_text=_("When they were last found here, while something waited for them.")
    )

    objects: ClassVar[models.Manager[MailSettings]] = models.Manager()

    def __str__(self) -> str:
        return f"of {self.user_id}"

    @classmethod
    def of(cls, user: User) -> MailSettings:
        """Theirs; unsaved if they chose nothing."""
        return cls.objects.filter(user=user).first() or cls(user=user)

    def is_quiet(self, now: datetime, zone: str) -> bool:
        """Whether `now` is within their quiet hours, by the clock of their time zone."""
        start, end = self.quiet_from, self.quiet_until
        if start is None or end is None or start == end:
            return False
        clock = now.astimezone(_zone(zone)).time()
        if start < end:
            return start <= clock < end
        return clock >= start or clock < end

    def waits(self, now: datetime) -> bool:
        """Whether they were here too short a time ago."""
        return self.here_at is not None and now < self.here_at + timedelta(minutes=self.after)

    def choose(self, *, after: int, quiet_from: time | None, quiet_until: time | None) -> None:
        self.after, self.quiet_from, self.quiet_until = after, quiet_from, quiet_until
        values = {"after": after, "quiet_from": quiet_from, "quiet_until": quiet_until}
        MailSettings.objects.update_or_create(user_id=self.user_id, defaults=values)

    @classmethod
    def unsubscribe(cls, user: int) -> bool:
        """Send them no more mail. False if there is no such person."""
        if not User.objects.filter(pk=user).exists():
            return False
        cls.objects.update_or_create(user_id=user, defaults={"after": NEVER})
        return True


def _zone(name: str) -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo(name or settings.TIME_ZONE)


class Calling(NamedTuple):
    """Something that called somebody, and still does."""

    message: Message
    at: datetime
    direct: bool


class Gathered(NamedTuple):
    """What one mail tells: the first of it, oldest first, and how much that is."""

    shown: list[Calling]
    total: int


def _calls_of_members(since: datetime, until: datetime) -> QuerySet[Membership]:
    """Memberships in whose rooms somebody was mentioned, or written to directly, and has not read it."""
    mentions = Mention.objects.filter(
        Q(user=OuterRef("user")) | Q(user=None),
        room=OuterRef("room"),
        number__gt=OuterRef("last_read"),
        created_at__gt=since,
        created_at__lte=until,
    ).exclude(author=OuterRef("user"))
    called = Q(Exists(mentions), level__in=CALLS)
    written_to = Q(
        room__direct=True,
        room__last_at__gt=since,
        room__last_number__gt=models.F("last_read"),
        level__in=(Level.EVERYTHING, Level.HIDDEN),
    )
    return Membership.objects.filter(called | written_to, room__archived_at=None)


def who_waits(now: datetime) -> set[int]:
    """Everybody for whom something may have to be sent. Two queries."""
    since, until = now - LOOKED_BACK, now - SETTLED
    recent = Mention.objects.filter(created_at__gt=since, created_at__lte=until)
    rooms = Q(room__in=recent.values("room")) | Q(room__direct=True, room__last_at__gt=since)
    members = _calls_of_members(since, until).filter(rooms, user__is_active=True)
    belongs = Membership.objects.filter(room=OuterRef("room"), user=OuterRef("user"))
    visitors = recent.filter(~Exists(belongs), user__is_active=True, room__private=False)
    return {*members.values_list("user", flat=True), *visitors.values_list("user", flat=True)}


def rooms_of(people: Collection[int]) -> set[int]:
    """Where these people may be."""
    return set(Membership.objects.filter(user__in=people).values_list("room", flat=True).distinct())


def note_here(people: Iterable[int], now: datetime) -> None:
    """They had a page open, and so have seen that something waits."""
    rows = [MailSettings(user_id=user, here_at=now) for user in people]
    MailSettings.objects.bulk_create(
        rows, update_conflicts=True, update_fields=["here_at"], unique_fields=["user"]
    )


def claim(user: User, now: datetime) -> Gathered | None:
    """What they are to be sent now, which then counts as sent; None if that is nothing, or not yet. Under
    the lock of their settings, so that it is given out once."""
    with transaction.atomic():
        MailSettings.objects.get_or_create(user=user)
        mine = MailSettings.objects.select_for_update().get(user=user)
        if mine.after == NEVER or mine.is_quiet(now, user.time_zone):
            return None
        since = max(now - LOOKED_BACK, mine.mailed_through or now - LOOKED_BACK)
        calling = _calling(user, since, now - SETTLED, mine.here_at)
        if not calling:
            return None
        waits_since = max(calling[0].at, mine.here_at or calling[0].at)
        if now < waits_since + timedelta(minutes=mine.after):
            return None
        mine.mailed_through = calling[-1].at
        mine.save(update_fields=["mailed_through"])
        return Gathered(calling[:SHOWN], len(calling))


def _calling(
    user: User, since: datetime, until: datetime, here_at: datetime | None
) -> list[Calling]:
    """What calls them and came after `since`, oldest first. A few queries."""
    theirs = list(
        _calls_of_members(since, until).filter(user=user).select_related("room").order_by("pk")
    )
    found: dict[int, Calling] = {}
    loaded = "author", "room"
    for pk, at in _mentions_of(user, theirs, since, until, here_at):
        found[pk] = Calling(Message(pk=pk), at, direct=False)
    direct = Q()
    for each in theirs:
        if each.room.direct and each.level != Level.MENTIONS:
            direct |= Q(room=each.room_id, number__gt=each.last_read)
    if direct:
        said = Message.objects.filter(
            direct, deleted_at=None, created_at__gt=since, created_at__lte=until
        ).exclude(author=user)
        for pk, at in said.order_by("pk").values_list("pk", "created_at")[:GATHERED]:
            found[pk] = Calling(Message(pk=pk), at, direct=True)
    messages = Message.objects.filter(pk__in=found, deleted_at=None).select_related(*loaded)
    calling = [found[each.pk]._replace(message=each) for each in messages]
    return sorted(calling, key=lambda each: (each.at, each.message.pk))


def _mentions_of(
    user: User,
    theirs: Iterable[Membership],
    since: datetime,
    until: datetime,
    here_at: datetime | None,
) -> list[tuple[int, datetime]]:
    """The messages that mention them, and when that came about."""
    wanted = Q()
    for each in theirs:
        wanted |= Q(Q(user=user) | Q(user=None), room=each.room_id, number__gt=each.last_read)
    # Of a room that they do not belong to nobody knows how far they have read it; being here will do.
    seen_until = max(since, here_at or since)
    visible = Room.objects.visible_to(user).filter(archived_at=None).values("pk")
    mine = Membership.objects.filter(room=OuterRef("room"), user=user)
    wanted |= Q(~Exists(mine), user=user, room__in=visible, created_at__gt=seen_until)
    rows = (
        Mention.objects.filter(wanted, created_at__gt=since, created_at__lte=until)
        .exclude(author=user)
        .order_by("created_at", "pk")
    )
    return list(rows.values_list("message", "created_at")[:GATHERED])


def may_be_due(people: Collection[User], now: datetime) -> list[User]:
    """Those of these people, who are not here, for whom it is worth asking what called them; `claim` has
    the last word. One query."""
    chosen = MailSettings.objects.in_bulk([user.pk for user in people])
    return [
        user
        for user in people
        if (mine := chosen.get(user.pk)) is None
        or not (mine.after == NEVER or mine.is_quiet(now, user.time_zone) or mine.waits(now))
    ]
