"""Whose open pages may no longer be read by them: what an announcement that got lost should have said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from ..models import Membership, Room, Session, User, second_factor, token
from ..models.permissions import may_read
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
    return await in_db(_ended)(pages)


def _ended(
    pages: Sequence[tuple[OpenRoom, Connection]],
) -> list[tuple[OpenRoom, Connection, int]]:
    roles = _roles({connection.reader.session for _room, connection in pages})
    private = dict(
        Room.objects.filter(pk__in={room.pk for room, _connection in pages}).values_list(
            "pk", "private"
        )
    )
    found, by_membership = [], []
    for room, connection in pages:
        role = roles.get(connection.reader.session)
        if role is None or connection.reader.is_over:
            found.append((room, connection, SIGNED_OUT))
        elif not may_read(role, private=private.get(room.pk, True), belongs=False):
            by_membership.append((room, connection))
    belonging = set(
        Membership.objects.filter(
            room_id__in={room.pk for room, _connection in by_membership},
            user_id__in={connection.reader.user for _room, connection in by_membership},
        ).values_list("room_id", "user_id")
    )
    found += [
        (room, connection, NOT_FOUND)
        for room, connection in by_membership
        if (room.pk, connection.reader.user) not in belonging
    ]
    return found


def _roles(sessions: set[str]) -> dict[str, str]:
    """Those of the sessions and tokens that are still good, and their accounts, and the role of each.
    Whoever owes a second factor is signed in nowhere."""
    live = Session.objects.filter(
        session_key__in=sessions, expire_date__gt=timezone.now(), user__is_active=True
    )
    owing = second_factor.owing(User.objects.all(), second_factor.requirement())
    signed_in = dict(live.exclude(user__in=owing).values_list("session_key", "user__role"))
    return signed_in | token.roles_of(sessions)
