"""The statements behind `Room.post`, written out.

Through the ORM they took 2.7 ms of CPU, of which the database had 0.3: composing a query costs more than
carrying it out, and posting is what a busy room waits for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection

if TYPE_CHECKING:
    from .message import Message

ROOM = """
SELECT private, archived_at IS NOT NULL, version, last_number, last_author_id, last_at, run
FROM rooms_room WHERE id = %s
"""
AUTHOR = """
SELECT username, display_name, face,
    EXISTS (SELECT 1 FROM rooms_membership WHERE room_id = %s AND user_id = rooms_user.id)
FROM rooms_user WHERE id = %s AND is_active
"""
MESSAGE = """
INSERT INTO rooms_message (
    room_id, author_id, key, number, version, posted_version, body, posted_digest,
    created_at, continues, previous_at
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (room_id, author_id, key) DO NOTHING
RETURNING id
"""
COUNTED = """
UPDATE rooms_room SET version = %s, last_number = %s, last_author_id = %s, last_at = %s, run = %s
WHERE id = %s
"""


class LockedRoom(NamedTuple):
    """What posting needs to know of a room."""

    private: bool
    archived: bool
    version: int
    last_number: int
    last_author: int | None
    last_at: datetime | None
    run: int


class Author(NamedTuple):
    """Who posts, as they are called now."""

    username: str
    display_name: str
    face: str
    belongs: bool


def locked_room(room: int) -> LockedRoom | None:
    """The room under its lock, in a transaction; None if there is none (any more)."""
    with connection.cursor() as cursor:
        # SQLite has no row locks; its transactions begin with the write lock (see the settings).
        lock = "FOR UPDATE" if connection.features.has_select_for_update else ""
        cursor.execute(ROOM + lock, [room])
        found = cursor.fetchone()
    if found is None:
        return None
    private, archived, version, last_number, last_author, last_at, run = found
    return LockedRoom(
        bool(private), bool(archived), version, last_number, last_author, _moment(last_at), run
    )


def author_in(room: int, user: int) -> Author | None:
    """Somebody and whether they belong to the room; None if they have no account (any more)."""
    with connection.cursor() as cursor:
        cursor.execute(AUTHOR, [room, user])
        found = cursor.fetchone()
    return found and Author(found[0], found[1], found[2], bool(found[3]))


def store(message: Message) -> bool:
    """Insert the message and give it its primary key. False if its author has used its key here."""
    with connection.cursor() as cursor:
        cursor.execute(
            MESSAGE,
            [
                message.room_id,
                message.author_id,
                message.key,
                message.number,
                message.version,
                message.posted_version,
                message.body,
                message.posted_digest,
                _value(message.created_at),
                message.continues,
                _value(message.previous_at),
            ],
        )
        stored = cursor.fetchone()
    if stored is None:
        return False
    (message.pk,) = stored
    message._state.adding, message._state.db = False, connection.alias
    return True


def count(message: Message, run: int) -> None:
    """Write into the room that the message is its last, and the `run`th under its author's name."""
    with connection.cursor() as cursor:
        cursor.execute(
            COUNTED,
            [
                message.version,
                message.number,
                message.author_id,
                _value(message.created_at),
                run,
                message.room_id,
            ],
        )


def _value(moment: datetime | None) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


def _moment(value: datetime | None) -> datetime | None:
    """SQLite keeps times in UTC and does not say so."""
    return value and (value if value.tzinfo else value.replace(tzinfo=UTC))
