"""Who is in a room and who is writing there, by name."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from ..models.names import sort_key
from ..models.reading import names_of
from ..models.user import FACE_HUES, initials
from . import fragments, presence
from .connections import People
from .threads import in_db, in_thread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PEOPLE_KEPT = 10_000  # of whom it is kept how they are shown


async def people_of(room_ids: Iterable[int]) -> dict[int, People]:
    """Who is in each of the rooms and who is writing there."""
    room_ids = list(room_ids)
    here = await in_thread(presence.store().held, "here", room_ids)
    writing = await in_thread(presence.store().held, "typing", room_ids)
    people: dict[int, People] = await in_db(named)(here, writing)
    return people


@lru_cache(maxsize=PEOPLE_KEPT)
def _person(pk: int, name: str) -> fragments.Person:
    return fragments.Person(pk, name, initials(name), pk % FACE_HUES)


def named(here: dict[int, set[int]], writing: dict[int, set[int]]) -> dict[int, People]:
    """The same with names, in one query."""
    return named_with(here, writing, ())[0]


def named_with(
    here: dict[int, set[int]], writing: dict[int, set[int]], others: Iterable[int]
) -> tuple[dict[int, People], dict[int, str]]:
    """The same with names, and the names that were read, those of `others` as well. One query. Where
    there are many, nobody is shown."""
    shown = {
        room: users if len(users) <= fragments.PEOPLE_SHOWN else set()
        for room, users in here.items()
    }
    typing = {room: sorted(users)[:3] for room, users in writing.items()}
    wanted = {user for users in (*shown.values(), *typing.values()) for user in users}
    names = names_of(wanted.union(others))
    people = {
        room: People(_listed(shown[room], names), len(users), _listed(typing.get(room, ()), names))
        for room, users in here.items()
    }
    return people, names


def everybody(users: set[int]) -> tuple[fragments.Person, ...]:
    """All of them by name, however many."""
    return _listed(users, names_of(users))


def _listed(users: Iterable[int], names: Mapping[int, str]) -> tuple[fragments.Person, ...]:
    found = (_person(user, names[user]) for user in users if user in names)
    return tuple(sorted(found, key=lambda person: (sort_key(person.name), person.pk)))
