"""What pages read of the rooms, one short query for each."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS
from django.db.models import BooleanField, ExpressionWrapper, FilteredRelation, Q
from django.db.models.functions import Coalesce

from .called import Seen, names_of, seen_of
from .membership import Membership
from .permissions import Role
from .place import Place
from .prepared import Prepared
from .restriction import Sanction
from .room import Room
from .user import User

__all__ = [
    "Seen",
    "names_of",
    "place",
    "room_at",
    "rooms_of",
    "rooms_visible_to",
    "seen_of",
]

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

_ROOM = [field.attname for field in Room._meta.concrete_fields]  # Django's own interface
_MEMBERSHIP = [field.attname for field in Membership._meta.concrete_fields]
_SANCTION = ("muted_until", "mute_reason", "banned_at", "ban_reason")


def _room(slug: Any, user: Any, role: str) -> Any:
    mine = FilteredRelation("memberships", condition=Q(memberships__user=user))
    held = FilteredRelation("restrictions", condition=Q(restrictions__user=user))
    visible = Room.objects.visible_to(user, role).filter(slug=slug).annotate(mine=mine, held=held)
    return visible.values_list(
        *_ROOM,
        *(f"mine__{name}" for name in _MEMBERSHIP),
        *(f"held__{name}" for name in _SANCTION),
    )


# What a role may see is another statement, not another value of one.
_room_query = {role.value: Prepared(partial(_room, role=role), str, int) for role in Role}


def room_at(slug: str, user: User) -> tuple[Room, Membership | None] | None:
    """The room at `slug`, if `user` may see it, and their membership of it, if there is one."""
    for row in _room_query[user.role].rows(slug, user.pk):
        room = Room.from_db(DEFAULT_DB_ALIAS, _ROOM, row[: len(_ROOM)])
        of_membership = row[len(_ROOM) : -len(_SANCTION)]
        room.sanction = _sanction(user.pk, *row[-len(_SANCTION) :])
        if of_membership[0] is None:
            return room, None
        return room, Membership.from_db(DEFAULT_DB_ALIAS, _MEMBERSHIP, of_membership)
    return None


def _sanction(
    user: int,
    muted_until: datetime | None,
    mute_reason: str | None,
    banned_at: datetime | None,
    ban_reason: str | None,
) -> Sanction | None:
    if muted_until is None and banned_at is None:
        return None
    return Sanction(user, muted_until, mute_reason or "", banned_at is not None, ban_reason or "")


_PLACE = [field.attname for field in Place._meta.concrete_fields]
_place_query = Prepared(lambda: Place.objects.values_list(*_PLACE))


def place() -> Place | None:
    """The place, if it was set up."""
    for row in _place_query.rows():
        return Place.from_db(DEFAULT_DB_ALIAS, _PLACE, row)
    return None


class RoomOf(NamedTuple):
    """A room in use that somebody belongs to."""

    pk: int
    slug: str
    name: str
    private: bool
    direct: bool
    last_number: int
    last_read: int
    held: bool  # unread, by their own wish
    moderator: bool = False  # named so there, if their role lets them be


def memberships_shown() -> QuerySet[Membership]:
    """Those whose rooms are in their people's lists, with what was active last first."""
    shown = Q(listed=True) | Q(room__last_number__gt=0)
    active = Coalesce("room__last_at", "room__created_at")
    return Membership.objects.filter(shown, room__archived_at=None).order_by(active.desc(), "pk")


_OF_ROOM = (
    *("room_id", "room__slug", "room__name", "room__private", "room__direct"),
    *("room__last_number", "last_read", "held_unread", "is_moderator"),
)
_rooms_query = Prepared(
    lambda user: memberships_shown().filter(user=user).values_list(*_OF_ROOM), int
)


def rooms_of(user: User) -> list[RoomOf]:
    """The rooms in use that `user` belongs to, with what was active last first."""
    return [RoomOf(*row) for row in _rooms_query.rows(user.pk)]


def rooms_of_all(users: Collection[int]) -> dict[int, list[RoomOf]]:
    """The same for each of these people, in one query."""
    found: dict[int, list[RoomOf]] = {user: [] for user in users}
    shown = memberships_shown().filter(user_id__in=found)
    for user, *room in shown.values_list("user_id", *_OF_ROOM):
        found[user].append(RoomOf(*room))
    return found


class VisibleRoom(NamedTuple):
    """A room that somebody may see, whether they belong to it or not."""

    pk: int
    slug: str
    name: str
    topic: str
    private: bool
    direct: bool
    archived: bool
    members: int
    last_number: int
    last_read: int | None  # None for whoever does not belong to it


def _visible(user: Any, role: str) -> Any:
    mine = FilteredRelation("memberships", condition=Q(memberships__user=user))
    rooms = Room.objects.visible_to(user, role).with_members().annotate(mine=mine)
    shown = rooms.filter(Q(direct=False) | Q(mine__listed=True) | Q(last_number__gt=0))
    active = Coalesce("last_at", "created_at")
    archived = ExpressionWrapper(Q(archived_at__isnull=False), BooleanField())
    return shown.order_by(active.desc(), "pk").values_list(
        *("pk", "slug", "name", "topic", "private", "direct"),
        archived,
        *("members", "last_number", "mine__last_read"),
    )


_visible_query = {role.value: Prepared(partial(_visible, role=role), int) for role in Role}


def rooms_visible_to(user: User) -> list[VisibleRoom]:
    """The rooms that `user` may see, with what was active last first."""
    return [VisibleRoom(*row) for row in _visible_query[user.role].rows(user.pk)]
