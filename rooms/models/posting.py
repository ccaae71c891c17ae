"""The statements behind `Room.post`, written out.

Through the ORM they took 2.7 ms of CPU, of which the database had 0.3: composing a query costs more than
carrying it out, and posting is what a busy room waits for.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection

from .permissions import Standing
from .searching import index

if TYPE_CHECKING:
    from .message import Message
    from .room import Room

ROOM = """
SELECT private, archived_at IS NOT NULL, moderators_only, direct, slow_mode,
    version, last_number, last_author_id, last_at, run, hooks
FROM rooms_room WHERE id = %s
"""
AUTHOR = """
SELECT u.id, username, display_name, face, is_bot, role, is_moderator,
    muted_until, banned_at IS NOT NULL, posted_at
FROM rooms_user u
LEFT JOIN rooms_membership m ON m.room_id = %s AND m.user_id = u.id
LEFT JOIN rooms_restriction r ON r.room_id = %s AND r.user_id = u.id
WHERE u.id = %s AND is_active
"""
MESSAGE = """
INSERT INTO rooms_message (
    room_id, author_id, key, number, version, posted_version, body, posted_digest,
    created_at, continues, previous_at, files, reply_to_id, thread_id, mentions
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (room_id, author_id, key) DO NOTHING
RETURNING id
"""
# With the words that it is found by, see searching/index.py.
INDEXED_MESSAGE = f"""
WITH stored AS ({MESSAGE})
INSERT INTO rooms_search (message_id, room_id, created_at, words)
SELECT id, %s, %s, %s::tsvector FROM stored
RETURNING message_id
"""  # noqa: S608  # of nothing but what stands above
COUNTED = """
UPDATE rooms_room SET version = %s, last_number = %s, last_author_id = %s, last_at = %s, run = %s
WHERE id = %s
"""
# Who writes has read what stands above. PostgreSQL takes the two in one round trip.
READ = """
UPDATE rooms_membership SET last_read = %s
WHERE room_id = %s AND user_id = %s AND NOT held_unread AND last_read < %s
"""
READ_AND_COUNTED = f"WITH read AS ({READ}) {COUNTED}"
# In rooms where a webhook listens. Whoever delivers sees it in the same row that says how far they are.
TOLD = """
UPDATE rooms_hookcursor SET told = %s, due_at = COALESCE(due_at, %s)
WHERE room_id = %s AND EXISTS (
    SELECT 1 FROM rooms_outgoingwebhook w WHERE w.id = webhook_id AND (w.event = 'message' OR EXISTS (
        SELECT 1 FROM rooms_mention m WHERE m.message_id = %s AND m.user_id = w.bot_id
    ))
)
"""

PREVIEWED = "SELECT link_previews FROM rooms_place"


class LockedRoom(NamedTuple):
    """What posting needs to know of a room."""

    private: bool
    archived: bool
    moderators_only: bool
    direct: bool
    slow_mode: int
    version: int
    last_number: int
    last_author: int | None
    last_at: datetime | None
    run: int
    hooks: int  # see `hookcursor.py`


class Author(NamedTuple):
    """Who posts, as they are called now."""

    pk: int
    username: str
    display_name: str
    face: str
    is_bot: bool
    role: str
    moderator: bool | None  # None for whoever does not belong to the room
    muted_until: datetime | None
    banned: bool
    posted_at: datetime | None  # in a slow room


def locked_room(room: int) -> LockedRoom | None:
    """The room under its lock, in a transaction; None if there is none (any more)."""
    with connection.cursor() as cursor:
        # SQLite has no row locks; its transactions begin with the write lock (see the settings).
        lock = "FOR UPDATE" if connection.features.has_select_for_update else ""
        cursor.execute(ROOM + lock, [room])
        found = cursor.fetchone()
    if found is None:
        return None
    private, archived, moderators_only, direct, slow_mode, *counted = found
    version, last_number, last_author, last_at, run, hooks = counted
    return LockedRoom(
        bool(private),
        bool(archived),
        bool(moderators_only),
        bool(direct),
        slow_mode,
        version,
        last_number,
        last_author,
        _moment(last_at),
        run,
        hooks,
    )


def author_in(room: int, user: int) -> Author | None:
    """Somebody and whether they belong to the room; None if they have no account (any more)."""
    with connection.cursor() as cursor:
        cursor.execute(AUTHOR, [room, room, user])
        found = cursor.fetchone()
    if found is None:
        return None
    pk, username, display_name, face, is_bot, role, moderator, *held = found
    muted_until, banned, posted_at = held
    return Author(
        pk,
        username,
        display_name,
        face,
        bool(is_bot),
        role,
        moderator,
        _moment(muted_until),
        bool(banned),
        _moment(posted_at),
    )


def standing(room: LockedRoom | Room, author: Author) -> Standing:
    """How they stand to the room."""
    return Standing(
        user=author.pk,
        role=author.role,
        private=room.private,
        archived=room.archived,
        moderators_only=room.moderators_only,
        belongs=author.moderator is not None,
        moderator=bool(author.moderator),
        direct=room.direct,
        muted_until=author.muted_until,
        banned=author.banned,
    )


def store(message: Message) -> bool:
    """Insert the message, give it its primary key and put it into the index of words. False if its author
    has used its key here."""
    statement, values = MESSAGE, _values(message)
    if index.is_postgresql():  # in the same statement: a second one is a second way there and back
        statement = INDEXED_MESSAGE
        words = index.vector(
            message.room_id, message.author_id, message.body, files=bool(message.files)
        )
        values += [message.room_id, _value(message.created_at), words]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        stored = cursor.fetchone()
    if stored is None:
        return False
    (message.pk,) = stored
    message._state.adding, message._state.db = False, connection.alias
    if not index.is_postgresql():
        index.add(message)
    return True


def _values(message: Message) -> list[Any]:
    return [
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
        message.files,
        message.reply_to_id,
        message.thread_id,
        message.mentions and json.dumps(message.mentions),
    ]


def count(message: Message, run: int, version: int) -> None:
    """Write into the room that the message is its last, and the `run`th under its author's name,
    and the version that the room has with it; and that its author has read up to there, unless they hold
    the room unread."""
    read = [message.number, message.room_id, message.author_id, message.number]
    counted = [
        version,
        message.number,
        message.author_id,
        _value(message.created_at),
        run,
        message.room_id,
    ]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(READ_AND_COUNTED, [*read, *counted])
        else:
            cursor.execute(READ, read)
            cursor.execute(COUNTED, counted)


def tell_webhooks(message: Message) -> bool:
    """That the message may be for them, once its mentions are stored. Whether it is."""
    now = _value(message.created_at)
    with connection.cursor() as cursor:
        cursor.execute(TOLD, [message.number, now, message.room_id, message.pk])
        return bool(cursor.rowcount)


def links_are_previewed(*, lock: bool = False) -> bool:
    """Whether the place shows what linked pages say of themselves; with `lock`, until the end of the
    transaction."""
    locking = " FOR UPDATE" if lock and connection.features.has_select_for_update else ""
    with connection.cursor() as cursor:
        cursor.execute(PREVIEWED + locking)
        found = cursor.fetchone()
    return found is not None and bool(found[0])


def _value(moment: datetime | None) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


def _moment(value: datetime | None) -> datetime | None:
    """SQLite keeps times in UTC and does not say so."""
    return value and (value if value.tzinfo else value.replace(tzinfo=UTC))
