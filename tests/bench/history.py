"""What a room's past costs: a thousand times as many messages should make no page dearer."""

from __future__ import annotations

import asyncio

from tests.bench.effort import Effort, Figures, medians, number, plain, table, tell
from tests.bench.pages import AT_ONCE, READERS, Worker, reading
from tests.bench.site import Services, Site
from tests.bench.web import load

TITLE = "A long past"
MISSED = 20  # messages that a page which catches up has missed
AS_HTMX = {"HX-Request": "true"}


def measure(effort: Effort) -> Figures:
    """For each kind of page, a room with `effort.past` messages beside one with a thousandth of that."""
    found: Figures = {}
    with Services() as services:
        for used in (None, services):
            with Site(used, people=READERS, rooms=3) as site:
                rooms = dict(zip(sizes(effort), site.slugs[1:], strict=True))
                for size, slug in rooms.items():
                    tell(f"history: {site.name} is given {size:,} messages")
                    site.arrange("fill", slug, str(size))
                rounds = [
                    asyncio.run(_round(turn, site, rooms, effort)) for turn in range(effort.rounds)
                ]
                found |= medians(rounds)
    return found


def sizes(effort: Effort) -> tuple[int, int]:
    return max(effort.past // 1000, 1000), effort.past


async def _round(
    turn: int, site: Site, rooms: dict[int, str], effort: Effort
) -> dict[str, Figures]:
    tell(f"history, round {turn + 1}: {site.name}")
    found = {}
    for kind in pages(site, "", 0):
        for size, slug in rooms.items():
            workers = pages(site, slug, size)[kind]
            await load(site.pid, workers, effort.warm_up)
            found[f"{site.name}, {kind}, {size:,}"] = plain(
                await load(site.pid, workers, effort.seconds)
            )
    return found


def pages(site: Site, slug: str, size: int) -> dict[str, list[Worker]]:
    room = f"/rooms/{slug}/"
    return {
        "newest page": reading(site, room),
        "older page": reading(site, f"{room}?before={size // 2}", **AS_HTMX),
        "a message's own page": reading(site, f"{room}{size // 2}/"),
        f"catching up with {MISSED}": reading(
            site, f"{room}changes/?after={size - MISSED}", **AS_HTMX
        ),
    }


def report(found: Figures) -> str:
    rows = []
    names = list(found)
    for few, many in zip(names[::2], names[1::2], strict=True):
        name, _comma, size = many.rpartition(", ")
        short, long = found[few], found[many]
        rows.append(
            [
                f"{name} of {size}",
                *(number(long[figure]) for figure in ("cpu", "p50", "p95")),
                *(f"{long[figure] / short[figure]:.2f}" for figure in ("cpu", "p50", "p95")),
                f"{max(short['foreign'], long['foreign']):.0%}",
            ]
        )
    head = [f"{AT_ONCE} read at once", "CPU, ms", "p50, ms", "p95"]
    return table(
        [*head, "CPU to a thousandth of it", "p50", "p95", "others' CPU"],
        rows,
    )
