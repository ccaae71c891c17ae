"""One ear for the process: hears what changed, renders it once and pushes it to every page here.

The usual Channels chat gives each socket its own channel, so each message is queued, deserialised,
dispatched and rendered once per socket. Here one consumer listens for the whole process, knows which
connections show which room, and writes one frame to all of them.

What the hub is told is only a doorbell. It applies an event that is the next version of a room from the
event's own data; one that it has had is dropped; one that is further on shows a gap, and the gap is read
from the database. Every few seconds it compares the versions of its open rooms with the database, so a
lost event costs seconds and nothing else.

What is heard shortly after a room's last push is pushed together, as one frame, where more is to come:
where others wait to be stored, or came while that push went on. After a push that took 5 ms the hub then
does other things for as long. So a busy room takes at most half of the process, and the busier it is the
cheaper a message becomes; in a quiet one nobody waits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from contextvars import Context
from functools import partial
from operator import itemgetter, methodcaller
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from weakref import WeakKeyDictionary

from channels.consumer import AsyncConsumer, get_handler_name
from django.db import connections

from .. import metrics
from ..models import Room, RoomDetails, Row, Step, announcements
from ..models.announcements import PLACE_GROUP, room_group
from . import access, fragments, presence, threads
from .connections import (
    NOT_FOUND,
    RESTARTING,
    SIGNED_OUT,
    TRY_AGAIN_LATER,
    Connection,
    Frame,
    OpenRoom,
    TooSlow,
)
from .elsewhere import Elsewhere
from .people import people_of, shown_in
from .ringer import Ringer
from .threads import in_db, in_thread
from .voices import Voices

if TYPE_CHECKING:
    from .fragments import Variant

logger = logging.getLogger(__name__)

REST = 1.0  # times as long as a room's last push took, before its next, if more is to come
BUSY = 0.05  # times as long; what is heard that soon was waiting for the push to end
SWEEP = 3.0  # seconds between two looks at the database; with a dead channel layer messages take as long
PRESENCE_INTERVAL = 0.3  # seconds; comings and goings in between are one push
NEWS_CHECK = 10.0  # seconds; what pages should have been told of other rooms, and were not
HEARTBEAT = 10.0  # seconds; a page whose socket is silent for 25 goes back to polling
ACCESS_CHECK = 15.0  # seconds; ends what an announcement that got lost should have ended
DRAIN_AT_ONCE = 50  # connections that a process that ends closes together …
DRAIN_PAUSE = 0.1  # … and seconds until the next: 1,000 pages come back over two seconds
EMPTY_ROOM = 30.0  # seconds a room without a page is still listened to: a reload comes back to it


class Hub(AsyncConsumer):
    """The process's one consumer. `enter` and `leave` are called by the connections themselves; the
    methods named after an event's type are called by the channel layer."""

    def __init__(self) -> None:
        self.rooms: dict[int, OpenRoom] = {}
        self.holder = uuid4().hex[:12]
        self.listening = asyncio.Event()
        self._opening = asyncio.Lock()
        self._moved: set[tuple[int, int]] = set()  # room and reader that came or went
        self._unseen: set[int] = set()  # rooms whose presence is to be looked at
        self._look = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.ringer = Ringer(self.hear)
        self.elsewhere = Elsewhere(self)
        self.voices = Voices(self)
        self.closed_as_too_slow = 0  # connections, since the process began

    # Life

    def start(self) -> None:
        self.begin(self.run())
        self.ringer.loop = asyncio.get_running_loop()
        self.begin(self.ringer.run())
        announcements.ring_by(self.ringer.ring)

    async def run(self) -> None:
        """Listen until cancelled; begin anew should listening itself fail."""
        self.begin(self._every(SWEEP, self._sweep))
        self.begin(self._every(presence.RENEWAL, self._renew_leases))
        self.begin(self._every(HEARTBEAT, self._beat))
        self.begin(self._every(ACCESS_CHECK, self._check_access))
        self.begin(self._every(ACCESS_CHECK, self.voices.check))
        self.begin(self._every(NEWS_CHECK, self.elsewhere.check))
        self.begin(self._watch_presence())
        while True:
            try:
                await self({"type": "hub"}, self._receive, self._send)
            except Exception:
                logger.exception("the hub stopped listening and starts again")
            self.listening.clear()
            for room in self.rooms.values():
                room.joined = False
            await asyncio.sleep(1)

    async def _receive(self) -> dict[str, Any]:
        """No client sends anything here; the first call means that the channel is there."""
        await self._join(PLACE_GROUP)
        self.listening.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def _send(self, message: dict[str, Any]) -> None:
        raise AssertionError(f"the hub has no client to send {message['type']} to")

    def hear(self, event: dict[str, Any]) -> None:
        """Of what was announced in this process: without a way through the channel layer, which may be
        slow, or gone. What comes back from there is known by its mark."""
        event["by"] = self.holder
        self.begin(self._handle(event))

    async def dispatch(self, message: dict[str, Any]) -> None:
        """What the layer brings.

        Not Channels' own: that one changes to a thread for each event, to close old connections to the
        database. Whatever uses one here does so through `in_db`, which looks itself.
        """
        if message.get("by") != self.holder:
            await self._handle(message)

    async def _handle(self, event: dict[str, Any]) -> None:
        """An exception in a handler would end the consumer, and with it every page's news."""
        try:
            await getattr(self, get_handler_name(event))(event)
        except Exception:
            logger.exception("event %s was not handled", event.get("type"))
            await self.guarded(self._sweep)

    async def stop(self) -> None:
        """End everything that `run` has begun, and `run` itself.

        A cancellation can get lost: a library that waits for a thread may swallow one that comes just as
        the thread is done (asgiref's bridge does). So it is repeated until everything has ended.
        """
        announcements.ring_by(None)
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=0.1)

    async def drain(self) -> None:
        """Say to all pages that the server restarts, and close their connections bit by bit."""
        pages = [(room, each) for room in self.rooms.values() for each in room.connections]
        for _room, connection in pages:
            with suppress(Exception):  # whoever can't be told will notice
                connection.say_restarting()
        for start in range(0, len(pages), DRAIN_AT_ONCE):
            for room, connection in pages[start : start + DRAIN_AT_ONCE]:
                self._end(room, connection, RESTARTING)
            await asyncio.sleep(DRAIN_PAUSE)
        await self.ringer.rung()

    def begin(self, work: Awaitable[Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self.guarded(work)

    async def guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception:
            logger.exception("%s failed and will be tried again", work)

    async def _join(self, group: str) -> bool:
        """Ask the layer for a group's events. If it cannot, the sweep both replaces and repeats it."""
        try:
            async with asyncio.timeout(5):
                await self.channel_layer.group_add(group, self.channel_name)
        except Exception as error:  # noqa: BLE001 - whatever the layer's client raises
            logger.warning("not listening to %s: %s: %s", group, type(error).__name__, error)
            return False
        return True

    # Coming and going

    async def enter(self, room_id: int, connection: Connection) -> OpenRoom:
        """Push the room's changes to the connection from now on, and count its reader as present.

        The connection then reads what it missed; whatever comes twice is found out by its cursor.
        """
        await self.listening.wait()
        async with self._opening:
            room = self.rooms.get(room_id)
            if room is None:
                joined = await self._join(room_group(room_id))
                version, number = await in_db(self._version)(room_id)
                room = self.rooms[room_id] = OpenRoom(room_id, version, number, joined=joined)
            room.connections.add(connection)
            room.empty_since = None
        self._moved.add((room_id, connection.reader.user))
        self.look_at_presence(room_id)
        return room

    @staticmethod
    def _version(room_id: int) -> tuple[int, int]:
        """The room's version and the number of its last message."""
        return Room.objects.values_list("version", "last_number").get(pk=room_id)

    def leave(self, room_id: int, connection: Connection) -> None:
        """The connection is gone. Its reader stays for `GRACE` seconds unless another page is open."""
        room = self.rooms.get(room_id)
        if room is None or connection not in room.connections:
            return
        room.connections.discard(connection)
        if not room.connections:
            room.empty_since = time.monotonic()
        self._moved.add((room_id, connection.reader.user))
        self.look_at_presence(room_id)

    async def _hold(self, entries: Iterable[tuple[int, int]], seconds: float) -> None:
        try:
            await in_thread(presence.store().renew, "here", entries, self.holder, seconds)
        except Exception as error:  # noqa: BLE001 - whatever the store's client raises
            logger.warning("presence not renewed: %s: %s", type(error).__name__, error)

    # What the layer tells

    async def room_changed(self, event: dict[str, Any]) -> None:
        """A message came or changed, or the room itself."""
        room = self.rooms.get(event["room"])
        if room is None or event["version"] <= room.version:
            return
        room.heard.append(event)
        if len(room.heard) > 1:
            return  # the first one's push takes it along
        now = asyncio.get_running_loop().time()
        more_to_come = threads.waiting() or now < room.busy_until
        rests = room.rests_until - now
        if more_to_come and rests > 0:
            self.begin(self._push_heard_after(rests, room))
        else:
            await self._push_heard(room)

    async def _push_heard_after(self, seconds: float, room: OpenRoom) -> None:
        await asyncio.sleep(seconds)
        try:
            await self._push_heard(room)
        except Exception:
            logger.exception("room %s: what was heard was not pushed", room.pk)
            await self.guarded(self._sweep)

    async def _push_heard(self, room: OpenRoom) -> None:
        """The events in the order of their versions; from the first gap on, the database instead."""
        async with room.lock:
            heard, room.heard = room.heard, []
            steps: list[Step] = []
            reached = room.version
            for event in sorted(heard, key=itemgetter("version")):
                if event["version"] > reached + 1:
                    await self._repair(room)
                    return
                if event["version"] == reached + 1:
                    row, details = event["row"], event["details"]
                    step = Step(
                        reached,
                        event["version"],
                        Row.from_data(row) if row else None,
                        RoomDetails(**details) if details else None,
                    )
                    steps.append(step)
                    reached = step.version
            if steps:
                await self._push(room, steps)

    async def presence_changed(self, event: dict[str, Any]) -> None:
        self.look_at_presence(event["room"])

    async def place_stirred(self, event: dict[str, Any]) -> None:
        """Something was said in a room; those who sit in another may want to know, but not at once."""
        self.elsewhere.stirred(event["room"])

    async def reading_changed(self, event: dict[str, Any]) -> None:
        """Somebody has read more or less than before, which all of their pages are to agree about."""
        self.elsewhere.read(event["users"], event["room"])

    async def people_changed(self, event: dict[str, Any]) -> None:
        """Somebody is called otherwise, or belongs to other rooms than before."""
        users = set(event["users"])
        await self.elsewhere.push(users)
        for room in self.rooms.values():
            if room.people and users & {person.pk for person in room.people.here}:
                self.look_at_presence(room.pk)

    async def look_changed(self, event: dict[str, Any]) -> None:
        """Somebody is called or pictured otherwise: open pages follow in whatever they said."""
        user = event["user"]
        look, rooms = await in_db(shown_in)(user, set(self.rooms))
        if look is None:
            return
        frame = Frame(fragments.look(user, look))
        for room in [self.rooms[pk] for pk in rooms & self.rooms.keys()]:
            self.reach(room, methodcaller("push_look", frame))

    async def access_ended(self, event: dict[str, Any]) -> None:
        users, room_id = set(event["users"]), event["room"]
        for room in list(self.rooms.values()):
            if room_id in (None, room.pk):
                for connection in [c for c in room.connections if c.reader.user in users]:
                    self._end(room, connection, NOT_FOUND if room_id else SIGNED_OUT)

    async def access_changed(self, event: dict[str, Any]) -> None:
        users = event["users"]
        await self._check_access(None if users is None else set(users))

    async def voice_changed(self, event: dict[str, Any]) -> None:
        await self.voices.changed(event["room"], event["users"])

    async def reports_changed(self, event: dict[str, Any]) -> None:
        await self.voices.reported(event["users"])

    async def session_ended(self, event: dict[str, Any]) -> None:
        for room in list(self.rooms.values()):
            for connection in [c for c in room.connections if c.reader.session == event["session"]]:
                self._end(room, connection, SIGNED_OUT)

    # Messages

    async def _push(self, room: OpenRoom, steps: Sequence[Step]) -> None:
        """To every connection of the room; under its lock, so that steps leave in order."""
        began = asyncio.get_running_loop().time()
        rendered: dict[Variant, list[Frame]] = {}
        for connection in room.connections:
            variant = connection.reader.variant
            if variant not in rendered:
                rendered[variant] = [Frame(html) for html in fragments.frames(steps, variant)]
        made = asyncio.get_running_loop().time()
        metrics.DELIVERIES.inc(len(room.connections))
        room.version = steps[-1].version
        self.elsewhere.note_shown(room, steps)
        self.reach(room, lambda each: each.push_steps(steps, rendered[each.reader.variant]))
        ended = asyncio.get_running_loop().time()
        room.rests_until = ended + REST * (ended - began)
        room.busy_until = ended + BUSY * (ended - began)
        metrics.RENDER.observe(made - began)
        metrics.FAN_OUT.observe(ended - made)
        writing = {person.pk for person in room.people.writing} if room.people else set()
        finished = {step.row.author for step in steps if step.row and step.posts} & writing
        if finished:
            entries = [(room.pk, user) for user in finished]
            await in_thread(presence.store().renew, "typing", entries, "typing", 0)
            self.look_at_presence(room.pk)

    def reach(
        self,
        room: OpenRoom,
        push: Callable[[Connection], None],
        connections: Iterable[Connection] | None = None,
    ) -> None:
        """Push to all of the room's connections, or to those of them that are among these; one that
        fails is closed and keeps nothing from the others."""
        for connection in list(room.connections if connections is None else connections):
            if connection not in room.connections:
                continue  # it was ended while what is pushed was read: nothing follows its last word
            try:
                push(connection)
            except TooSlow:
                self.closed_as_too_slow += 1
                metrics.TOO_SLOW.inc()
                logger.warning(
                    "room %s: a connection of user %s does not take what it is sent and is closed"
                    " (the %s. of this process)",
                    room.pk,
                    connection.reader.user,
                    self.closed_as_too_slow,
                )
                self._end(room, connection, TRY_AGAIN_LATER)
            except Exception:
                logger.exception("a connection of room %s failed", room.pk)
                self._end(room, connection, TRY_AGAIN_LATER)

    async def _repair(self, room: OpenRoom) -> None:
        """Read what came between from the database; under the room's lock."""
        found = await in_db(self._steps)(room.pk, room.version)
        if found != []:
            metrics.GAPS.inc()
        if found is None:
            # So far behind that the pages should rather load their newest page: they resume and do.
            room.version, room.number = await in_db(self._version)(room.pk)
            for connection in list(room.connections):
                self._end(room, connection, TRY_AGAIN_LATER)
        elif found:
            logger.info("room %s: repaired %s changes", room.pk, len(found))
            await self._push(room, found)
            self.elsewhere.stirred(room.pk)  # it may be that nobody else will say so

    @staticmethod
    def _steps(room_id: int, version: int) -> list[Step] | None:
        steps = Room.objects.get(pk=room_id).steps_after(version)
        return None if steps is None or fragments.too_far(steps) else steps

    async def _sweep(self) -> None:
        """What a lost or late announcement should have done."""
        for room in [room for room in self.rooms.values() if not room.joined]:
            room.joined = self.listening.is_set() and await self._join(room_group(room.pk))
        await self._close_empty()
        versions = await in_db(self._versions)(list(self.rooms))
        for room in list(self.rooms.values()):
            if versions.get(room.pk, 0) > room.version:
                async with room.lock:
                    await self._repair(room)
        for room_id in self.rooms:
            self.look_at_presence(room_id)

    @staticmethod
    def _versions(room_ids: list[int]) -> dict[int, int]:
        if not room_ids:
            return {}
        return dict(Room.objects.filter(pk__in=room_ids).values_list("pk", "version"))

    async def _close_empty(self) -> None:
        now = time.monotonic()
        for room in list(self.rooms.values()):
            if room.empty_since is not None and now - room.empty_since > EMPTY_ROOM:
                async with self._opening:
                    if not room.connections:
                        del self.rooms[room.pk]
                        await self.channel_layer.group_discard(
                            room_group(room.pk), self.channel_name
                        )

    def _end(self, room: OpenRoom, connection: Connection, code: int) -> None:
        self.leave(room.pk, connection)
        try:
            connection.end(code)
        except Exception as error:  # noqa: BLE001 - it may be half gone, which is what was wanted
            logger.debug("closing a connection: %s: %s", type(error).__name__, error)

    async def _beat(self) -> None:
        for room in list(self.rooms.values()):
            self.reach(room, methodcaller("beat", room.version))

    # People

    def look_at_presence(self, room_id: int) -> None:
        """Soon, together with whatever else changes until then."""
        if room_id in self.rooms:
            self._unseen.add(room_id)
            self._look.set()

    async def _watch_presence(self) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            unseen, self._unseen = self._unseen, set()
            moved, self._moved = self._moved, set()
            await self.guarded(partial(self._note_moves, moved))
            await self.guarded(partial(self._push_people, unseen))
            await asyncio.sleep(PRESENCE_INTERVAL)

    async def _note_moves(self, moved: set[tuple[int, int]]) -> None:
        """Who came is held as present; who has no page left, for `GRACE` seconds more."""
        if not moved:
            return
        users = {room.pk: room.users() for room in self.rooms.values()}
        gone = {entry for entry in moved if entry[1] not in users.get(entry[0], ())}
        await self._hold(moved - gone, presence.LEASE)
        await self._hold(gone, presence.GRACE)
        for room_id in {room_id for room_id, _user in gone}:
            asyncio.get_running_loop().call_later(
                presence.GRACE + 0.1, self.look_at_presence, room_id
            )

    async def _push_people(self, room_ids: set[int]) -> None:
        for room_id, people in (await people_of(room_ids)).items():
            room = self.rooms.get(room_id)
            if room is None or room.people == people:
                continue
            room.people = people
            self.reach(room, methodcaller("push_people", people))

    async def _renew_leases(self) -> None:
        entries = [(room.pk, user) for room in self.rooms.values() for user in room.users()]
        await self._hold(entries, presence.LEASE)

    # Who may still read

    async def _check_access(self, users: set[int] | None = None) -> None:
        """Of these people's pages, or of all, close those that they may no longer read."""
        pages = [
            (room, each)
            for room in self.rooms.values()
            for each in room.connections
            if users is None or each.reader.user in users
        ]
        for room, connection, code in await access.ended(pages):
            self._end(room, connection, code)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of this process, started with the first page that needs it. One per event loop, of which
    a server has one."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = made = Hub()
        # In no request's context, whose thread and language it would keep for ever.
        Context().run(made.start)
    return _hubs[loop]


def running_hub() -> Hub | None:
    """The hub of this process, unless no page has needed it yet."""
    return _hubs.get(asyncio.get_running_loop())


async def drain_hub() -> None:
    """Before the process ends: tell every open page that it will be back, and close what it listens by.

    Not all at once, as they come back at once. Says when the last is closed.
    """
    drained = running_hub()
    if drained is not None:
        await drained.drain()
        await stop_hub()


async def stop_hub() -> None:
    """Stop the hub of this event loop, if it has one; the next page would start another."""
    stopped = _hubs.pop(asyncio.get_running_loop(), None)
    if stopped is not None:
        await stopped.stop()
        await in_db(connections.close_all)()
