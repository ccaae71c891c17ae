"""Pages of history as HTML, kept as long as they are what the database has.

All that a row shows changes with the room's version, but for one thing: how people are shown in it, by
name and face. So a part is kept under the version, and with the names and faces that stand in it; who
shows it compares them with those of now, which a page reads anyway, of those who are here. So whoever is
called or pictured otherwise is so at once, without any process having to be told.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from django.utils.safestring import mark_safe

from ..models.reading import seen_of
from . import fragments

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from django.utils.safestring import SafeString

    from ..models import Room
    from ..models.reading import Seen
    from .fragments import Variant

SIZE_KEPT = 16 * 1024 * 1024  # characters; a page of short messages has some 75,000


class Start(NamedTuple):
    """Where a message begins in a part: in characters, with the day that it opens."""

    at: int
    number: int
    author: int
    deleted: bool


class Part(NamedTuple):
    """Consecutive rows, and what is known of those around them."""

    html: SafeString
    starts: tuple[Start, ...]
    first: int | None
    last: int | None
    has_older: bool
    has_newer: bool
    names: dict[int, str]  # of everybody whom a row names
    faces: dict[int, str]  # of everybody whom a row pictures, see `Look`

    @property
    def older(self) -> int | None:
        """The number before which there is more."""
        return self.first if self.has_older else None

    @property
    def newer(self) -> int | None:
        """The number after which there is more."""
        return self.last if self.has_newer else None

    def first_for(self, reader: int, after: int) -> int | None:
        """The number of the first message after a number that can be unread for the reader."""
        return next(
            (
                start.number
                for start in self.starts
                if start.number > after and start.author != reader and not start.deleted
            ),
            None,
        )

    def with_line(self, line: str, before: int) -> SafeString:
        """The rows with a line of the reader's own before a message, if there is one above it."""
        at = next(start.at for start in self.starts if start.number == before)
        if not at and not self.has_older:
            return self.html
        return mark_safe(self.html[:at] + line + self.html[at:])

    def holds(self, now: Mapping[int, Seen]) -> bool:
        """Whether everybody in it, all of `names`, is shown so now."""
        return all(
            user in now and now[user].look.name == name for user, name in self.names.items()
        ) and all(now[user].look.face == face for user, face in self.faces.items())


class _Key(NamedTuple):
    room: int
    version: int
    # Tells apart what a restored backup and what came after it would both number with that version.
    last_at: datetime | None
    before: int | None
    after: int | None
    variant: Variant


class _Parts:
    """The ones that were asked for last, as many as have `SIZE_KEPT`."""

    def __init__(self) -> None:
        self._parts: OrderedDict[_Key, Part] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: _Key) -> Part | None:
        with self._lock:
            part = self._parts.get(key)
            if part is not None:
                self._parts.move_to_end(key)
            return part

    def keep(self, key: _Key, part: Part) -> None:
        with self._lock:
            before = self._parts.pop(key, None)
            self._size += len(part.html) - (len(before.html) if before else 0)
            self._parts[key] = part
            while self._size > SIZE_KEPT:
                _oldest, dropped = self._parts.popitem(last=False)
                self._size -= len(dropped.html)


_parts = _Parts()


def _key(room: Room, variant: Variant, before: int | None, after: int | None) -> _Key:
    return _Key(room.pk, room.version, room.last_at, before, after, variant)


def kept(
    room: Room, variant: Variant, *, before: int | None = None, after: int | None = None
) -> Part | None:
    """The part of `Room.history` for `room` as it was read just now, if it was made before. It may be
    shown only if it `holds`."""
    return _parts.get(_key(room, variant, before, after))


def current(
    room: Room, variant: Variant, *, before: int | None = None, after: int | None = None
) -> tuple[Room, Part]:
    """The part, kept if that may be shown and else made, and the room at that moment."""
    part = kept(room, variant, before=before, after=after)
    if part is not None and part.holds(seen_of(part.names)):
        return room, part
    return made(room, variant, before=before, after=after)


def made(
    room: Room, variant: Variant, *, before: int | None = None, after: int | None = None
) -> tuple[Room, Part]:
    """The part out of the database, and the room at that moment."""
    history = room.history(before=before, after=after)
    html = [fragments.row(row, variant) for row in history.rows]
    ends = accumulate(map(len, html), initial=0)
    part = Part(
        mark_safe("".join(html)),
        tuple(
            Start(at, row.number, row.author, row.deleted)
            for at, row in zip(ends, history.rows, strict=False)
        ),
        history.rows[0].number if history.rows else None,
        history.rows[-1].number if history.rows else None,
        history.has_older,
        history.has_newer,
        {user: name for row in history.rows for user, name in row.people.items()},
        {user: look.face for row in history.rows for user, look in row.looks.items()},
    )
    _parts.keep(_key(history.room, variant, before, after), part)
    return history.room, part
