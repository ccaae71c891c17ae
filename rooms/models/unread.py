"""What is unread, and the statements by which it becomes so and ceases to be.

A message is unread for whoever belongs to its room if it comes after `Membership.last_read`, was not
deleted and is not their own. Nobody counts further than `COUNTED`: by the index on (room, number) that
is as quick in a room with a million messages as in a small one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import connection
from django.db.models import Case, Exists, F, OuterRef, PositiveBigIntegerField, Q, Value, When
from django.db.models.functions import Greatest

from . import announcements, reactions
from .membership import Membership
from .mentions import Mention
from .message import Message

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from .message import Row

COUNTED = 100  # one more than is shown as a number: whoever has that many has "99+"

_UNREAD = """
FROM rooms_message
WHERE room_id = m.room_id AND number > m.last_read AND deleted_at IS NULL AND author_id <> m.user_id
ORDER BY number
"""
_MEMBERSHIPS = """
FROM rooms_membership m JOIN rooms_room r ON r.id = m.room_id
WHERE r.archived_at IS NULL AND r.last_number > m.last_read AND m.user_id IN ({people})
"""
# Of what is unread, the messages that name the reader, or all who belong to the room.
_CALLING = """
FROM rooms_mention t
WHERE t.room_id = m.room_id AND (t.user_id = m.user_id OR t.user_id IS NULL)
    AND t.number > m.last_read AND t.author_id <> m.user_id
"""
_COUNTS = f"""
SELECT m.user_id, m.room_id,
    (SELECT COUNT(*) FROM (SELECT 1 {_UNREAD} LIMIT {COUNTED}) found),
    (SELECT COUNT(*) FROM (SELECT DISTINCT t.number {_CALLING} LIMIT {COUNTED}) calling)
{_MEMBERSHIPS}
"""  # noqa: S608  # nothing of it comes from outside
_MARKS = f"""
SELECT m.user_id, m.room_id, r.version, m.last_read, m.held_unread {_MEMBERSHIPS}
"""
_SPANS = f"""
SELECT m.room_id, m.last_read, r.last_number, (SELECT number {_UNREAD} LIMIT 1 OFFSET %s),
    (SELECT DISTINCT t.number {_CALLING} ORDER BY t.number LIMIT 1 OFFSET %s)
{_MEMBERSHIPS} AND m.room_id IN ({{rooms}})
"""
_FIRST = f"""
SELECT (SELECT number {_UNREAD} LIMIT 1)
FROM rooms_membership m WHERE m.id = %s
"""  # noqa: S608
_MARK = """
UPDATE rooms_membership SET last_read = {number}
WHERE room_id = %s AND user_id IN ({people}) AND last_read < {number} AND NOT held_unread
RETURNING user_id
"""
_MARK_ANEW = """
UPDATE rooms_membership SET
    last_read = CASE WHEN last_read < {number} THEN {number} ELSE last_read END, held_unread = FALSE
WHERE room_id = %s AND user_id IN ({people}) AND (last_read < {number} OR held_unread)
RETURNING user_id
"""
_LAST_NUMBER = "(SELECT last_number FROM rooms_room WHERE rooms_room.id = rooms_membership.room_id)"


class Waiting(NamedTuple):
    """How many messages of a room are unread, and how many of these mention the reader."""

    unread: int = 0
    mentions: int = 0


NONE = Waiting()


def waiting(users: Collection[int]) -> dict[int, dict[int, Waiting]]:
    """What waits for each of these people, by room: rooms with nothing unread are left out, and archived
    ones. At most `COUNTED` of each. One statement."""
    found: dict[int, dict[int, Waiting]] = {user: {} for user in users}
    if not found:
        return found
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS.format(people=_places(found)), [*found])
        for user, room, unread, mentions in cursor.fetchall():
            if unread:
                found[user][room] = Waiting(unread, mentions)
    return found


def counts(users: Collection[int]) -> dict[int, dict[int, int]]:
    """Of the same how much is unread."""
    return {
        user: {room: each.unread for room, each in rooms.items()}
        for user, rooms in waiting(users).items()
    }


def of_reader(user: int, rooms: Iterable[tuple[int, int | None]]) -> dict[int, Waiting]:
    """As `waiting`, for one reader, who `rooms` says what of: each room's last number and how far they
    have read it, None where they do not belong. Asks nothing where nothing came since."""
    if all(last_read is None or last_number <= last_read for last_number, last_read in rooms):
        return {}
    return waiting([user])[user]


class Mark(NamedTuple):
    """A room with something after what somebody has read: equal as long as nothing changes there."""

    room: int
    version: int
    last_read: int
    held: bool


def marks(users: Collection[int]) -> dict[int, set[Mark]]:
    """What `counts` would count, without counting. One statement."""
    found: dict[int, set[Mark]] = {user: set() for user in users}
    if found:
        with connection.cursor() as cursor:
            cursor.execute(_MARKS.format(people=_places(found)), [*found])
            for user, room, version, last_read, held in cursor.fetchall():
                found[user].add(Mark(room, version, last_read, bool(held)))
    return found


def first_unread(membership: Membership) -> int | None:
    """The number of the first message that is unread."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, [membership.pk])
        found = cursor.fetchone()
    return int(found[0]) if found and found[0] is not None else None


