"""How often one person may do something: so often a minute, and some times at once after a pause.

What is counted is when the person would be back where they began (the generic cell rate algorithm): one
number for each person and kind, in Redis where processes share one, else in this process. While Redis is
away each process counts by itself: a limit that is looser for a while beats a place where nobody can
talk.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import redis
from django.conf import settings
from django.utils.translation import ngettext

from .models import TryLater

if TYPE_CHECKING:
    from .models import User

logger = logging.getLogger(__name__)

KEPT = 10_000  # people of whom a process remembers something
REDIS_TIMEOUT = 0.5  # seconds; whoever posts waits for it
PAUSE = 5.0  # seconds without Redis before it is asked again


class Pace(NamedTuple):
    """So many within a minute in the long run, and so many at once."""

    per_minute: float
    at_once: int

    @property
    def interval(self) -> float:
        """Seconds that each one takes."""
        return 60 / self.per_minute


# What people do as fast as they can is far below these. Files come ten to a message.
PACES = {
    "edit": Pace(30, 20),
    "react": Pace(60, 30),
    "upload": Pace(60, 40),
    "report": Pace(1, 5),
}


class TooFast(TryLater):
    """One person does too much at once."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            ngettext(
                "That was a lot at once. Try again in %(seconds)s second; nothing you typed is lost.",
                "That was a lot at once. Try again in %(seconds)s seconds; nothing you typed is lost.",
                seconds,
            )
            % {"seconds": seconds},
            seconds,
            code="too_fast",
        )


def pace_of(kind: str) -> Pace | None:
    """None if there are no limits here."""
    if not settings.POSTS_PER_MINUTE:
        return None
    if kind == "post":
        return Pace(settings.POSTS_PER_MINUTE, settings.POSTS_AT_ONCE)
    return PACES[kind]


def spend(kind: str, user: User) -> None:
    """Count one thing that somebody does. Raises `TooFast` if it is one too many."""
    pace = pace_of(kind)
    if pace is None:
        return
    wait = _counter().take(f"{kind}:{user.pk}", pace)
    if wait > 0:
        raise TooFast(int(wait) + 1)


def give_back(kind: str, user: User) -> None:
    """That one was none."""
    pace = pace_of(kind)
    if pace is not None:
        _counter().give_back(f"{kind}:{user.pk}", pace)


class Memory:
    """For a single process."""

    def __init__(self) -> None:
        self._even_at: dict[str, float] = {}  # when each would be back where they began
        self._lock = threading.Lock()

    def take(self, name: str, pace: Pace) -> float:
        """0 if there was one left, else the seconds until there is."""
        now = time.monotonic()
        with self._lock:
            even = max(now, self._even_at.get(name, now))
            wait = even - now - (pace.at_once - 1) * pace.interval
            if wait > 0:
                return wait
            if len(self._even_at) >= KEPT:
                self._forget(now)
            self._even_at[name] = even + pace.interval
        return 0

    def give_back(self, name: str, pace: Pace) -> None:
        with self._lock:
            if name in self._even_at:
                self._even_at[name] -= pace.interval

    def _forget(self, now: float) -> None:
        """Whoever is back where they began; should all be busy, everybody."""
        self._even_at = {name: even for name, even in self._even_at.items() if even > now}
        if len(self._even_at) >= KEPT:
            self._even_at.clear()


# As above, by Redis's own clock. Should that be set back, nobody waits longer than for all that they
# may do at once.
_TAKE = """local t = redis.call('TIME'); local now = t[1] + t[2] / 1000000
local interval, at_once = tonumber(ARGV[1]), tonumber(ARGV[2])
local even = math.min(tonumber(redis.call('GET', KEYS[1]) or now), now + at_once * interval)
even = math.max(even, now)
local wait = even - now - (at_once - 1) * interval
if wait > 0 then return tostring(wait) end
even = string.format('%.6f', even + interval)
redis.call('SET', KEYS[1], even, 'EX', math.ceil(at_once * interval) + 1)
return '0'"""
_GIVE_BACK = """local even = redis.call('GET', KEYS[1])
if even then redis.call('SET', KEYS[1], string.format('%.6f', even - ARGV[1]), 'KEEPTTL') end"""


class Shared:
    """For several processes."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=REDIS_TIMEOUT,
            socket_connect_timeout=REDIS_TIMEOUT,
            decode_responses=True,
        )
        self._meanwhile = Memory()
        self._away_until = 0.0

    def take(self, name: str, pace: Pace) -> float:
        found = self._ask(_TAKE, name, pace.interval, pace.at_once)
        return self._meanwhile.take(name, pace) if found is None else float(found)

    def give_back(self, name: str, pace: Pace) -> None:
        if self._ask(_GIVE_BACK, name, pace.interval) is None:
            self._meanwhile.give_back(name, pace)

    def _ask(self, script: str, name: str, *values: float) -> str | None:
        """What the script returns, "" if that is nothing; None while Redis is away."""
        if time.monotonic() < self._away_until:
            return None
        try:
            found = self._redis.eval(script, 1, f"{settings.REDIS_PREFIX}:pace:{name}", *values)
        except redis.RedisError as error:
            self._away_until = time.monotonic() + PAUSE
            logger.warning("counted here alone: %s: %s", type(error).__name__, error)
            return None
        return str(found or "")


@cache
def _counter() -> Memory | Shared:
    # One number for each person need not be spread over several servers.
    return Shared(settings.REDIS_URLS[0]) if settings.REDIS_URLS else Memory()
