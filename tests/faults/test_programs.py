"""Programs at the API while servers end and lines are cut: each message once, in order, and the same
wherever it is read."""

from __future__ import annotations

import asyncio
import json
import random
import re
import secrets
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import Any

import httpx
import pytest

from tests.browser.relay import Relay
from tests.faults.conftest import Serve, both
from tests.faults.scene import HEALED
from tests.page import fragment
from tests.process import REPOSITORY, Roomful
from tests.programs import CSRF, Program
from tests.services import RedisServer

pytestmark = pytest.mark.timeout(300)

PROGRAMS = 50
ROOMS = 3
PACE = 2.0  # seconds at most that a program rests between two messages
RETRY = 1.0  # seconds at most between two tries
SILENCE = 30.0  # seconds; a comment comes every ten
SECRET = re.compile(r"roomful_[\w-]{43}")
TLS = ssl.create_default_context()  # made once, since it takes longer than all else of a client

Said = list[tuple[int, str]]  # numbers and words


class Poster:
    """A program that says numbered things in all rooms in turn and follows one of them."""

    def __init__(self, name: str, secret: str, servers: Sequence[str], slugs: list[str]) -> None:
        self.name, self.servers, self.slugs = name, list(servers), slugs
        self.followed = slugs[0]
        self.headers = {"Authorization": f"Bearer {secret}"}
        self.accepted: dict[str, Said] = {slug: [] for slug in slugs}
        self.count = self.failures = 0
        self.heard: Said = []
        self.version = 0
        self.opened = 0
        self.client = httpx.AsyncClient(headers=self.headers, timeout=SILENCE, verify=TLS)

    # Posting

    async def talk(self, hush: asyncio.Event) -> None:
        while not hush.is_set():
            await self.say()
            await asyncio.sleep(random.uniform(PACE / 2, PACE))

    async def say(self) -> None:
        """Twice under one key, and every other time both at once: that is one message."""
        slug = self.slugs[self.count % len(self.slugs)]
        text, key = f"{self.name} says {self.count}", secrets.token_urlsafe(9)
        if self.count % 2:
            answers = [*await asyncio.gather(*(self._post(slug, text, key) for _ in range(2)))]
        else:
            answers = [await self._post(slug, text, key) for _ in range(2)]
        self.count += 1
        (number,) = {answer.json()["number"] for answer in answers}
        new = [answer for answer in answers if answer.status_code == 201]
        assert len(new) <= 1, "one key made two messages"
        for answer in answers:
            replayed = answer.headers.get("Idempotency-Replayed") == "true"
            assert replayed == (answer not in new)
        self.accepted[slug].append((number, text))

    async def _post(self, slug: str, text: str, key: str) -> httpx.Response:
        """Until there is an answer, at one server or another."""
        while True:
            server = random.choice(self.servers)
            try:
                answer = await self.client.post(
                    f"{server}/api/rooms/{slug}/messages",
                    json={"text": text},
                    headers={"Idempotency-Key": key},
                )
            except httpx.TransportError:
                self.failures += 1
                await asyncio.sleep(random.uniform(0, RETRY))
                continue
            assert answer.status_code in {200, 201}, (answer.status_code, answer.text)
            return answer

    # Following

    async def follow(self) -> None:
        """From where it was cut each time."""
        while True:
            try:
                async for version, kind, data in self._events():
                    assert version > self.version, "it was told before"
                    self.version = version
                    if kind == "posted":
                        message = data["message"]
                        self.heard.append((message["number"], message["text"]))
            except httpx.TransportError:
                pass
            self.servers.append(self.servers.pop(0))
            await asyncio.sleep(random.uniform(0, RETRY))

    async def _events(self) -> AsyncIterator[tuple[int, str, Any]]:
        address = f"{self.servers[0]}/api/rooms/{self.followed}/events"
        headers = {"Last-Event-ID": str(self.version)}
        async with self.client.stream("GET", address, headers=headers) as stream:
            assert stream.status_code == 200, stream.status_code
            self.opened += 1
            fields: dict[str, str] = {}
            async for line in stream.aiter_lines():
                name, _colon, value = line.partition(":")
                fields[name] = value.strip()
                if not line:
                    if "id" in fields and "data" in fields and fields["event"] != "ready":
                        yield int(fields["id"]), fields["event"], json.loads(fields["data"])
                    fields = {}


class Reading:
    """One who reads a room in each of the ways there are."""

    def __init__(self, server: str, cookie: str, secret: str) -> None:
        self.page = Program(server, cookie.partition("=")[2])
        headers = {"Authorization": f"Bearer {secret}"}
        self.api = httpx.Client(base_url=server, headers=headers, timeout=SILENCE, verify=TLS)

    def _asked(self, path: str) -> Any:
        return self.api.get(path).raise_for_status().json()

    def forwards(self, slug: str) -> Said:
        found: Said = []
        address: str | None = f"/api/rooms/{slug}/messages?after=0&limit=17"
        while address:
            page = self._asked(address)
            found += said(page["messages"])
            address = page["newer"]
        return found

    def backwards(self, slug: str) -> Said:
        found: Said = []
        address: str | None = f"/api/rooms/{slug}/messages"
        while address:
            page = self._asked(address)
            found = said(page["messages"]) + found
            address = page["older"]
        return found

    def changes(self, slug: str) -> Said:
        found: Said = []
        page = {"version": 0, "has_more": True}
        while page["has_more"]:
            page = self._asked(f"/api/rooms/{slug}/changes?after={page['version']}&limit=37")
            found += said([each["message"] for each in page["changes"] if "message" in each])
        return found

    def pages(self, slug: str) -> Said:
        rows = fragment("".join(self.page.everything(slug))).all(".message")
        return [(int(row.attributes["id"][1:]), row.one(".body").text) for row in rows]

    def close(self) -> None:
        self.page.close()
        self.api.close()


