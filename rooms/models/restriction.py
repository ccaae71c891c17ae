"""What somebody may not do in a room for a while: write, or be in it.

A row stands beside the membership, not in it: whoever leaves and comes back is muted still.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from . import announcements, audit
from .audit import REASON_LENGTH
from .errors import MessageRefused, ModeratorsOnly, RoomClosed, TryLater
from .permissions import demand
from .user import User

if TYPE_CHECKING:
    from .permissions import Standing
    from .posting import LockedRoom
    from .room import Room

UNTIL_LIFTED = datetime(9999, 1, 1, tzinfo=UTC)

# What somebody said last counts in rooms that are slow alone, and is written there alone.
POSTED = """
INSERT INTO rooms_restriction (room_id, user_id, posted_at, mute_reason, ban_reason)
VALUES (%s, %s, %s, '', '')
ON CONFLICT (room_id, user_id) DO UPDATE SET posted_at = EXCLUDED.posted_at
"""


class Sanction(NamedTuple):
    """What holds for somebody in a room, as their page shows it."""

    user: int
    muted_until: datetime | None
    mute_reason: str
    banned: bool
    ban_reason: str = ""

    @property
    def muted(self) -> bool:
        return self.muted_until is not None and self.muted_until > timezone.now()

    @property
    def holds(self) -> bool:
        return self.banned or self.muted

    @property
    def ends_at(self) -> datetime | None:
        """None if somebody has to end it."""
        lasts = self.banned or self.muted_until == UNTIL_LIFTED
        return None if lasts else self.muted_until

    @property
    def reason(self) -> str:
        return self.ban_reason if self.banned else self.mute_reason


class Restriction(models.Model):
    """Of one person in one room. A row may hold nothing any more."""

    room = models.ForeignKey("Room", models.CASCADE, related_name="restrictions")
    user = models.ForeignKey(User, models.CASCADE, related_name="restrictions")
    muted_until = models.DateTimeField(null=True)
    mute_reason = models.CharField(max_length=REASON_LENGTH, blank=True)
    muted_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    banned_at = models.DateTimeField(null=True)
    ban_reason = models.CharField(max_length=REASON_LENGTH, blank=True)
    banned_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    posted_at = models.DateTimeField(
        null=True, help_text=gettext_lazy("When they last said something, while the room is slow.")
    )

    objects: ClassVar[models.Manager[Restriction]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "user"], name="one_restriction"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.room_id}"

    @property
    def muted(self) -> bool:
        return self.muted_until is not None and self.muted_until > timezone.now()

    @property
    def mute_ends_at(self) -> datetime | None:
        """None if somebody has to lift it."""
        return None if self.muted_until == UNTIL_LIFTED else self.muted_until

    @property
    def sanction(self) -> Sanction:
        return Sanction(
            self.user_id,
            self.muted_until,
            self.mute_reason,
            self.banned_at is not None,
            self.ban_reason,
        )

    @classmethod
    def in_force(cls, room: Room) -> models.QuerySet[Restriction]:
        """Who is muted or kept out there, by what they are called, with who decided it."""
        holds = models.Q(muted_until__gt=timezone.now()) | models.Q(banned_at__isnull=False)
        found = cls.objects.filter(holds, room=room).select_related("user", "muted_by", "banned_by")
        return found.order_by("user__name_words", "user_id")


def when(moment: datetime) -> str:
    """A moment to come, in the active language and time zone."""
    at = timezone.localtime(moment)
    same_day = at.date() == timezone.localdate()
    return date_format(at, _("H:i") if same_day else _("j F, H:i"))


class Muted(MessageRefused):
    """Whoever wanted to say something may not here, now."""

    def __init__(self, until: datetime | None) -> None:
        kept = _("Your text is kept.")
        if until is None or until == UNTIL_LIFTED:
            said = _("A moderator muted you in this room. You can read, but not write.")
        else:
            said = _("A moderator muted you in this room until %(moment)s.") % {
                "moment": when(until)
            }
        super().__init__(f"{said} {kept}", code="muted")


class KeptOut(MessageRefused):
    """A moderator removed them from the room and lets them not come back."""

    def __init__(self) -> None:
        super().__init__(
            _("A moderator removed you from this room. To come back, ask them to let you in."),
            code="kept_out",
        )


class Slow(TryLater):
    """It is too early for somebody's next message in a slow room."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            ngettext(
                "This room is slow: you can write again in %(seconds)s second. Your text is kept.",
                "This room is slow: you can write again in %(seconds)s seconds. Your text is kept.",
                seconds,
            )
            % {"seconds": seconds},
            seconds,
            code="slow",
        )


