"""How many messages are taken in, and how soon their author knows."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import cycle
from typing import Protocol

from tests.bench.effort import Effort, Figures, medians, number, plain, table, tell
from tests.bench.peers import Server
from tests.bench.peers.stock import Stock
from tests.bench.site import CSRF, CURSOR, Services, Site
from tests.bench.web import Browser, load
from tests.bench.wire import connected

TITLE = "Posting"
AT_ONCE = 4  # people who post at the same time, each into a room of their own
SOCKETS = 60  # that each of them has: a socket may send 60 frames at once, then 5 a second
ONE_ROW = "stock Django, a view that inserts one row"
TEXT = "Somebody says what people say, in a line or so of text."


def new_key() -> str:
    return secrets.token_urlsafe(9)


class Author(Protocol):
    """Somebody who posts again and again."""

    async def open(self) -> None: ...

    async def post(self) -> None: ...

    def close(self) -> None: ...


class OneRow:
    def __init__(self, stock: Stock, person: int) -> None:
        self.browser = Browser(stock.port, stock.cookies[person], {"csrftoken": CSRF})

    async def open(self) -> None:
        """Nothing is needed before."""

    async def post(self) -> None:
        await self.browser.post("/insert/", {"key": new_key()})

    def close(self) -> None:
        self.browser.close()


class PlainForm:
    """As without JavaScript: the answer is a redirect."""

    def __init__(self, site: Site, person: int) -> None:
        self.site, self.slug = site, site.slugs[person]
        self.browser = Browser(site.port, site.cookies[person], {"roomful_csrf": CSRF})

    async def open(self) -> None:
        """Nothing is needed before."""

    async def post(self) -> None:
        await self.browser.post(f"/rooms/{self.slug}/send/", {"key": new_key(), "text": TEXT})

    def close(self) -> None:
        self.browser.close()


class Outbox(PlainForm):
    """As a page posts: the answer brings the message itself, a receipt and a new form."""

    async def open(self) -> None:
        self.cursor = self.site.cursor_of(self.slug)

    async def post(self) -> None:
        fields = {"key": new_key(), "text": TEXT, "lines": "", "after": self.cursor}
        # Not compressed, because the answer is read; it is too short to make a difference.
        headers = {"HX-Request": "true", "Accept-Encoding": "identity"}
        answer = await self.browser.post(f"/rooms/{self.slug}/send/", fields, **headers)
        found = re.findall(CURSOR, answer.decode())
        assert found, f"the answer does not bring the message: {answer[:500]!r}"
        self.cursor = found[-1]


class Talk:
    """By frames, each until it is acknowledged. The page is open nowhere, so nobody is told."""

    def __init__(self, site: Site, person: int) -> None:
        self.site, self.person = site, person

    async def open(self) -> None:
        path = self.site.path_of(self.site.slugs[self.person])
        self.wires = [await connected(self.site, self.person, path) for _ in range(SOCKETS)]
        self.turns = cycle(self.wires)

    async def post(self) -> None:
        wire, key = next(self.turns), new_key()
        await wire.send(json.dumps({"type": "message", "key": key, "text": TEXT}))
        answer = json.loads((await wire.frames())[0])
        assert (answer["type"], answer["key"]) == ("stored", key), answer

    def close(self) -> None:
        for wire in self.wires:
            wire.close()


WAYS: dict[str, Callable[[Site, int], Author]] = {
    "plain form": PlainForm,
    "the page's outbox": Outbox,
    "socket": Talk,
}


def measure(effort: Effort) -> Figures:
    with Services() as services, Stock(AT_ONCE) as stock, ExitStack() as running:
        sites = [
            running.enter_context(Site(used, people=AT_ONCE, rooms=AT_ONCE))
            for used in (None, services)
        ]
        found = medians([_round(turn, stock, sites, effort) for turn in range(effort.rounds)])
    for figures in found.values():
        figures["cpu_to_one_row"] = round(figures["cpu"] / found[ONE_ROW]["cpu"], 3)
    return found


def _round(turn: int, stock: Stock, sites: Sequence[Site], effort: Effort) -> dict[str, Figures]:
    found = {}
    tell(f"posting, round {turn + 1}")
    rows = [OneRow(stock, person) for person in range(AT_ONCE)]
    found[ONE_ROW] = asyncio.run(_measure(stock, rows, effort))
    for site in sites:
        for name, way in WAYS.items():
            authors = [way(site, person) for person in range(AT_ONCE)]
            found[f"{site.name}, {name}"] = asyncio.run(_measure(site, authors, effort))
    return found


async def _measure(server: Server, authors: Sequence[Author], effort: Effort) -> Figures:
    for author in authors:
        await author.open()
    posting = [author.post for author in authors]
    await load(server.pid, posting, effort.warm_up)
    found = await load(server.pid, posting, effort.seconds)
    for author in authors:
        author.close()
    return plain(found)


def report(found: Figures) -> str:
    rows = [
        [
            name,
            *(number(figures[name]) for name in ("per_second", "cpu")),
            f"{figures['cpu_to_one_row']:.2f}",
            *(number(figures[name]) for name in ("p50", "p95")),
            *(f"{figures[name]:.0%}" for name in ("client", "foreign")),
        ]
        for name, figures in found.items()
    ]
    head = [f"{AT_ONCE} post at once", "a second", "CPU, ms", "to one row", "p50, ms", "p95"]
    return table([*head, "client's CPU", "others' CPU"], rows)
