"""Whether the time of an answer tells how right a token, or whose a name is."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import redis

from tests.bench.effort import Effort, Figures, medians, number, rounded, table, tell
from tests.bench.site import Services, Site
from tests.bench.web import Browser

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

TITLE = "Wrong tokens and names"
ASKED = 500  # times for each second of a run, with each token
GUESSED = 25  # likewise, with each name; a guess takes as long as a password is to take

RIGHT, AGAIN = "right", "right, a second time"
FIRST, LAST = "wrong from its first character on", "wrong in its last character"
LAST_AGAIN = "wrong in its last character, a second time"
KNOWN, KNOWN_AGAIN, UNKNOWN = (
    "known name, wrong password",
    "known name, a second time",
    "unknown name",
)
# What each is compared with.
BESIDE = {
    AGAIN: RIGHT,
    FIRST: LAST,
    LAST_AGAIN: LAST,
    "revoked": LAST,
    "expired": LAST,
    KNOWN_AGAIN: KNOWN,
    UNKNOWN: KNOWN,
}


def measure(effort: Effort) -> Figures:
    found: Figures = {}
    with Services() as services:
        for used in (None, services):
            unlimited = {"API_READS_PER_MINUTE": "0"}
            with Site(used, people=1, variables=unlimited) as site:
                secrets: dict[str, str] = json.loads(site.arrange("tokens"))
                rounds = []
                for turn in range(effort.rounds):
                    tell(f"tokens, round {turn + 1}: {site.name}")
                    figures = asyncio.run(_tokens(site, secrets, effort))
                    if used:
                        figures |= asyncio.run(_names(site, services, effort))
                    rounds.append({f"{site.name}: {kind}": each for kind, each in figures.items()})
                found |= _with_range(rounds)
    return found


def _with_range(rounds: list[dict[str, Figures]]) -> dict[str, Figures]:
    """The median of the rounds, and between what their ratios were."""
    found = medians(rounds)
    for name, figures in found.items():
        ratios = [each[name]["ratio"] for each in rounds]
        figures["least"], figures["most"] = min(ratios), max(ratios)
    return found


async def _tokens(site: Site, secrets: Mapping[str, str], effort: Effort) -> dict[str, Figures]:
    right = secrets["right"]
    shown = {
        **dict.fromkeys((RIGHT, AGAIN), right),
        FIRST: "roomful_" + right.removeprefix("roomful_").swapcase()[::-1],
        **{kind: right[:-1] + _other(right[-1]) for kind in (LAST, LAST_AGAIN)},
        **{kind: secrets[kind] for kind in ("revoked", "expired")},
    }
    browser = Browser(site.port, "")

    def asking(secret: str, expected: int) -> Callable[[], Awaitable[None]]:
        async def ask() -> None:
            headers = {"Authorization": f"Bearer {secret}"}
            status, _body = await browser.ask("GET", "/api/me", headers, "")
            assert status == expected, status

        return ask

    asked = {
        kind: asking(secret, 200 if secret == right else 401) for kind, secret in shown.items()
    }
    return await _in_turns(asked, int(ASKED * effort.seconds))


def _other(letter: str) -> str:
    return "A" if letter != "A" else "B"


async def _names(site: Site, services: Services, effort: Effort) -> dict[str, Figures]:
    browser = Browser(site.port, "")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    with redis.Redis.from_url(services.redis.url) as counted:

        def guessing(name: str) -> Callable[[], Awaitable[None]]:
            async def guess() -> None:
                body = urlencode({"username": name, "password": "not the password"})
                status, _body = await browser.ask("POST", "/api-token-auth/", form, body)
                assert status == 400, status

            return guess

        asked = {KNOWN: "owner", KNOWN_AGAIN: "owner", UNKNOWN: "nobody"}
        return await _in_turns(
            {kind: guessing(name) for kind, name in asked.items()},
            int(GUESSED * effort.seconds),
            counted.flushdb,  # else nobody would guess so often
        )


async def _in_turns(
    asked: Mapping[str, Callable[[], Awaitable[None]]],
    times: int,
    before_each: Callable[[], object] = lambda: None,
) -> dict[str, Figures]:
    """Each so many times, in another order each time, so that whatever else goes on meets all alike."""
    taken: dict[str, list[float]] = {kind: [] for kind in asked}
    for _turn in range(times):
        for kind in random.sample(list(asked), len(asked)):
            before_each()
            started = time.perf_counter()
            await asked[kind]()
            taken[kind].append(time.perf_counter() - started)
    middle = {kind: statistics.median(each) * 1000 for kind, each in taken.items()}
    return {
        kind: {
            "p50": rounded(milliseconds),
            "ratio": rounded(milliseconds / middle[BESIDE.get(kind, kind)]),
            "times": times,
        }
        for kind, milliseconds in middle.items()
    }


def report(found: Figures) -> str:
    rows = []
    for name, figures in found.items():
        kind = name.partition(": ")[2]
        beside = BESIDE.get(kind)
        compared = [f"{figures[each]:.3f}" for each in ("ratio", "least", "most")]
        rows.append([name, number(figures["p50"]), *([beside, *compared] if beside else [""] * 4)])
    return table(["In turns", "p50, ms", "beside", "ratio", "least", "most"], rows)
