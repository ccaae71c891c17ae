"""What pages read of the rooms, one short query for each."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS
from django.db.models import BooleanField, ExpressionWrapper, FilteredRelation, Q
from django.utils import timezone

from .membership import Membership
from .place import Place
from .prepared import Prepared
from .profile import Status, holds_at, status_at
from .room import Room
from .user import Look, User

if TYPE_CHECKING:
    from collections.abc import Collection

_ROOM = [field.attname for field in Room._meta.concrete_fields]  # Django's own interface
_MEMBERSHIP = [field.attname for field in Membership._meta.concrete_fields]


def _room(slug: Any, user: Any) -> Any:
    mine = FilteredRelation("memberships", condition=Q(memberships__user=user))
    visible = Room.objects.visible_to(user).filter(slug=slug).annotate(mine=mine)
    return visible.values_list(*_ROOM, *(f"mine__{name}" for name in _MEMBERSHIP))


_room_query = Prepared(_room, str, int)


def room_at(slug: str, user: User) -> tuple[Room, Membership | None] | None:
    """The room at `slug`, if `user` may see it, and their membership of it, if there is one."""
    for row in _room_query.rows(slug, user.pk):
        room = Room.from_db(DEFAULT_DB_ALIAS, _ROOM, row[: len(_ROOM)])
        of_membership = row[len(_ROOM) :]
        if of_membership[0] is None:
            return room, None
        return room, Membership.from_db(DEFAULT_DB_ALIAS, _MEMBERSHIP, of_membership)
    return None


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
    last_number: int
    last_read: int


_rooms_query = Prepared(
    lambda user: Membership.objects.filter(user=user, room__archived_at=None).values_list(
        "room_id", "room__slug", "room__name", "room__private", "room__last_number", "last_read"
    ),
    int,
)


def rooms_of(user: User) -> list[RoomOf]:
    """The rooms in use that `user` belongs to, in no order."""
    return [RoomOf(*row) for row in _rooms_query.rows(user.pk)]


class VisibleRoom(NamedTuple):
    """A room that somebody may see, whether they belong to it or not."""

    pk: int
    slug: str
    name: str
    topic: str
    private: bool
    archived: bool
    members: int
    last_number: int
    last_read: int | None  # None for whoever does not belong to it


def _visible(user: Any) -> Any:
    mine = FilteredRelation("memberships", condition=Q(memberships__user=user))
    rooms = Room.objects.visible_to(user).with_members().annotate(mine=mine)
    archived = ExpressionWrapper(Q(archived_at__isnull=False), BooleanField())
    return rooms.values_list(
        *("pk", "slug", "name", "topic", "private"),
        archived,
        *("members", "last_number", "mine__last_read"),
    )


_visible_query = Prepared(_visible, int)


def rooms_visible_to(user: User) -> list[VisibleRoom]:
    """The rooms that `user` may see, in no order."""
    return [VisibleRoom(*row) for row in _visible_query.rows(user.pk)]


class Seen(NamedTuple):
    """Somebody as lists of people show them at a moment."""

    look: Look
    status: Status | None = None
    undisturbed: bool = False


@lru_cache(maxsize=10_000)
def _plain(name: str, face: str) -> Seen:
    """Who tells nothing, as most do: made once, as each page reads dozens."""
    return Seen(Look(name, face))


PEOPLE_AT_ONCE = 256  # fewer than any database takes as values of one statement


@cache
def _seen_query(size: int) -> Prepared:
    return Prepared(
        lambda *ids: User.objects.filter(pk__in=ids).values_list(
            *("pk", "display_name", "username", "face"),
            *("profile__status_emoji", "profile__status_text", "profile__status_until"),
            "profile__undisturbed_until",
        ),
        *[int] * size,
    )


def seen_of(ids: Collection[int]) -> dict[int, Seen]:
    """How these people are shown now; whoever does not exist is left out."""
    wanted = list(ids)
    people: dict[int, Seen] = {}
    for start in range(0, len(wanted), PEOPLE_AT_ONCE):
        people |= _seen_of(wanted[start : start + PEOPLE_AT_ONCE])
    return people


def _seen_of(wanted: list[int]) -> dict[int, Seen]:
    size = 1 << (len(wanted) - 1).bit_length()  # so that a few statements serve for all
    wanted += wanted[-1:] * (size - len(wanted))
    now, people = timezone.now(), {}
    for pk, display_name, username, face, *status, rests in _seen_query(size).rows(*wanted):
        plain = _plain(display_name or username, face)
        if status[0] is None:  # there is no profile
            people[pk] = plain
        else:
            people[pk] = Seen(plain.look, status_at(now, *status), holds_at(now, rests))
    return people
