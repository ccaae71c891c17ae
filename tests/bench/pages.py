"""What a page costs, with nothing going on and with messages being posted elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress

from tests.bench import machine
from tests.bench.effort import Effort, Figures, medians, number, plain, rounded, table, tell
from tests.bench.peers.stock import Stock
from tests.bench.posting import new_key
from tests.bench.site import CSRF, Services, Site
from tests.bench.web import Browser, load

TITLE = "Pages"
AT_ONCE = 4  # requests on their way
READERS = 20  # people who take turns
ROOMS = 50
MESSAGES = 150  # in the room whose pages are asked for: three pages of 50
BEFORE = 101  # the number whose older page is asked for
COMMITS = 20  # a second, in another room
AUTHORS = 12  # people who make them
EMPTY = "stock Django, an empty page"

Worker = Callable[[], Awaitable[object]]


def reading(server: Stock | Site, path: str, **headers: str) -> list[Worker]:
    """`AT_ONCE` workers, with each of whom a few people take turns."""

    def worker(first: int) -> Worker:
        turns = [
            Browser(server.port, server.cookies[person])
            for person in range(first, READERS, AT_ONCE)
        ]

        async def ask() -> None:
            turns.append(turns.pop(0))
            await turns[-1].get(path, **headers)

        return ask

    return [worker(first) for first in range(AT_ONCE)]


class Elsewhere:
    """People who post in another room, so many messages a second, however long each takes."""

    def __init__(self, site: Site) -> None:
        self.path = f"/rooms/{site.slugs[-1]}/send/"
        self.authors = [
            Browser(site.port, site.cookies[person], {"roomful_csrf": CSRF})
            for person in range(READERS, READERS + AUTHORS)
        ]
        self.posted = 0

    async def talk(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        async with asyncio.TaskGroup() as posts:
            while True:
                if self.authors:  # else all of them wait, and there are fewer commits than wanted
                    posts.create_task(self._post(self.authors.pop(0)))
                due += 1 / COMMITS
                await asyncio.sleep(due - loop.time())

    async def _post(self, author: Browser) -> None:
        await author.post(self.path, {"key": new_key(), "text": "Elsewhere"})
        self.posted += 1
        self.authors.append(author)


@asynccontextmanager
async def commits(site: Site) -> AsyncIterator[Elsewhere]:
    elsewhere = Elsewhere(site)
    talking = asyncio.ensure_future(elsewhere.talk())
    await asyncio.sleep(0.2)
    try:
        yield elsewhere
    finally:
        talking.cancel()
        with suppress(asyncio.CancelledError):
            await talking


async def cost_of_commit(site: Site, seconds: float) -> float:
    """What a post elsewhere takes of the server's CPU by itself, in milliseconds."""
    async with commits(site) as elsewhere:
        before, watch = elsewhere.posted, machine.Watch(site.pid)
        await asyncio.sleep(seconds)
        return watch.read().server / (elsewhere.posted - before) * 1000


def measure(effort: Effort) -> Figures:
    with Services() as services, Stock(READERS) as stock, ExitStack() as running:
        sites = [
            running.enter_context(
                Site(used, people=READERS + AUTHORS, rooms=ROOMS, messages=MESSAGES)
            )
            for used in (None, services)
        ]
        rounds = [asyncio.run(_round(turn, stock, sites, effort)) for turn in range(effort.rounds)]
    found = medians(rounds)
    for figures in found.values():
        figures["cpu_to_empty"] = round(figures["cpu"] / found[EMPTY]["cpu"], 3)
    return found


async def _round(
    turn: int, stock: Stock, sites: Sequence[Site], effort: Effort
) -> dict[str, Figures]:
    tell(f"pages, round {turn + 1}")
    found = {EMPTY: await _load(stock.pid, reading(stock, "/"), effort)}
    for site in sites:
        found |= await _site(site, effort)
    return found


async def _site(site: Site, effort: Effort) -> dict[str, Figures]:
    room = f"/rooms/{site.slugs[0]}/"
    as_htmx = {"HX-Request": "true"}
    pages = {
        "room page, 50 messages": reading(site, room),
        "room page, not compressed": reading(site, room, **{"Accept-Encoding": "identity"}),
        "older page, 50 messages": reading(site, f"{room}?before={BEFORE}", **as_htmx),
        f"list of {ROOMS} rooms": reading(site, "/rooms/"),
    }
    found = {}
    for name, workers in pages.items():
        found[f"{site.name}, {name}"] = await _load(site.pid, workers, effort)
    cost = await cost_of_commit(site, effort.seconds)
    async with commits(site) as elsewhere:
        for name, workers in pages.items():
            if "compressed" not in name:
                await load(site.pid, workers, effort.warm_up)
                before = elsewhere.posted
                figures = plain(await load(site.pid, workers, effort.seconds))
                posts = elsewhere.posted - before
                figures["commits_per_second"] = rounded(posts / effort.seconds)
                figures["cpu"] = rounded(figures["cpu"] - cost * posts / figures["requests"])
                found[f"{site.name}, {name}, {COMMITS} commits/s elsewhere"] = figures
    return found


async def _load(pid: int, workers: list[Worker], effort: Effort) -> Figures:
    await load(pid, workers, effort.warm_up)
    return plain(await load(pid, workers, effort.seconds))


def report(found: Figures) -> str:
    rows = [
        [
            name,
            *(number(figures[name]) for name in ("per_second", "cpu")),
            f"{figures['cpu_to_empty']:.2f}",
            *(number(figures[name]) for name in ("p50", "p95")),
            *(f"{figures[name]:.0%}" for name in ("client", "foreign")),
        ]
        for name, figures in found.items()
    ]
    head = [f"{AT_ONCE} read at once", "a second", "CPU, ms", "to the empty page", "p50, ms", "p95"]
    return table([*head, "client's CPU", "others' CPU"], rows)
