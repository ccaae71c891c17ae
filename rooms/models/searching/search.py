"""Everything that a reader may see, searched."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.db.models import Sum

from ..message import Message
from ..room import Room
from ..user import User
from .matches import Wanted, bodies, is_narrow, newest
from .query import Query
from .ranking import best_first
from .words import folded

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

PAGE = 25  # messages
COUNTED = 1_000  # matches that are counted, and of which the best are found
CURSOR = re.compile(r"(?:(?P<score>\d{1,9})-)?(?P<key>\d{1,18})(?:-(?P<top>\d{1,18}))?")

NEWEST, BEST = "newest", "best"


@dataclass(frozen=True, slots=True)
class Filters:
    """What a form adds to the words: a room's slug, a person's name, two moments, the order, and whether
    only messages with files are wanted."""

    room: str = ""
    author: str = ""
    since: datetime | None = None
    until: datetime | None = None  # the first moment that is too late
    order: str = NEWEST
    files: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what was found. `total` is the number of all matches, or of more than there are said to
    be if `more_than`. `unknown_room` is a name that none of the reader's rooms has."""

    messages: Sequence[Message] = ()
    total: int = 0
    more_than: bool = False
    next_cursor: str = ""
    unknown_room: str = ""


def search(
    user: User,
    query: Query,
    filters: Filters,
    cursor: str = "",
    among: Collection[int] | None = None,
) -> Found:
    """The messages that match, of those in rooms that `user` may see, `among` these if any are named.
    Raises `SearchTooLong`.

    The index says which messages match; which of them are shown is asked of the messages and rooms
    themselves, so that nothing shows that was deleted, or is not open to the reader, at this moment.
    """
    rooms, unknown_room, narrow = _rooms(user, (*query.rooms, *filter(None, [filters.room])), among)
    names = (*query.authors, *filter(None, [filters.author]))
    if unknown_room:
        return Found(unknown_room=unknown_room)
    wanted = Wanted(
        phrases=query.phrases,
        without=query.without,
        rooms=rooms,
        narrow=narrow,
        authors=_authors(user, names) if names else None,
        files=query.files or filters.files,
        since=filters.since,
        until=filters.until,
    )
    place = CURSOR.fullmatch(cursor)
    ranked = filters.order == BEST and bool(query.phrases)
    return _best(user, wanted, place) if ranked else _newest(user, wanted, place)


def _newest(user: User, wanted: Wanted, cursor: re.Match[str] | None) -> Found:
    counted = newest(wanted, COUNTED + 1)
    below = int(cursor["key"]) if cursor else None
    keys = counted if below is None else [key for key in counted if key < below]
    if len(keys) <= PAGE and len(counted) > COUNTED and below is not None:
        keys = newest(replace(wanted, below=below), PAGE + 1)
    return Found(
        messages=_messages(user, keys[:PAGE]),
        total=min(len(counted), COUNTED),
        more_than=len(counted) > COUNTED,
        next_cursor=str(keys[PAGE - 1]) if len(keys) > PAGE else "",
    )


def _best(user: User, wanted: Wanted, cursor: re.Match[str] | None) -> Found:
    """The best of the newest: what is posted while somebody reads on moves nothing."""
    top = int(cursor["top"]) if cursor and cursor["top"] else None
    if top is not None:
        wanted = replace(wanted, below=top + 1)
    counted = newest(wanted, COUNTED + 1)
    ranked = best_first(bodies(counted[:COUNTED]), wanted.phrases)
    if cursor and cursor["score"]:
        last = int(cursor["score"]), int(cursor["key"])
        ranked = [each for each in ranked if each < last]
    page = ranked[:PAGE]
    more = len(ranked) > PAGE
    return Found(
        messages=_messages(user, [key for _score, key in page]),
        total=min(len(counted), COUNTED),
        more_than=len(counted) > COUNTED,
        next_cursor=f"{page[-1][0]}-{page[-1][1]}-{top or counted[0]}" if more else "",
    )


def _messages(user: User, keys: Sequence[int]) -> list[Message]:
    """Those that are there and open to the reader now, in this order."""
    if not keys:
        return []
    visible = Message.objects.filter(
        pk__in=keys, deleted_at=None, room__in=Room.objects.visible_to(user)
    )
    found = {message.pk: message for message in visible.select_related("author", "room")}
    return [found[key] for key in keys if key in found]


def _rooms(
    user: User, names: Sequence[str], among: Collection[int] | None
) -> tuple[list[int], str, bool]:
    """Keys of the rooms to look in, a name that none has, and whether few messages are in these rooms."""
    visible = Room.objects.visible_to(user)
    if among is not None:
        visible = visible.filter(pk__in=among)
    if not names:
        held = dict(visible.values_list("pk", "last_number"))
        total = Room.objects.aggregate(total=Sum("last_number"))["total"] or 0
        return list(held), "", is_narrow(len(held), sum(held.values()) / max(total, 1))
    called = list(visible.values_list("pk", "slug", "name"))
    chosen: set[int] | None = None
    for wanted in names:
        named = {pk for pk, slug, name in called if _is_called(wanted, slug, name)}
        if not named:
            return [], wanted, True
        chosen = named if chosen is None else chosen & named
    return sorted(chosen or ()), "", is_narrow(len(chosen or ()), 0)


def _authors(user: User, names: Sequence[str]) -> list[int]:
    """The keys of all who are called by one of the names; none if there is a name that nobody has.

    By username, else by display name; that is compared here, as SQLite knows capitals of ASCII alone.
    """
    found: set[int] = set()
    for wanted in names:
        name = wanted.removeprefix("@")
        if folded(name) == "me":
            found.add(user.pk)
            continue
        by_username = User.objects.filter(username__iexact=name).values_list("pk", flat=True)
        named = list(by_username) or _displayed_as(name)
        if not named:
            return []
        found |= set(named)
    return sorted(found)


def _displayed_as(name: str) -> list[int]:
    called = User.objects.exclude(display_name="").values_list("pk", "display_name")
    return [pk for pk, display_name in called if _is_called(name, display_name)][:COUNTED]


def _is_called(wanted: str, *names: str) -> bool:
    return folded(wanted) in map(folded, names)
