"""What is said elsewhere: pages that show one room learn what is new in the others of their readers.

Its part of the hub: which rooms were heard of, who was shown what and has thereby read it, who read
something on another page; and, a moment later, the list of rooms pushed to those for whom it is another
than the one that they were told last.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from functools import partial
from operator import methodcaller
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..models import Membership, Place, Room, Step, announcements, ringing, unread
from . import news
from .threads import in_db

if TYPE_CHECKING:
    from datetime import datetime

    from .connections import Connection, OpenRoom
    from .hub import Hub

logger = logging.getLogger(__name__)

READ_DELAY = 0.5  # seconds from "something is new" to marking it read for those who look on
AGREE_DELAY = 0.1  # seconds from "somebody has read something" to telling their other pages
NEWS_DELAY = 1.0  # seconds from "something is new" to telling those who look elsewhere


class Elsewhere:
    """What the pages of one hub are to be told of the rooms that they do not show."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._stirred: dict[int, float] = {}  # rooms, and when each was last heard of
        self._stirred_task: asyncio.Task[None] | None = None
        self._shown: set[int] = set()  # rooms with messages that were pushed, to be marked as read
        # rooms, and who was shown there what they had missed
        self._caught_up: dict[int, set[int]] = {}
        # who read something, by the room that it was in
        self._readers: dict[int | None, set[int]] = {}
        self._marks: dict[int, set[unread.Mark]] = {}  # of each reader here, at the last look
        self._rung: dict[int, datetime] = {}  # of each reader here, by what a sound was played for
        self._told: WeakKeyDictionary[Connection, str] = WeakKeyDictionary()  # digests of news

    def note_shown(self, room: OpenRoom, steps: Sequence[Step]) -> None:
        """What is pushed is read, by those who are there a moment later. Also where no announcement came,
        as the sweep found it."""
        posted = [step.row.number for step in steps if step.posts and step.row]
        if posted:
            room.number = max(room.number, *posted)
            self._shown.add(room.pk)
            self._look_at_stirred()

    def stirred(self, room_id: int) -> None:
        """Something was said in a room."""
        self._stirred[room_id] = time.monotonic()
        self._look_at_stirred()

    def caught_up(self, room_id: int, user: int) -> None:
        """A page of the room has been sent what it had missed: that is read as well."""
        if room_id in self._hub.rooms:
            self._caught_up.setdefault(room_id, set()).add(user)
            self._look_at_stirred()

    def _look_at_stirred(self) -> None:
        if self._stirred_task is None or self._stirred_task.done():
            self._stirred_task = self._hub.begin(self._tell_of_stirred())

    async def _tell_of_stirred(self) -> None:
        """Look at each room until nothing was heard of it for `NEWS_DELAY` before: what is said within
        `STIR_INTERVAL` after an event is announced by that event, too."""
        while self._stirred or self._shown or self._caught_up:
            await asyncio.sleep(READ_DELAY)
            await self._hub.guarded(self._mark_read)
            await asyncio.sleep(NEWS_DELAY - READ_DELAY)
            # What was said in between has been seen as well.
            await self._hub.guarded(self._mark_read)
            stirred, soon = set(self._stirred), time.monotonic() - NEWS_DELAY
            self._stirred = {room: heard for room, heard in self._stirred.items() if heard > soon}
            if stirred:
                await self._hub.guarded(partial(self._tell, stirred))

    async def _mark_read(self) -> None:
        """For those who look on. Their pages of other rooms are told what was said after this, by
        `_tell`, and so need not be told that it was read, unless that is over or was long ago."""
        shown, self._shown = self._shown, set()
        caught_up, self._caught_up = self._caught_up, {}
        for room_id in (shown | caught_up.keys()) & self._hub.rooms.keys():
            room, late = self._hub.rooms[room_id], caught_up.get(room_id, set())
            users = room.users() if room_id in shown else room.users() & late
            try:
                read = await in_db(Room(pk=room_id).mark_read)(users, room.number)
                told = read & late if room_id in self._stirred else read
                if told:
                    await in_db(announcements.reading_changed)(told, room_id)
            except Exception:
                logger.exception("room %s was not marked as read and will be", room_id)
                self._shown.add(room_id)

    async def _tell(self, room_ids: set[int]) -> None:
        here = {user for room in self._hub.rooms.values() for user in room.users()}
        members = await in_db(self._members)(room_ids, here)
        # What is said in a direct conversation takes it to the head of the list, on its own page too.
        any_direct = any(direct for _user, direct, _sound in members)
        await self.push(
            {user for user, _direct, _sound in members}, stirred=None if any_direct else room_ids
        )
        await self._ring({user for user, _direct, sound in members if sound}, here)

    async def _ring(self, users: set[int], here: set[int]) -> None:
        """Play a sound for those of the people for whom something happened just now: on one page of
        each, the one that was opened last, where a browser is most likely to let it be heard."""
        if not users:
            return
        moments = await in_db(ringing.newest)(users)
        self._rung = {user: moment for user, moment in self._rung.items() if user in here}
        for user, moment in moments.items():
            if self._rung.get(user) == moment:
                continue
            self._rung[user] = moment
            pages = [
                (room, connection)
                for room in self._hub.rooms.values()
                for connection in room.connections
                if connection.reader.user == user and connection.opened < moment
            ]
            if pages:
                room, latest = max(pages, key=lambda page: page[1].opened)
                self._hub.reach(room, methodcaller("push_sound"), [latest])

    @staticmethod
    def _members(room_ids: set[int], among: set[int]) -> list[tuple[int, bool, str]]:
        """Who of these people belongs to which of the rooms, whether that is direct, and what they want
        to hear."""
        found = Membership.objects.filter(room_id__in=room_ids, user_id__in=among)
        return list(found.values_list("user_id", "room__direct", "user__sound"))

    def read(self, users: Iterable[int], room_id: int | None) -> None:
        """These people have read more or less than before of a room, or of several if it is None."""
        here = {user for room in self._hub.rooms.values() for user in room.users()}.intersection(
            users
        )
        if not here:
            return
        if not self._readers:
            self._hub.begin(self._tell_readers())
        self._readers.setdefault(room_id, set()).update(here)

    async def _tell_readers(self) -> None:
        await asyncio.sleep(AGREE_DELAY)
        readers, self._readers = self._readers, {}
        for room_id, users in readers.items():
            stirred = None if room_id is None else {room_id}
            await self._hub.guarded(partial(self.push, users, stirred))

    async def check(self) -> None:
        """What lost announcements should have told: one query for all readers, and more only for those
        in whose rooms, other than those they look at, something is otherwise than at the last look."""
        looked_at: dict[int, set[int]] = {}
        for room in self._hub.rooms.values():
            for user in room.users():
                looked_at.setdefault(user, set()).add(room.pk)
        found = await in_db(unread.marks)(looked_at)
        marks = {
            user: {mark for mark in of_user if mark.held or mark.room not in looked_at[user]}
            for user, of_user in found.items()
        }
        changed = {user for user in marks if marks[user] != self._marks.get(user, set())}
        self._marks = marks
        await self.push(changed)
        await self._ring(changed, set(looked_at))

    async def push(self, users: set[int], stirred: set[int] | None = None) -> None:
        """Tell the pages of these people what their list of rooms looks like now, but not the page of
        the one room that was `stirred`, which shows what was said itself, and none that was told just
        this."""
        pages = [
            (room, connection)
            for room in self._hub.rooms.values()
            if {room.pk} != stirred
            for connection in room.connections
            if connection.reader.user in users
        ]
        if not pages:
            return
        items, place, names = await in_db(self._items)(
            {connection.reader.user for _room, connection in pages},
            {room.pk for room, _connection in pages},
        )
        for room, connection in pages:
            of_reader = items[connection.reader.user]
            told = news.on_page(of_reader, room.pk, place, names.get(room.pk, ""))
            digest = told.digest
            if digest == self._told.get(connection):
                continue
            self._told[connection] = digest
            self._hub.reach(room, methodcaller("push_news", told), [connection])
            await asyncio.sleep(0)  # each is rendered for one reader; others need not wait for all

    @staticmethod
    def _items(users: set[int], rooms: set[int]) -> tuple[dict[int, Any], str, dict[int, str]]:
        """The lists of these people, the name of the place and those of the rooms."""
        names = dict(Room.objects.filter(pk__in=rooms).values_list("pk", "name"))
        return news.of_users(users), Place.objects.values_list("name", flat=True).get(), names
