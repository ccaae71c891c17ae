"""Who is here, and who is writing: leases, never counters.

Whoever is in a room holds a lease that is renewed while a page of theirs is open and lapses by itself
when it is not. A process that is killed cannot leave a ghost behind for longer than the lease, and many
tabs are one person because the answer is a set of people.

Two stores with one interface: this process's memory, or Redis where several processes share a place, be
it one server or several among which the rooms are dealt out. All are synchronous; the hub calls them
from a thread.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol
from zlib import crc32

import redis
from django.conf import settings

from ..models import mentions
from ..models.announcements import room_group

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

logger = logging.getLogger(__name__)

Kind = Literal["here", "typing"]

LEASE = 30.0  # seconds; three renewals of the hub's may fail before it lapses
RENEWAL = 10.0  # seconds between two renewals
POLL_LEASE = 12.0  # seconds; a page that polls every 3 s may miss three
GRACE = 5.0  # seconds after the last page closed: a reload or a tunnel does not flicker
TYPING_LEASE = 6.0  # seconds; the page says it again every second or two while keys are pressed


class Store(Protocol):
    """Leases under (kind, room, person, holder). `holder` tells apart what renews them: each process
    for its sockets, the polls, the streams."""

    def renew(
        self, kind: Kind, entries: Iterable[tuple[int, int]], holder: str, seconds: float
    ) -> None:
        """Let each (room, person) of `entries` be held for `seconds` from now, no matter how long it
        was held before: a smaller number than last time shortens it."""

    def held(self, kind: Kind, rooms: Iterable[int]) -> dict[int, set[int]]:
        """The people with a lease in each of the rooms, by any holder. Rooms whose leases are out of
        reach are left out, and if there are none but those, the reason is raised."""

    def clear(self) -> None:
        """End all leases."""


class MemoryStore:
    """For a single process."""

    def __init__(self) -> None:
        self._leases: dict[tuple[Kind, int], dict[tuple[int, str], float]] = {}
        self._lock = threading.Lock()

    def renew(
        self, kind: Kind, entries: Iterable[tuple[int, int]], holder: str, seconds: float
    ) -> None:
        until = time.monotonic() + seconds
        with self._lock:
            for room, person in entries:
                self._leases.setdefault((kind, room), {})[person, holder] = until

    def held(self, kind: Kind, rooms: Iterable[int]) -> dict[int, set[int]]:
        now = time.monotonic()
        with self._lock:
            return {room: self._people(kind, room, now) for room in rooms}

    def _people(self, kind: Kind, room: int, now: float) -> set[int]:
        leases = self._leases.get((kind, room))
        if leases is None:
            return set()
        for lapsed in [entry for entry, until in leases.items() if until <= now]:
            del leases[lapsed]
        if not leases:
            del self._leases[kind, room]
        return {person for person, _holder in leases}

    def clear(self) -> None:
        with self._lock:
            self._leases.clear()


# Redis's own clock decides, so that machines whose clocks differ agree on who is here. Should that be set
# back, leases that were to lapse soon would last an hour: none is left more than the longest has. The
# scripts are sent along each time: they are shorter than the question whether Redis has them.
_NOW = "local t = redis.call('TIME'); local now = t[1] + t[2] / 1000000"
_RENEW = f"""{_NOW}
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i]) end
redis.call('EXPIRE', KEYS[1], 3600)"""
_HELD = f"""{_NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local longest = now + ARGV[1]
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. longest, '+inf')) do
  redis.call('ZADD', KEYS[1], longest, member)
