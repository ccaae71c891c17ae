"""How soon something is found among very many messages."""

from __future__ import annotations

import asyncio
import json
from itertools import cycle
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.bench.effort import Effort, Figures, medians, number, plain, table, tell
from tests.bench.site import Services, Site
from tests.bench.web import Browser, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.pages import Worker

TITLE = "Search"
ROOMS = 200
EVERYWHERE = 50  # people who are in every room, see arrange.py; the others see few messages
PEOPLE = 400  # so many that nobody asks more often than one may
WARM_UP = 2.0  # seconds, in which each kind of question is answered some times
AS_HTMX = {"HX-Request": "true"}
ORDERS = ("newest", "best")

Questions = dict[str, list[dict[str, str]]]


def measure(effort: Effort) -> Figures:
    """Each kind of question by itself, one at a time."""
    found: Figures = {}
    with Services() as services:
        for used in (None, services):
            with Site(used, people=PEOPLE, rooms=ROOMS) as site:
                tell(f"search: {site.name} is given {messages(effort):,} messages")
                questions: Questions = json.loads(site.arrange("corpus", str(messages(effort))))
                rounds = [
                    asyncio.run(_round(turn, site, questions, effort))
                    for turn in range(effort.rounds)
                ]
                found |= medians(rounds)
    found["messages"] = {"total": messages(effort)}
    return found


def messages(effort: Effort) -> int:
    return effort.past // 5


async def _round(turn: int, site: Site, questions: Questions, effort: Effort) -> dict[str, Figures]:
    tell(f"search, round {turn + 1}: {site.name}")
    found = {}
    everywhere = range(EVERYWHERE)
    nowhere = range(EVERYWHERE, PEOPLE)
    common = "a word in a fifth of all messages"
    for order in ORDERS:
        for kind, asked in questions.items():
            found[f"{site.name}, {order} first: {kind}"] = await _asked(
                site, everywhere, order, asked, effort
            )
        found[f"{site.name}, {order} first: {common}, for a reader of few rooms"] = await _asked(
            site, nowhere, order, questions[common], effort
        )
    return found


async def _asked(
    site: Site, readers: Sequence[int], order: str, asked: list[dict[str, str]], effort: Effort
) -> Figures:
    workers = [_asking(site, readers, order, asked)]
    await load(site.pid, workers, max(effort.warm_up, WARM_UP))
    return plain(await load(site.pid, workers, effort.seconds))


def _asking(site: Site, readers: Sequence[int], order: str, asked: list[dict[str, str]]) -> Worker:
    turns = cycle([Browser(site.port, site.cookies[reader]) for reader in readers])
    paths = cycle(
        f"/search/?{urlencode({**fields, 'order': order, 'part': '1'})}" for fields in asked
    )

    async def ask() -> None:
        await next(turns).get(next(paths), **AS_HTMX)

    return ask


def report(found: Figures) -> str:
    rows = [
        [
            name,
            *(number(figures[name]) for name in ("p50", "p95", "cpu")),
            f"{figures['foreign']:.0%}",
        ]
        for name, figures in found.items()
        if "p95" in figures
    ]
    total = found["messages"]["total"]
    head = [f"Among {total:,} messages, one at a time", "p50, ms", "p95", "CPU, ms"]
    return table([*head, "others' CPU"], rows)
