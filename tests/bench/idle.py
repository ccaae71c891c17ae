"""What connections cost on which nothing happens, and how fast they are made."""

from __future__ import annotations

import asyncio

from tests.bench import machine
from tests.bench.crowd import Crowd, handshakes
from tests.bench.effort import Effort, Figures, medians, number, rounded, table, tell
from tests.bench.peers import Chat
from tests.bench.peers.socketio import SocketIO
from tests.bench.peers.tutorial import Tutorial
from tests.bench.site import Services, Site

TITLE = "Connections"
FIRST = 0.2  # of the connections come before memory is read, and pay for what is made once


def measure(effort: Effort) -> Figures:
    """Each round has servers of its own, since a process does not give memory back."""
    return medians([_round(turn, effort) for turn in range(effort.rounds)])


def _round(turn: int, effort: Effort) -> dict[str, Figures]:
    found = {}
    with Services() as services:
        for chat in (
            SocketIO(),
            Tutorial(services.redis.url),
            Site(people=effort.crowd),
            Site(services, people=effort.crowd),
        ):
            with chat:
                tell(f"connections, round {turn + 1}: {chat.name}")
                found[chat.name] = asyncio.run(_measure(chat, effort))
    return found


async def _measure(chat: Chat, effort: Effort) -> Figures:
    crowd = Crowd(chat)
    first = int(effort.crowd * FIRST)
    try:
        alone = idle_cpu(crowd, effort.idle / 4)
        await crowd.enter(first)
        before = _memory(crowd)
        await crowd.enter(effort.crowd - first)
        grown = _memory(crowd) - before
        busy = idle_cpu(crowd, effort.idle)
    finally:
        crowd.close()
    machine.settle(chat.pid)
    watch = machine.Watch(chat.pid)
    per_second = await handshakes(chat, effort.crowd)
    use = watch.read()
    return {
        "connections": effort.crowd,
        "bytes_each": rounded(grown / (effort.crowd - first)),
        "idle_cpu_each": rounded(max(0.0, busy - alone) / effort.crowd * 1000),  # ms a second
        "handshakes_per_second": rounded(per_second),
        "handshake_cpu": rounded(use.server / effort.crowd * 1000),  # ms
        "client": rounded(use.client),
        "foreign": rounded(use.foreign),
    }


def idle_cpu(crowd: Crowd, seconds: float) -> float:
    """Seconds of CPU that the server uses in a second."""
    watch = machine.Watch(crowd.chat.pid)
    crowd.listen(seconds)
    use = watch.read()
    return use.server / use.seconds


def _memory(crowd: Crowd) -> int:
    crowd.listen(1.0)
    machine.settle(crowd.chat.pid)
    return machine.memory(crowd.chat.pid)


def report(found: Figures) -> str:
    rows = [
        [
            name,
            number(figures["bytes_each"] / 1000),
            f"{figures['idle_cpu_each']:.3f}",
            *(number(figures[name]) for name in ("handshakes_per_second", "handshake_cpu")),
            *(f"{figures[name]:.0%}" for name in ("client", "foreign")),
        ]
        for name, figures in found.items()
    ]
    size = next(iter(found.values()))["connections"]
    head = [
        f"{size:,} connections",
        "memory each, kB",
        "idle CPU each, ms/s",
        "handshakes/s",
        "CPU each, ms",
    ]
    return table([*head, "client's CPU", "others' CPU"], rows)
