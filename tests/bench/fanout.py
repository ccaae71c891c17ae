"""How fast what one person says reaches a whole room."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

from tests.bench import machine
from tests.bench.crowd import Crowd, Failure, Overloaded, Pace
from tests.bench.effort import Effort, Figures, medians, number, plain, table, tell
from tests.bench.peers import Chat
from tests.bench.peers.bare import Bare
from tests.bench.peers.socketio import SocketIO
from tests.bench.peers.tutorial import Tutorial
from tests.bench.site import Services, Site

TITLE = "Fan-out"
PER_SECOND = 50
PACES = [
    Pace("1 in flight", 1),
    Pace("10 in flight", 10),
    # Half a second's worth on its way means that it will only become more.
    Pace(f"{PER_SECOND} a second", PER_SECOND // 2, PER_SECOND),
]
REFERENCES = ("socket.io", "bare loop")


def measure(effort: Effort) -> Figures:
    """For each size of room and each server, what each pace gave."""
    people = max(effort.room_sizes)
    found: Figures = {}
    with Services() as services, ExitStack() as running:
        chats: list[Chat] = [Bare(), SocketIO(), Tutorial(services.redis.url)]
        chats += [Site(people=people), Site(services, people=people)]
        for chat in chats:
            running.enter_context(chat)
        for size in effort.room_sizes:
            rounds: list[dict[str, Figures]] = []
            for turn in range(effort.rounds):
                rounds.append({})
                for chat in chats:
                    tell(f"fan-out to {size}, round {turn + 1}: {chat.name}")
                    rounds[-1] |= asyncio.run(_measure(chat, size, effort))
            found[str(size)] = _by_server(medians(rounds))
    return found


async def _measure(chat: Chat, size: int, effort: Effort) -> dict[str, Figures]:
    found = {}
    crowd = Crowd(chat)
    try:
        await crowd.enter(size)
        if crowd.turned_away:
            tell(f"{chat.name} turned clients away {crowd.turned_away} times")
        machine.settle(chat.pid)
        crowd.listen(0.1)
        for pace in PACES:
            crowd.run(pace, effort.warm_up)
            found[f"{chat.name}: {pace.name}"] = plain(crowd.run(pace, effort.seconds))
    except Overloaded:
        tell(
            f"{chat.name} cannot keep up"
        )  # so this pace has no figure, nor have those that follow
    except Failure as failure:
        tell(f"FAILED: {failure}")
        found[f"{chat.name}: failed"] = {"failure": str(failure)}
    finally:
        crowd.close()
    machine.settle(chat.pid)
    return found


def _by_server(found: dict[str, Figures]) -> Figures:
    nested: Figures = {}
    for name, figures in found.items():
        server, _colon, pace = name.partition(": ")
        nested.setdefault(server, {})[pace] = figures
    for of_server in nested.values():
        for pace, figures in of_server.items():
            for reference in REFERENCES:
                of_reference = nested.get(reference, {}).get(pace)
                if of_reference and "failure" not in figures:
                    _compare(figures, of_reference, reference)
    return nested


def _compare(figures: Figures, reference: Figures, name: str) -> None:
    rate, cpu = "deliveries_per_second", "cpu_per_delivery"
    figures[f"rate_to_{name}"] = round(figures[rate] / reference[rate], 3)
    figures[f"cpu_to_{name}"] = round(figures[cpu] / reference[cpu], 3)


def report(found: Figures) -> str:
    tables = [_report_of(size, servers) for size, servers in found.items()]
    if len(found) > 1:
        tables.append(_report_of_parts(found))
    return "\n\n".join(tables)


def _report_of_parts(found: Figures) -> str:
    """From the smallest and the largest room: what a message costs whoever is there, and what a
    delivery adds to that."""
    sizes = sorted(found, key=int)
    few, many = sizes[0], sizes[-1]
    rows = []
    for server in found[few]:
        for pace in PACES:
            both = [found[size].get(server, {}).get(pace.name) for size in (few, many)]
            if not all(both):
                continue
            small, large = (
                figures["cpu_per_delivery"] * int(size)
                for figures, size in zip(both, (few, many), strict=True)
            )
            each = (large - small) / (int(many) - int(few))
            message = number(max(0.0, small - each * int(few)))
            rows.append([server, pace.name, message, f"{each:.1f}"])
    head = ["CPU, µs", "messages", "for a message", "and for each delivery"]
    return table(head, rows)


def _report_of(size: str, servers: Figures) -> str:
    rows = [
        [server, pace.name, *_row(figures, paced=pace.per_second > 0)]
        for pace in PACES
        for server, paces in servers.items()
        if (figures := paces.get(pace.name, {})) or "failed" not in paces
    ]
    failures = [paces["failed"]["failure"] for paces in servers.values() if "failed" in paces]
    head = [
        f"{int(size):,} in the room",
        "messages",
        "deliveries/s",
        "to socket.io",
        "to the bare loop",
        "CPU each, µs",
        "to socket.io",
        "p50, ms",
        "p95",
        "p99",
        "bytes each",
        "client's CPU",
        "others' CPU",
    ]
    return table(head, rows) + "".join(f"\n\n**{failure}**" for failure in failures)


def _row(figures: Figures, *, paced: bool) -> list[str]:
    if not figures:
        return ["cannot keep up", *[""] * 10]
    rate = number(figures["deliveries_per_second"])
    ratios = [f"{figures.get(f'rate_to_{reference}', 0):.2f}" for reference in REFERENCES]
    return [
        *(["", "", ""] if paced else [rate, *ratios]),
        number(figures["cpu_per_delivery"]),
        f"{figures.get('cpu_to_socket.io', 0):.2f}",
        *(number(figures[name]) for name in ("p50", "p95", "p99", "bytes_per_delivery")),
        *(f"{figures[name]:.0%}" for name in ("client", "foreign")),
    ]
