"""Who is in a room and who is writing there, by name."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from ..models import Membership, Message, Room
from ..models.names import sort_key
from ..models.reading import seen_of
from . import fragments, presence
from .connections import People
from .threads import in_db, in_thread

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ..models.reading import Seen
    from ..models.user import Look

PEOPLE_KEPT = 10_000  # of whom it is kept how they are shown


async def people_of(room_ids: Iterable[int]) -> dict[int, People]:
    """Who is in each of the rooms and who is writing there."""
    room_ids = list(room_ids)
    here = await in_thread(presence.store().held, "here", room_ids)
    writing = await in_thread(presence.store().held, "typing", room_ids)
    people: dict[int, People] = await in_db(named)(here, writing)
    return people


@lru_cache(maxsize=PEOPLE_KEPT)
def _person(pk: int, seen: Seen) -> fragments.Person:
    return fragments.Person(pk, *seen.look, seen.status, seen.undisturbed)


def named(here: dict[int, set[int]], writing: dict[int, set[int]]) -> dict[int, People]:
    """The same with names, in one query."""
    return named_with(here, writing, ())[0]


def named_with(
    here: dict[int, set[int]], writing: dict[int, set[int]], others: Iterable[int]
) -> tuple[dict[int, People], dict[int, Seen]]:
    """The same with names, and how all who were read are shown, `others` as well. One query. Where there
    are many, nobody is shown."""
    shown = {
        room: users if len(users) <= fragments.PEOPLE_SHOWN else set()
        for room, users in here.items()
    }
    typing = {room: sorted(users)[:3] for room, users in writing.items()}
    wanted = {user for users in (*shown.values(), *typing.values()) for user in users}
    seen = seen_of(wanted.union(others))
    people = {
        room: People(_listed(shown[room], seen), len(users), _listed(typing.get(room, ()), seen))
        for room, users in here.items()
    }
    return people, seen


def everybody(users: set[int]) -> tuple[fragments.Person, ...]:
    """All of them by name, however many."""
    return _listed(users, seen_of(users))


def shown_in(user: int, rooms: Collection[int]) -> tuple[Look | None, set[int]]:
    """How somebody is shown now, and in which of the rooms pages may show them: where they belong and
    where they said something. Two queries."""
    seen = seen_of([user]).get(user)
    belongs = Membership.objects.filter(room=OuterRef("pk"), user=user)
    said = Message.objects.filter(room=OuterRef("pk"), author=user)
    found = Room.objects.filter(Exists(belongs) | Exists(said), pk__in=rooms)
    return seen and seen.look, set(found.values_list("pk", flat=True))


def _listed(users: Iterable[int], seen: Mapping[int, Seen]) -> tuple[fragments.Person, ...]:
    found = (_person(user, seen[user]) for user in users if user in seen)
    return tuple(sorted(found, key=lambda person: (sort_key(person.name), person.pk)))
