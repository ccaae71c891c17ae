"""For whom a sound is to be played: those who chose it, of what calls them, or of all that is said."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import F, Q
from django.utils import timezone

from .membership import CALLS, Level, Membership
from .mentions import Mention
from .user import Sound, User

if TYPE_CHECKING:
    from collections.abc import Collection

RECENT = timedelta(seconds=45)  # what is older needs no sound any more; some pages ask every 30 s


def undisturbed(user: User, now: datetime) -> bool:
    """Whether they asked to be left alone until later."""
    return user.does_not_disturb(now)


def newest(users: Collection[int]) -> dict[int, datetime]:
    """When something last happened, just now, that is to be heard by each of these people; who chose no
    sound is left out, and for whom nothing happened. Three queries; one if nobody chose any."""
    now = timezone.now()
    listening = User.objects.filter(pk__in=users).exclude(sound="").select_related("profile")
    choices = {user.pk: user.sound for user in listening if not undisturbed(user, now)}
    if not choices:
        return {}
    found: dict[int, datetime] = {}

    def heard(user: int, moment: datetime | None) -> None:
        if moment is not None:
            found[user] = max(moment, found.get(user, moment))

    recent = Mention.objects.filter(created_at__gt=now - RECENT)
    members = Membership.objects.filter(user__in=choices)
    by_room: dict[int, list[tuple[int | None, int, datetime]]] = {}
    for room, user, author, at in recent.filter(Q(user__in=choices) | Q(user=None)).values_list(
        "room", "user", "author", "created_at"
    ):
        by_room.setdefault(room, []).append((user, author, at))
    said = Q(room__last_at__gt=now - RECENT, level=Level.EVERYTHING) & ~Q(
        room__last_author=F("user")
    )
    to_all = Q(user__in=[user for user, choice in choices.items() if choice == Sound.ALL])
    audible = members.filter(Q(room__in=by_room) | said & (Q(room__direct=True) | to_all))
    for user, room, level, direct, last_at, last_author in audible.values_list(
        "user", "room", "level", "room__direct", "room__last_at", "room__last_author"
    ):
        for mentioned, author, at in by_room.get(room, ()):
            if level in CALLS and author != user and mentioned in (None, user):
                heard(user, at)
        if (
            level == Level.EVERYTHING
            and (direct or choices[user] == Sound.ALL)
            and last_author != user
            and last_at is not None
            and last_at > now - RECENT
        ):
            heard(user, last_at)
    return found
