"""Whose open pages may no longer be read by them: what an announcement that got lost should have said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from ..models import Membership, Room, Session
from .connections import NOT_FOUND, SIGNED_OUT
from .threads import in_db

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .connections import Connection, OpenRoom


async def ended(
    pages: Sequence[tuple[OpenRoom, Connection]],
) -> list[tuple[OpenRoom, Connection, int]]:
    """Those of the pages to be closed, each with the code that says why. A few queries for all."""
    if not pages:
        return []
    sessions, members = await in_db(_allowed)(
        {connection.reader.session for _room, connection in pages},
        {connection.reader.user for _room, connection in pages},
        {room.pk for room, _connection in pages},
    )
    found = []
    for room, connection in pages:
        reader = connection.reader
        if reader.session not in sessions:
            found.append((room, connection, SIGNED_OUT))
        elif room.pk in members and reader.user not in members[room.pk]:
            found.append((room, connection, NOT_FOUND))
    return found


def _allowed(
    sessions: set[str], users: set[int], rooms: set[int]
) -> tuple[set[str], dict[int, set[int]]]:
    """Which of the sessions are still good, and their accounts; who belongs to the private rooms."""
    live = Session.objects.filter(
        session_key__in=sessions, expire_date__gt=timezone.now(), user__is_active=True
    )
    members: dict[int, set[int]] = {
        room: set()
        for room in Room.objects.filter(pk__in=rooms, private=True).values_list("pk", flat=True)
    }
    belonging = Membership.objects.filter(room_id__in=members, user_id__in=users)
    for room, user in belonging.values_list("room_id", "user_id"):
        members[room].add(user)
    return set(live.values_list("session_key", flat=True)), members