def said(messages: list[dict[str, Any]]) -> Said:
    return [(each["number"], each["text"]) for each in messages]


def arrange(process: Roomful) -> dict[str, list[str]]:
    made: dict[str, list[str]] = json.loads(
        subprocess.run(
            [sys.executable, "-m", "tests.bench.arrange", "people", str(ROOMS), str(PROGRAMS), "0"],
            cwd=REPOSITORY,
            env=process.environment,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
    )
    return made


def token_by(server: str, cookie: str) -> str:
    """As its person makes it on the page for that."""
    page = httpx.post(
        f"{server}/accounts/tokens/",
        data={"name": "a program", "scopes": ["read", "write"], "lifetime": ""},
        headers={"Cookie": f"{cookie}; roomful_csrf={CSRF}", "X-CSRFToken": CSRF},
        verify=TLS,
        timeout=SILENCE,
    )
    (secret,) = set(SECRET.findall(page.text))
    return str(secret)


async def all_at_once(
    posters: list[Poster], happens: Sequence[Callable[[], object]]
) -> dict[str, int]:
    """The posters talk and follow while one thing after the other happens. Returns, by room, the number
    of its last message once everybody has heard it."""
    hush = asyncio.Event()
    async with AsyncExitStack() as ends:
        for each in posters:
            await ends.enter_async_context(each.client)
        following = [asyncio.ensure_future(each.follow()) for each in posters]
        talking = [asyncio.ensure_future(each.talk(hush)) for each in posters]
        ends.callback(lambda: [each.cancel() for each in (*following, *talking)])

        async def until(is_so: Callable[[], bool], what: str) -> None:
            async with asyncio.timeout(HEALED):
                while not is_so():
                    for each in (*following, *talking):
                        if each.done() and (failure := each.exception()):
                            raise failure
                    await asyncio.sleep(0.05)  # no event tells
            assert is_so(), what

        async def each_says(more: int) -> None:
            wanted = [each.count + more for each in posters]
            await until(
                lambda: all(
                    each.count >= count for each, count in zip(posters, wanted, strict=True)
                ),
                "being accepted",
            )

        await each_says(1)
        for happening in happens:
            await asyncio.to_thread(happening)
            await each_says(1)
        hush.set()
        async with asyncio.timeout(HEALED):
            await asyncio.gather(*talking)
        last = {
            slug: max(number for each in posters for number, _text in each.accepted[slug])
            for slug in posters[0].slugs
        }
        await until(
            lambda: all(
                each.heard and each.heard[-1][0] >= last[each.followed] for each in posters
            ),
            "being heard",
        )
    return last


def holds(
    processes: list[Roomful], ends: ExitStack, restarts: Sequence[Callable[[], object]]
) -> None:
    """Everything that this file says, of these processes."""
    relays = [Relay(process.port) for process in processes]
    for relay in relays:
        ends.callback(relay.close)
    arranged = arrange(processes[0])
    slugs, cookies = arranged["slugs"], arranged["cookies"][:PROGRAMS]
    secrets = [token_by(processes[0].url, cookie) for cookie in cookies]
    posters = []
    for number, secret in enumerate(secrets):
        first = number % len(relays)
        servers = [relay.url for relay in (*relays[first:], *relays[:first])]
        turned = slugs[number % ROOMS :] + slugs[: number % ROOMS]
        posters.append(Poster(f"program {number}", secret, servers, turned))

    def cut() -> None:
        for relay in relays:
            relay.cut()

    last = asyncio.run(all_at_once(posters, [cut, *restarts, cut]))
    assert all(each.opened > 2 for each in posters), "some were never cut off"
    assert sum(each.failures for each in posters), "nobody posted while a server was away"
    reading = Reading(processes[-1].url, cookies[0], secrets[0])
    ends.callback(reading.close)
    for slug in slugs:
        accepted = [each.accepted[slug] for each in posters]
        known = reading.forwards(slug)
        assert [number for number, _text in known] == list(range(1, last[slug] + 1))
        ours = [(number, text) for number, text in known if text.startswith("program")]
        assert ours == sorted(message for each in accepted for message in each)
        assert all(each == sorted(each) for each in accepted), "one's own are out of order"
        for poster in posters:
            if poster.followed == slug:
                assert poster.heard == known
        assert reading.backwards(slug) == known
        assert reading.changes(slug) == known
        assert reading.pages(slug) == known
    for process in processes:
        assert process.errors() == []


UNLIMITED = {"API_READS_PER_MINUTE": "0", "API_WRITES_PER_MINUTE": "0"}


def test_one_process_is_killed_and_told_to_stop(ends: ExitStack, serve: Serve) -> None:
    (process,) = serve(**UNLIMITED)

    def restart(by: signal.Signals) -> None:
        process.stop(by)
        process.start(prepare=False)

    holds([process], ends, [lambda: restart(signal.SIGKILL), lambda: restart(signal.SIGTERM)])


def test_of_two_processes_one_is_killed_and_the_other_told_to_stop(
    own_redis: RedisServer, database: str, ends: ExitStack, serve: Serve
) -> None:
    first, second = processes = serve(2, **both(database, own_redis, **UNLIMITED))
    holds(
        processes,
        ends,
        [
            first.kill,
            partial(first.start, prepare=False),
            second.stop,
            partial(second.start, prepare=False),
        ],
    )