end
return redis.call('ZRANGE', KEYS[1], 0, -1)"""


class RedisStore:
    """For several processes: a sorted set per room, scored by when each lease lapses."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url, socket_timeout=2, socket_connect_timeout=2, decode_responses=True
        )

    def renew(
        self, kind: Kind, entries: Iterable[tuple[int, int]], holder: str, seconds: float
    ) -> None:
        by_room: dict[int, list[str]] = {}
        for room, person in entries:
            by_room.setdefault(room, []).append(f"{person}:{holder}")
        with self._redis.pipeline(transaction=False) as pipeline:
            for room, members in by_room.items():
                pipeline.eval(_RENEW, 1, self._key(kind, room), seconds, *members)
            pipeline.execute()

    def held(self, kind: Kind, rooms: Iterable[int]) -> dict[int, set[int]]:
        rooms = list(rooms)
        with self._redis.pipeline(transaction=False) as pipeline:
            for room in rooms:
                pipeline.eval(_HELD, 1, self._key(kind, room), LEASE)
            found = pipeline.execute()
        return {
            room: {int(member.partition(":")[0]) for member in members}
            for room, members in zip(rooms, found, strict=True)
        }

    def clear(self) -> None:
        for key in self._redis.scan_iter(f"{settings.REDIS_PREFIX}:lease:*"):
            self._redis.delete(key)

    @staticmethod
    def _key(kind: Kind, room: int) -> str:
        return f"{settings.REDIS_PREFIX}:lease:{kind}:{room}"


class ShardedStore:
    """For several Redis servers: each room's leases are on one of them, and one that is lost costs no
    other's rooms anything."""

    def __init__(self, stores: Sequence[Store]) -> None:
        self._stores = stores

    def renew(
        self, kind: Kind, entries: Iterable[tuple[int, int]], holder: str, seconds: float
    ) -> None:
        by_store: dict[int, list[tuple[int, int]]] = {}
        for room, person in entries:
            by_store.setdefault(self.shard(room), []).append((room, person))
        failed = None
        for shard, some in by_store.items():
            try:
                self._stores[shard].renew(kind, some, holder, seconds)
            except redis.RedisError as error:
                failed = error
        if failed:
            raise failed

    def held(self, kind: Kind, rooms: Iterable[int]) -> dict[int, set[int]]:
        by_store: dict[int, list[int]] = {}
        for room in rooms:
            by_store.setdefault(self.shard(room), []).append(room)
        found: dict[int, set[int]] = {}
        failed = None
        for shard, some in by_store.items():
            try:
                found.update(self._stores[shard].held(kind, some))
            except redis.RedisError as error:
                failed = error
        if failed and not found:
            raise failed
        return found

    def clear(self) -> None:
        for store in self._stores:
            store.clear()

    def shard(self, room: int) -> int:
        """Which of the servers is the room's: that one to which the channel layer sends its events (the
        formula is channels_redis's), so that with a lost server a room loses either both or nothing."""
        group = f"{settings.REDIS_PREFIX}__group__{room_group(room)}"
        return int((crc32(group.encode()) & 0xFFF) / (4096 / len(self._stores)))


@cache
def store() -> Store:
    """The store of this process, as the settings say."""
    if not settings.REDIS_URLS:
        return MemoryStore()
    stores = [RedisStore(url) for url in settings.REDIS_URLS]
    return ShardedStore(stores) if len(stores) > 1 else stores[0]


# For pages: while the store is out of reach they show nobody rather than fail. (The hub lets the
# exception through and leaves its pages as they are.)


def renew(kind: Kind, entries: Iterable[tuple[int, int]], holder: str, seconds: float) -> None:
    """As `Store.renew`."""
    try:
        store().renew(kind, entries, holder, seconds)
    except redis.RedisError as error:
        logger.warning("%s not renewed: %s: %s", kind, type(error).__name__, error)


def held(kind: Kind, rooms: Iterable[int]) -> dict[int, set[int]]:
    """As `Store.held`."""
    nobody: dict[int, set[int]] = {room: set() for room in rooms}
    try:
        return nobody | store().held(kind, nobody)
    except redis.RedisError as error:
        logger.warning("%s not known: %s: %s", kind, type(error).__name__, error)
        return nobody


def counts(rooms: Iterable[int]) -> dict[int, int]:
    """How many people are in each of the rooms."""
    return {room: len(people) for room, people in held("here", rooms).items()}


mentions.ask_who_is_present(lambda room: held("here", [room])[room])