class Span(NamedTuple):
    """What is unread in a room: after `last_read`, up to `last_number`; `rest` is the number of the first
    unread message that is too many to be shown at once, None if there is none."""

    room: int
    last_read: int
    last_number: int
    rest: int | None
    rest_calling: int | None  # the same of those that mention the reader


def spans(user: int, rooms: Collection[int], shown: int) -> dict[int, Span]:
    """Where to find what is unread for the reader in each of the rooms, if `shown` messages of each are
    to be shown. One statement."""
    if not rooms:
        return {}
    sql = _SPANS.format(people="%s", rooms=_places(rooms))
    with connection.cursor() as cursor:
        cursor.execute(sql, [shown, shown, user, *rooms])
        return {room: Span(room, *rest) for room, *rest in cursor.fetchall()}


def messages(
    user: int, found: Iterable[Span], calling: Collection[int] = ()
) -> dict[int, list[Row]]:
    """The first unread messages of each room, as its span says, oldest first; of the rooms `calling`
    those alone that mention the reader. One statement, and one for the names of who reacted."""
    wanted = Q()
    mentions = Q(user=user) | Q(user=None)
    calls = Q(Exists(Mention.objects.filter(mentions, message=OuterRef("pk"))))
    for span in found:
        rest = span.rest_calling if span.room in calling else span.rest
        to = Q(number__lte=span.last_number) if rest is None else Q(number__lt=rest)
        shown = Q(to, room=span.room, number__gt=span.last_read)
        wanted |= shown & calls if span.room in calling else shown
    rows: dict[int, list[Row]] = {}
    if wanted:
        others = Message.objects.filter(wanted, deleted_at=None).exclude(author=user)
        loaded = "room", "author", "reply_to__author"
        found_now = list(others.select_related(*loaded).order_by("room_id", "number"))
        names = reactions.names_in(message.reactions for message in found_now)
        for message in found_now:
            row = message.as_row(message.room, message.author, names)
            rows.setdefault(message.room_id, []).append(row)
    return rows


def mark_read(
    room: int, users: Collection[int], number: int | None, *, anew: bool = False
) -> set[int]:
    """These people have had before them what the room has up to `number`, or all of it. Who held it
    unread keeps it so, unless they open the room `anew`. Returns those for whom that changed anything."""
    if not users:
        return set()
    upto = _LAST_NUMBER if number is None else str(int(number))
    sql = (_MARK_ANEW if anew else _MARK).format(number=upto, people=_places(users))
    with connection.cursor() as cursor:
        cursor.execute(sql, [room, *users])
        return {user for (user,) in cursor.fetchall()}


def mark_done(user: int, upto: Mapping[int, int]) -> None:
    """The reader is done with what each of the rooms (the keys) has up to a number, held unread or not.
    What was said after it stays unread. Two statements."""
    theirs = Membership.objects.filter(user=user)
    last = theirs.values_list("room_id", "room__last_number")
    # No further than there are messages: what is yet to be said has been before nobody.
    done = {room: min(upto[room], number) for room, number in last if room in upto}
    if not done:
        return
    number = Case(
        *(When(room=room, then=Value(number)) for room, number in done.items()),
        output_field=PositiveBigIntegerField(),
    )
    marked = theirs.filter(room__in=done).filter(Q(last_read__lt=number) | Q(held_unread=True))
    if marked.update(last_read=Greatest(F("last_read"), number), held_unread=False):
        announcements.reading_changed([user])


def _places(values: Collection[object]) -> str:
    return ", ".join(["%s"] * len(values))
