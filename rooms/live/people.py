"""Who is in a room and who is writing there, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models import User
from . import fragments, presence
from .connections import People
from .threads import in_db, in_thread

if TYPE_CHECKING:
    from collections.abc import Iterable


async def people_of(room_ids: Iterable[int]) -> dict[int, People]:
    """Who is in each of the rooms and who is writing there."""
    room_ids = list(room_ids)
    here = await in_thread(presence.store().held, "here", room_ids)
    writing = await in_thread(presence.store().held, "typing", room_ids)
    people: dict[int, People] = await in_db(named)(here, writing)
    return people


def named(here: dict[int, set[int]], writing: dict[int, set[int]]) -> dict[int, People]:
    """The same with names, in one query. Of a long list those are shown who have been members longest,
    so that it does not change with everybody who comes."""
    shown = {room: sorted(users)[: fragments.PEOPLE_SHOWN] for room, users in here.items()}
    typing = {room: sorted(users)[:3] for room, users in writing.items()}
    wanted = {user for users in (*shown.values(), *typing.values()) for user in users}
    people = {
        user.pk: fragments.Person(user.pk, user.name, user.initials, user.hue)
        for user in User.objects.filter(pk__in=wanted).only("username", "display_name")
    }

    def known(users: Iterable[int]) -> tuple[fragments.Person, ...]:
        found = (people[user] for user in users if user in people)
        return tuple(sorted(found, key=lambda person: (person.name.casefold(), person.pk)))

    return {
        room: People(known(shown[room]), len(users), known(typing.get(room, ())))
        for room, users in here.items()
    }