def refusal(standing: Standing) -> MessageRefused:
    """Why somebody who stands so to a room may not write in it."""
    if standing.archived:
        return RoomClosed()
    if standing.banned:
        return KeptOut()
    return ModeratorsOnly() if not standing.may_write else Muted(standing.muted_until)


def in_the_way(
    room: LockedRoom, standing: Standing, posted_at: datetime | None, now: datetime
) -> MessageRefused | None:
    """Why somebody who stands so to the room may not write in it now, if they may not."""
    if not standing.may_post:
        return refusal(standing)
    if not room.slow_mode or not standing.may_be_slowed:
        return None
    wait = slow_for(room.slow_mode, posted_at, now)
    return Slow(wait) if wait else None


def slow_for(interval: int, posted_at: datetime | None, now: datetime) -> int:
    """The seconds, rounded up, until somebody who wrote at `posted_at` may again."""
    if posted_at is None:
        return 0
    left = (posted_at + timedelta(seconds=interval) - now).total_seconds()
    return 0 if left <= 0 else min(interval, int(left) + 1)


def note_posted(room: int, user: int, now: datetime) -> None:
    """Somebody wrote in a slow room; under its lock."""
    value = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(POSTED, [room, user, value])


# The verbs. Each asks by itself whether `by` may, as it is now.


def _demand(room: Room, person: User, by: User) -> None:
    """Raises `PermissionDenied` unless `by` may keep the person from something in the room."""
    demand(room.standing_of(by).may_moderate(person.pk, person.role))
    demand(
        not room.standing_of(person).may_manage,
        _("They moderate this room. Take that back first."),
    )


def mute(room: Room, person: User, *, by: User, until: datetime, reason: str = "") -> None:
    """Let somebody read the room and not write in it. Raises `PermissionDenied`."""
    with transaction.atomic():
        room.lock()
        _demand(room, person, by)
        Restriction.objects.update_or_create(
            room=room,
            user=person,
            defaults={"muted_until": until, "mute_reason": reason, "muted_by": by},
        )
        ends = None if until == UNTIL_LIFTED else until.isoformat()
        audit.record(audit.Kind.MUTED, by=by, whom=person, room=room, reason=reason, until=ends)
        announcements.voice_changed([person.pk], room.pk)


def unmute(room: Room, person: User, *, by: User) -> None:
    """Let them write again. Raises `PermissionDenied`; harmless if repeated."""
    with transaction.atomic():
        room.lock()
        demand(room.standing_of(by).may_moderate(person.pk, person.role))
        muted = Restriction.objects.filter(room=room, user=person, muted_until__gt=timezone.now())
        if muted.update(muted_until=None, mute_reason="", muted_by=None):
            audit.record(audit.Kind.UNMUTED, by=by, whom=person, room=room)
            announcements.voice_changed([person.pk], room.pk)


def keep_out(room: Room, person: User, *, by: User, reason: str = "") -> None:
    """Remove somebody from the room for as long as nobody lets them back in. Raises
    `PermissionDenied`."""
    with transaction.atomic():
        room.lock()
        demand(not room.direct)
        _demand(room, person, by)
        Restriction.objects.update_or_create(
            room=room,
            user=person,
            defaults={"banned_at": timezone.now(), "ban_reason": reason, "banned_by": by},
        )
        audit.record(audit.Kind.KEPT_OUT, by=by, whom=person, room=room, reason=reason)
        room.remove(person)
        announcements.voice_changed([person.pk], room.pk)


def let_back(room: Room, person: User, *, by: User) -> None:
    """They may come in again, by themselves where the room is open. Raises `PermissionDenied`; harmless
    if repeated."""
    with transaction.atomic():
        room.lock()
        demand(room.standing_of(by).may_moderate(person.pk, person.role))
        readmit(room, person, by=by)


def readmit(room: Room, person: User, *, by: User | None) -> None:
    """As `let_back`, of somebody whom `by` may add to the room. In a transaction."""
    kept_out = Restriction.objects.filter(room=room, user=person, banned_at__isnull=False)
    if kept_out.update(banned_at=None, ban_reason="", banned_by=None):
        audit.record(audit.Kind.LET_BACK, by=by, whom=person, room=room)
        announcements.voice_changed([person.pk], room.pk)


def is_kept_out(room: Room, person: User) -> bool:
    found = Restriction.objects.filter(room=room, user=person, banned_at__isnull=False)
    return found.exists()
