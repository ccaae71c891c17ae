"""A thousand people come into one room at once."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import ExitStack

from tests.bench import machine
from tests.bench.effort import Effort, Figures, medians, number, rounded, table, tell
from tests.bench.site import PEOPLE_HERE, Services, Site
from tests.bench.wire import Refused, connected

TITLE = "Join storm"
AFTERWARDS = 1.5  # seconds in which what comes late is still counted
LEAVING = 8.0  # seconds until the people of the last round have left for good
PATIENCE = 120.0  # seconds


class Storm:
    """`settled` once everybody's page says how many there are in all."""

    def __init__(self, site: Site, size: int) -> None:
        self.site, self.size = site, size
        self.complete = 0
        self.settled = asyncio.Event()
        self.refused = 0
        self.presence = self.total = 0  # bytes

    async def join(self, person: int) -> None:
        """Comes in and stays; one who is turned away tries again as a page does."""
        while True:
            try:
                wire = await connected(self.site, person)
                break
            except (Refused, OSError, TimeoutError):
                self.refused += 1
                await asyncio.sleep(random.random())
        try:
            for greeting in self.site.greetings():
                await wire.send(greeting)
            knows_all = False
            while True:
                for frame in await wire.frames():
                    self.total += len(frame)
                    if found := PEOPLE_HERE.search(frame):
                        self.presence += len(frame)
                        if int(found[1]) == self.size and not knows_all:
                            knows_all = True
                            self._one_more()
        finally:
            wire.close()

    def _one_more(self) -> None:
        self.complete += 1
        if self.complete == self.size:
            self.settled.set()


def measure(effort: Effort) -> Figures:
    rounds: list[dict[str, Figures]] = []
    with Services() as services, ExitStack() as running:
        sites = [
            running.enter_context(Site(used, people=effort.crowd)) for used in (None, services)
        ]
        for turn in range(effort.rounds):
            rounds.append({})
            for site in sites:
                tell(f"join storm, round {turn + 1}: {site.name}")
                rounds[-1][site.name] = asyncio.run(_measure(site, effort.crowd))
            time.sleep(LEAVING)
    return medians(rounds)


async def _measure(site: Site, size: int) -> Figures:
    site.before_connecting()
    storm = Storm(site, size)
    watch = machine.Watch(site.pid)
    started = time.monotonic()
    people = [asyncio.ensure_future(storm.join(person)) for person in range(size)]
    async with asyncio.timeout(PATIENCE):
        await storm.settled.wait()
    seconds = time.monotonic() - started
    use = watch.read()
    await asyncio.sleep(AFTERWARDS)
    for task in people:
        task.cancel()
    ended = await asyncio.gather(*people, return_exceptions=True)
    failures = [end for end in ended if not isinstance(end, asyncio.CancelledError)]
    assert not failures, failures[:3]
    machine.settle(site.pid)
    return {
        "people": size,
        "seconds": rounded(seconds),
        "refused": storm.refused,
        "presence_bytes_each": rounded(storm.presence / size),
        "bytes_each": rounded(storm.total / size),
        "cpu": rounded(use.server),
        "client": rounded(use.client),
        "foreign": rounded(use.foreign),
    }


def report(found: Figures) -> str:
    rows = [
        [
            name,
            number(figures["seconds"]),
            f"{figures['refused']:.0f}",
            *(number(figures[name] / 1000) for name in ("presence_bytes_each", "bytes_each")),
            number(figures["cpu"]),
            *(f"{figures[name]:.0%}" for name in ("client", "foreign")),
        ]
        for name, figures in found.items()
    ]
    size = next(iter(found.values()))["people"]
    head = [
        f"{size:,} people come at once",
        "settled after, s",
        "turned away",
        "presence each, kB",
        "all each, kB",
        "CPU, s",
    ]
    return table([*head, "client's CPU", "others' CPU"], rows)
