"""Many clients in one room: opened here, then driven by crowd.c."""

from __future__ import annotations

import asyncio
import ctypes
import tempfile
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import machine
from tests.bench.compiler import compiled
from tests.bench.wire import Refused, Wire, connected, entered, masked

if TYPE_CHECKING:
    from tests.bench.peers import Chat

AT_ONCE = 32  # handshakes under way: as many as keep a server busy
TRIES = 30  # of one client to come in
BUCKETS, BUCKET = 500_000, 0.01  # of latency: how many, and how many milliseconds each
DONE, CLOSED, LOST, DISORDERED, OVERLOADED, TOO_LARGE, FAILED = range(7)
TRY_AGAIN_LATER = 1013  # the close code of a server that gives a slow client up


class Failure(Exception):
    """A message was lost, doubled or out of its order, or a socket was closed."""


class Overloaded(Exception):
    """Messages came faster than the server could pass them on."""


class _Outcome(ctypes.Structure):
    _fields_ = [
        ("status", ctypes.c_int32),
        ("client", ctypes.c_int32),
        ("expected", ctypes.c_uint32),
        ("got", ctypes.c_uint32),
        ("messages", ctypes.c_uint32),
        ("closed_with", ctypes.c_uint32),
        ("deliveries", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("seconds", ctypes.c_double),
        ("latency", ctypes.c_uint32 * BUCKETS),
    ]


@cache
def _library() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "crowd.so"
        source = Path(__file__).with_suffix(".c")
        library = ctypes.CDLL(str(compiled(source, target, "-shared", "-fPIC")))
    pointer, number, real = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_double
    outcome = ctypes.POINTER(_Outcome)
    library.crowd_new.restype = pointer
    library.crowd_add.argtypes = [pointer, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t]
    library.crowd_listen.argtypes = [pointer, real, outcome]
    library.crowd_run.argtypes = [
        *(pointer, ctypes.c_char_p, ctypes.c_size_t),
        *(number, number, real, real, outcome),
    ]
    library.crowd_free.argtypes = [pointer]
    return library


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast messages are posted: some always on their way, or so many a second."""

    name: str
    in_flight: int
    per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """What one run gave. Latencies in milliseconds, CPU of the server's process in microseconds."""

    messages: int
    deliveries_per_second: float
    p50: float
    p95: float
    p99: float
    bytes_per_delivery: float
    cpu_per_delivery: float
    client: float  # the client's share of its core
    client_core: float  # that core's use, with database and Redis
    foreign: float  # share of the server's core that others took


class Crowd:
    """Clients of a chat. `run` may be repeated; `close` comes last."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.wires: list[Wire] = []
        self.turned_away = 0
        self._crowd = _library().crowd_new()

    async def enter(self, size: int) -> None:
        """So many more clients into the room, `AT_ONCE` of them at any time."""
        self.chat.before_connecting()
        before = len(self.wires)
        listening = asyncio.ensure_future(self._keep_reading())
        try:
            await side_by_side(size, lambda client: self._admit(before + client))
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening

    async def _admit(self, client: int) -> None:
        wire, turned_away = await patiently(lambda: entered(self.chat, client))
        self.turned_away += turned_away
        self.add(wire)

    def add(self, wire: Wire) -> None:
        self.wires.append(wire)
        file, rest = wire.connection.fileno(), wire.rest
        _library().crowd_add(self._crowd, file, rest, len(rest))

    async def _keep_reading(self) -> None:
        while True:
            self.listen(0)
            await asyncio.sleep(0.05)

    def listen(self, seconds: float) -> int:
        """Reads for some seconds, in which nobody says anything. Returns the bytes that came."""
        outcome = _Outcome()
        _library().crowd_listen(self._crowd, seconds, outcome)
        self._check(outcome)
        return int(outcome.bytes)

    def run(self, pace: Pace, seconds: float) -> Run:
        frame = masked(self.chat.post().encode())
        outcome = _Outcome()
        watch = machine.Watch(self.chat.pid)
        _library().crowd_run(
            self._crowd,
            *(frame, len(frame), self.chat.next_number, pace.in_flight),
            *(1 / pace.per_second if pace.per_second else 0.0, seconds, outcome),
        )
        use = watch.read()
        self.chat.next_number += outcome.messages
        self._check(outcome)
        if outcome.deliveries != outcome.messages * len(self.wires):
            raise Failure(f"{outcome.messages} messages made {outcome.deliveries} deliveries")
        p50, p95, p99 = _percentiles(outcome.latency, 0.5, 0.95, 0.99)
        return Run(
            outcome.messages,
            outcome.deliveries / outcome.seconds,
            *(p50, p95, p99),
            outcome.bytes / outcome.deliveries,
            use.server / outcome.deliveries * 1e6,
            *(use.client, use.client_core, use.foreign),
        )

    def _check(self, outcome: _Outcome) -> None:
        name, who = self.chat.name, f"client {outcome.client}"
        if outcome.status == DONE:
            return
        if outcome.status == OVERLOADED or outcome.closed_with == TRY_AGAIN_LATER:
            raise Overloaded(name)
        raise Failure(
            {
                CLOSED: f"{name}: {who} was cut off with {outcome.closed_with or 1006}",
                LOST: f"{name}: what was posted has not come to everybody",
                DISORDERED: f"{name}: {who} got message {outcome.got}, due was {outcome.expected}",
                TOO_LARGE: f"{name}: {who} was sent a frame without end",
                FAILED: f"{name}: a message could not be sent",
            }[outcome.status]
        )

    def close(self) -> None:
        for wire in self.wires:
            wire.close()
        _library().crowd_free(self._crowd)


async def patiently(connect: Callable[[], Awaitable[Wire]]) -> tuple[Wire, int]:
    """One who is turned away by a busy server tries again, as a page does. Also says how often."""
    for turned_away in range(TRIES):
        try:
            return await connect(), turned_away
        except (Refused, OSError, TimeoutError):
            if turned_away == TRIES - 1:
                raise
            await asyncio.sleep(1)
    raise AssertionError("unreachable")


async def side_by_side(
    size: int, work: Callable[[int], Awaitable[None]], at_once: int = AT_ONCE
) -> None:
    """Awaits `work(0)`, `work(1)` … up to `size`, `at_once` at any time."""
    numbers = iter(range(size))

    async def one_after_another() -> None:
        for number in numbers:
            await work(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(size, at_once)):
            group.create_task(one_after_another())


async def handshakes(chat: Chat, size: int) -> float:
    """Sockets that the server accepts in a second."""
    wires: list[Wire] = []

    async def connect(client: int) -> None:
        wire, _turned_away = await patiently(lambda: connected(chat, client))
        wires.append(wire)

    loop = asyncio.get_running_loop()
    started = loop.time()
    await side_by_side(size, connect)
    taken = loop.time() - started
    for wire in wires:
        wire.close()
    return size / taken


def _percentiles(histogram: ctypes.Array[ctypes.c_uint32], *shares: float) -> list[float]:
    upto = list(accumulate(histogram))
    return [(bisect_left(upto, share * upto[-1]) + 0.5) * BUCKET for share in shares]
