"""What a Roomful is to have in it: run with the settings of that Roomful in the environment.

    python -m tests.bench.arrange people ROOMS PEOPLE MESSAGES    makes them
    python -m tests.bench.arrange say SLUG FIRST COUNT            says so many things there, numbered
    python -m tests.bench.arrange fill SLUG COUNT                 gives it a past of so many messages
    python -m tests.bench.arrange corpus COUNT                    lets so much be said in all rooms
    python -m tests.bench.arrange tokens                          gives the owner tokens and a password

The first prints, as JSON, the rooms' slugs and a cookie for each person. Everybody is in the first room,
and the first fifty are in all rooms. The last two print, as JSON, what can be searched for, and a token
of each kind.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from rooms.models import Membership, Message, Place, Room, Session, Token, User  # noqa: E402
from rooms.sessions import SessionStore  # noqa: E402
from tests.bench import corpus  # noqa: E402

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


CHUNK = 250_000  # rows of one transaction
FILL = """
WITH RECURSIVE counted (n) AS (
    SELECT CAST(%(first)s AS bigint) UNION ALL SELECT n + 1 FROM counted WHERE n < %(last)s
)
INSERT INTO rooms_message (
    room_id, author_id, number, version, posted_version, body, key, posted_digest,
    created_at, continues, previous_at
)
SELECT
    %(room)s, %(author)s, n, n, n, 'Message ' || n || ': ' || %(prose)s, 'filled-' || n, '',
    %(at)s, %(no)s, %(at)s
FROM counted
"""


def fill(slug: str, count: int) -> None:
    """Much faster than saying it all, with what matters to a reader the same. The room must be empty."""
    room, owner = Room.objects.get(slug=slug), User.objects.get(username="owner")
    at = timezone.now()
    Message.objects.filter(room=room).delete()
    for first in range(1, count + 1, CHUNK):
        last = min(first + CHUNK - 1, count)
        values: dict[str, Any] = {
            "first": first,
            "last": last,
            "room": room.pk,
            "author": owner.pk,
            "prose": PROSE,
            "at": connection.ops.adapt_datetimefield_value(at),
            "no": False,
        }
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(FILL, values)
    Room.objects.filter(pk=room.pk).update(
        version=count, last_number=count, last_author=owner, last_at=at, run=1
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # which PostgreSQL does by itself, some time


def tokens() -> dict[str, str]:
    owner = User.objects.get(username="owner")
    owner.set_password(secrets.token_urlsafe(9))
    owner.save(update_fields=["password"])
    made = {
        "right": Token.make(owner, name="right"),
        "revoked": Token.make(owner, name="revoked"),
        "expired": Token.make(owner, name="expired", lifetime=timedelta(seconds=-1)),
    }
    made["revoked"].token.revoke()
    return {kind: each.secret for kind, each in made.items()}


if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    if verb == "people":
        people(*map(int, arguments))
    elif verb == "say":
        say(arguments[0], *map(int, arguments[1:]))
    elif verb == "fill":
        fill(arguments[0], int(arguments[1]))
    elif verb == "corpus":
        print(json.dumps(corpus.fill(int(arguments[0]))))  # noqa: T201
    elif verb == "tokens":
        print(json.dumps(tokens()))  # noqa: T201
    else:
        raise SystemExit(__doc__)
