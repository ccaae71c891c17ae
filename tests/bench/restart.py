"""A server is started anew; meanwhile much was said. How long until every page is whole again?"""

from __future__ import annotations

import asyncio
import random
import re
import time
from contextlib import ExitStack

from tests.bench import machine
from tests.bench.crowd import patiently, side_by_side
from tests.bench.effort import Effort, Figures, medians, number, rounded, table, tell
from tests.bench.site import Services, Site
from tests.bench.wire import Refused, Wire, connected, entered

TITLE = "Restart"
MISSED = 500  # messages said while the server is away
SAID = re.compile(rb"bench-(\d{7})")
WHOLE_LIST = b"innerHTML:#messages>ol"  # for a page too far behind to be told of each message
SLOWEST = 6  # htmx doubles its longest wait so many times
PATIENCE = 180.0  # seconds


class Page:
    """Its socket is connected again as htmx does: at random within 1, 2, 4 … 64 seconds."""

    def __init__(self, site: Site, person: int, last: int) -> None:
        self.site, self.person, self.last = site, person, last
        self.tries: list[float] = []
        self.retries = 0
        self.whole, self.whole_at = asyncio.Event(), 0.0

    async def live(self, wire: Wire) -> None:
        try:
            while True:
                await wire.frames()
        except (Refused, OSError):
            wire.close()
        while not self.whole.is_set():
            await asyncio.sleep(random.random() * 2 ** min(self.retries, SLOWEST))
            self.retries += 1
            self.tries.append(time.monotonic())
            try:
                await self._catch_up()
            except (Refused, OSError, TimeoutError):
                continue

    async def _catch_up(self) -> None:
        wire = await connected(self.site, self.person)
        self.retries = 0
        try:
            for greeting in self.site.greetings():
                await wire.send(greeting)
            said: list[int] = []
            replaced = False
            while not said or said[-1] < self.last:
                for frame in await wire.frames():
                    replaced = replaced or WHOLE_LIST in frame
                    said += [int(found) for found in SAID.findall(frame)]
            first = said[0] if replaced else self.last - MISSED + 1
            self.whole_at = time.monotonic()
            self.whole.set()
            assert said == list(range(first, self.last + 1)), f"page {self.person} got {said}"
            while True:  # a page stays, and answers pings
                await wire.frames()
        finally:
            wire.close()

    def tries_since(self, ready: float) -> list[float]:
        """When it tried while the server was there: at least once, as the last try went well."""
        return [tried for tried in self.tries if tried >= ready] or self.tries[-1:]

    def lag(self, ready: float) -> float:
        """Seconds from its first try while the server was there until it was whole."""
        return self.whole_at - self.tries_since(ready)[0]


def measure(effort: Effort) -> Figures:
    rounds: list[dict[str, Figures]] = []
    with Services() as services, ExitStack() as running:
        sites = [
            running.enter_context(Site(used, people=effort.crowd, messages=50))
            for used in (None, services)
        ]
        for turn in range(effort.rounds):
            rounds.append({})
            for site in sites:
                tell(f"restart, round {turn + 1}: {site.name}")
                rounds[-1][site.name] = asyncio.run(_measure(site, effort.crowd))
    return medians(rounds)


async def _measure(site: Site, size: int) -> Figures:
    site.before_connecting()
    first, last = site.next_number, site.next_number + MISSED - 1
    site.next_number = last + 1
    pages = [Page(site, person, last) for person in range(size)]
    living: list[asyncio.Task[None]] = []

    async def open_page(person: int) -> None:
        wire, _turned_away = await patiently(lambda: entered(site, person))
        living.append(asyncio.ensure_future(pages[person].live(wire)))

    await side_by_side(size, open_page)
    await asyncio.to_thread(machine.settle, site.pid)
    stopped = time.monotonic()
    await asyncio.to_thread(site.roomful.stop)
    await asyncio.to_thread(site.arrange, "say", site.slugs[0], str(first), str(MISSED))
    await asyncio.to_thread(site.start)
    ready = time.monotonic()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(page.whole.wait() for page in pages))
    for task in living:
        task.cancel()
    for end in await asyncio.gather(*living, return_exceptions=True):
        if isinstance(end, AssertionError):
            raise end
    await asyncio.to_thread(machine.settle, site.pid)
    lags = sorted(page.lag(ready) for page in pages)
    return {
        "pages": size,
        "missed": MISSED,
        "away": rounded(ready - stopped),
        "last_back_off": rounded(max(page.tries_since(ready)[0] for page in pages) - ready),
        "all_whole": rounded(max(page.whole_at for page in pages) - ready),
        "lag_p50": rounded(lags[size // 2]),
        "lag_max": rounded(lags[-1]),
        "refused": sum(len(page.tries_since(ready)) - 1 for page in pages),
    }


def report(found: Figures) -> str:
    figures_of_first = next(iter(found.values()))
    rows = [
        [
            name,
            *(
                number(figures[name])
                for name in ("away", "last_back_off", "all_whole", "lag_p50", "lag_max")
            ),
            f"{figures['refused']:.0f}",
        ]
        for name, figures in found.items()
    ]
    head = [
        f"{figures_of_first['pages']:,} pages, {figures_of_first['missed']:,} messages missed",
        "server away, s",
        "last page tries after, s",
        "all whole after, s",
        "a page's own wait: p50, s",
        "longest",
        "tries in vain",
    ]
    return table(head, rows)
