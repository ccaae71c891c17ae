"""What a Roomful is to have in it: run with the settings of that Roomful in the environment.

    python -m tests.bench.arrange people ROOMS PEOPLE MESSAGES    makes them
    python -m tests.bench.arrange say SLUG FIRST COUNT            says so many things there, numbered

The first prints, as JSON, the rooms' slugs and a cookie for each person. Everybody is in the first room,
and the first fifty are in all rooms.
"""

from __future__ import annotations

import json
import os
import secrets
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402

from rooms.models import Membership, Place, Room, Session, User  # noqa: E402
from rooms.sessions import SessionStore  # noqa: E402

EVERYWHERE = 50  # people who are in every room


def people(rooms: int, size: int, messages: int) -> None:
    owner = User(username="owner", password="!")
    first = Place.set_up(name="Bench", sign_up="closed", owner=owner, first_room="Room 0")
    crowd = User.objects.bulk_create(
        User(username=f"person-{number}", password="!") for number in range(size)
    )
    Membership.objects.bulk_create(Membership(room=first, user=person) for person in crowd)
    slugs = [first.slug]
    for number in range(1, rooms):
        room = Room.make(name=f"Room {number}", topic="Something", private=False, by=owner)
        Membership.objects.bulk_create(
            Membership(room=room, user=person) for person in crowd[:EVERYWHERE]
        )
        room.post(owner, "The first thing that is said here.", secrets.token_urlsafe(9))
        slugs.append(room.slug)
    for number in range(messages):
        author = crowd[number % 7 % len(crowd)]
        first.post(author, f"Message {number}: {PROSE}", secrets.token_urlsafe(9))
    print(json.dumps({"slugs": slugs, "cookies": sessions(crowd)}))  # noqa: T201


PROSE = (
    "some **Markdown**, a `name`, a [link](https://example.org/) and a few words more than that."
)


def sessions(crowd: list[User]) -> list[str]:
    """A cookie for each of them, without the time that signing in takes."""
    made = []
    for person in crowd:
        store = SessionStore()
        data = {
            SESSION_KEY: str(person.pk),
            BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
            HASH_SESSION_KEY: person.get_session_auth_hash(),
        }
        made.append(
            Session(
                session_key=secrets.token_hex(16),
                user=person,
                session_data=store.encode(data),
                expire_date=store.get_expiry_date(),
            )
        )
    Session.objects.bulk_create(made)
    return [f"{settings.SESSION_COOKIE_NAME}={session.session_key}" for session in made]


def say(slug: str, first: int, count: int) -> None:
    room, owner = Room.objects.get(slug=slug), User.objects.get(username="owner")
    for number in range(first, first + count):
        room.post(
            owner, f"bench-{number:07} said while nobody was served", secrets.token_urlsafe(9)
        )


if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    if verb == "people":
        people(*map(int, arguments))
    elif verb == "say":
        say(arguments[0], *map(int, arguments[1:]))
    else:
        raise SystemExit(__doc__)
