"""What a page shows its reader alone and learns while it is open: whether they may write there, and what
there is to moderate."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from ..models import Membership, Restriction, Room, User
from ..models.permissions import MODERATES, RUNS_PLACE
from ..models.report import COUNTED, open_for
from ..models.restriction import when

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..models.restriction import Sanction
    from .fragments import Variant

MOST_SHOWN = COUNTED - 1


def held(rooms: Collection[int]) -> dict[tuple[int, int], Sanction]:
    """What holds in these rooms now, by room and person. One query."""
    if not rooms:
        return {}
    in_force = Q(muted_until__gt=timezone.now()) | Q(banned_at__isnull=False)
    found = Restriction.objects.filter(in_force, room_id__in=rooms)
    return {(each.room_id, each.user_id): each.sanction for each in found}


def voices(room_id: int, users: Collection[int]) -> dict[int, Sanction]:
    """What keeps each of these people from writing in the room, if anything does."""
    room = Room.objects.get(pk=room_id)
    found = Restriction.objects.filter(room=room, user_id__in=users).select_related("user")
    return {
        each.user_id: each.sanction
        for each in found
        if each.sanction.holds and room.standing_of(each.user).is_kept_quiet
    }


def voice_here(sanction: Sanction | None, variant: Variant) -> SafeString:
    """What stands in the composer's place while its reader may not write; "" if they may."""
    if sanction is None or not sanction.holds:
        return SafeString()
    until = sanction.ends_at
    with variant.active():
        # A page that sleeps asks when it wakes; a second later than the end, so that it is over.
        seconds = None if until is None else int((until - timezone.now()).total_seconds()) + 2
        context = {"sanction": sanction, "until": until and when(until), "seconds": seconds}
        return render_to_string("rooms/_voice.html", context)


def voice(sanction: Sanction | None, variant: Variant) -> str:
    """The same, put into an open page. Its composer stays, with what was typed, and is not shown."""
    html = voice_here(sanction, variant)
    return render_to_string("stream/voice.html", {"voice": html})


def report_counts(users: Collection[int]) -> dict[int, int]:
    """How many reports each of these people could close; who may close none is left out."""
    moderators = set(
        Membership.objects.filter(user_id__in=users, is_moderator=True).values_list(
            "user_id", flat=True
        )
    )
    return {
        user.pk: open_for(user)
        for user in User.objects.filter(pk__in=users)
        if user.role in RUNS_PLACE or (user.pk in moderators and user.role in MODERATES)
    }


@lru_cache(maxsize=1_000)
def reports_link(count: int | None, variant: Variant) -> SafeString:
    """The way to what was reported; "" for whoever may see none (None)."""
    if count is None:
        return SafeString()
    with variant.active():
        context = {"count": count, "many": count > MOST_SHOWN, "most": MOST_SHOWN}
        return render_to_string("rooms/_reports_link.html", context)


def reports(count: int | None, variant: Variant) -> str:
    """The same, put into an open page."""
    return render_to_string("stream/reports.html", {"link": reports_link(count, variant)})
