"""The statements behind every entrance, written out: whose session it is, which room, and how far it is.

After a restart everybody comes at once, and composing these queries took five times as long as carrying
them out.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import connection, models
from django.utils import timezone

from .permissions import FINDS_ROOMS
from .second_factor import OWES
from .session import SEEN_INTERVAL
from .user import User

# Times would have to be converted, and no page needs them; Django reads them when they are asked for.
_USER_FIELDS = [
    field for field in User._meta.concrete_fields if not isinstance(field, models.DateTimeField)
]
_USER_NAMES = [field.attname for field in _USER_FIELDS]
_USER_COLUMNS = ", ".join(f"rooms_user.{field.column}" for field in _USER_FIELDS)

SESSION = f"""
SELECT session_data,
    (rooms_session.seen_at IS NULL OR rooms_session.seen_at < %s),
    ({OWES}),
    {_USER_COLUMNS}
FROM rooms_session LEFT JOIN rooms_user ON rooms_user.id = rooms_session.user_id
WHERE session_key = %s AND expire_date > %s
"""  # noqa: S608  # the columns are the model's
ROOM = """
SELECT id, slug FROM rooms_room
WHERE slug = %s AND ((NOT private AND %s) OR EXISTS (
    SELECT 1 FROM rooms_membership WHERE room_id = rooms_room.id AND user_id = %s
))
"""
VERSION = "SELECT version FROM rooms_room WHERE id = %s"


class OpenedRoom(NamedTuple):
    """A room that somebody may enter."""

    pk: int
    slug: str


class FoundSession(NamedTuple):
    """A session that is not over."""

    data: str  # encoded
    user: User | None  # who may be deactivated
    unnoted: bool  # it was not noted for a while that it is in use
    owes: bool  # its user has to set up a second factor before anything else


def session(key: str) -> FoundSession | None:
    """None if there is no such session (any more)."""
    now = timezone.now()
    times = [connection.ops.adapt_datetimefield_value(each) for each in (now - SEEN_INTERVAL, now)]
    with connection.cursor() as cursor:
        cursor.execute(SESSION, [times[0], key, times[1]])
        found = cursor.fetchone()
    if found is None:
        return None
    data, unnoted, owes, *values = found
    if values[_USER_NAMES.index("id")] is None:
        return FoundSession(data, None, unnoted=False, owes=False)
    user = User.from_db(connection.alias, _USER_NAMES, values)
    return FoundSession(data, user, bool(unnoted), bool(owes))


def room(slug: str, user: User) -> OpenedRoom | None:
    """The room at `slug` if the user may see it, as `RoomQuerySet.visible_to` says."""
    with connection.cursor() as cursor:
        cursor.execute(ROOM, [slug, user.role in FINDS_ROOMS, user.pk])
        found = cursor.fetchone()
    return found and OpenedRoom(*found)


def version(room: int) -> int | None:
    """The room's version; None if there is no such room (any more)."""
    with connection.cursor() as cursor:
        cursor.execute(VERSION, [room])
        found = cursor.fetchone()
    return found and int(found[0])
