"""A room full of people who go on talking and reading, whatever a test does to the servers meanwhile.

Readers are light pages: they keep a cursor and apply steps as htmx does, but by regular expressions, and
connect again as htmx does. Authors post over HTTP and repeat under the same key until they are heard.
"""

from __future__ import annotations

import asyncio
import html
import json
import random
import re
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.typing import Origin

from rooms.live import presence
from tests.bench.machine import memory
from tests.page import Page
from tests.process import REPOSITORY, Roomful
from tests.programs import CSRF, CUT_OFF, Program
from tests.services import wait_until

READERS = 200
AUTHORS = 4
PACE = 0.4  # seconds between two messages of an author
RETRY = 0.2  # seconds between two tries of the same message
BACKOFF = 1.0  # seconds at most before a page connects again
SILENCE = 25.0  # seconds after which a page gives its socket up, as the page's own switch has it
HEALED = 90.0  # seconds for everything to be as if nothing had happened; it takes a few
LAPSED = presence.LEASE + 60  # seconds within which whoever is gone is out of the lists
GROWTH = 40  # MiB that a process may have more than after its readers came; it is 3 to 17

CURSOR = re.compile(
    r'<input type="hidden" class="cursor" name="after" value="(\d+)"[^>]* hx-swap-oob="([^"]*)">'
)
GUARD = re.compile(r"\.cursor\[value='(\d+)'\]")
ROW = re.compile(
    r'<li id="m(\d+)" class="message.*?<div class="body" dir="auto"><p>(.*?)</p>', re.DOTALL
)
HERE = re.compile(r'innerHTML:\.here-count">(\d+)<')
ENTRY = re.compile(r"^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", re.MULTILINE)
WRONG = re.compile(r"^\S+ \S+ (ERROR|CRITICAL)\b|^Traceback", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Step:
    """Leads a page whose cursor is one of `after` to `version`, with these messages more; if there is
    none in `after`, any page, with these messages instead."""

    after: frozenset[int]
    version: int
    said: tuple[tuple[int, str], ...]


@lru_cache(maxsize=1_000)
def steps_of(frame: str) -> tuple[Step, ...]:
    """All readers are sent the same frames, so each is read once."""
    found, start = [], 0
    for cursor in CURSOR.finditer(frame):
        after = frozenset(map(int, GUARD.findall(html.unescape(cursor[2]))))
        said = tuple(
            (int(number), text) for number, text in ROW.findall(frame, start, cursor.start())
        )
        found.append(Step(after, int(cursor[1]), said))
        start = cursor.end()
    return tuple(found)


class Reader:
    """A page that was opened when nothing had been said."""

    def __init__(self, servers: Sequence[str], slug: str, cookie: str) -> None:
        self.servers, self.slug, self.cookie = list(servers), slug, cookie
        self.cursor = 0
        self.said: list[tuple[int, str]] = []
        self.here = 0  # how many people the page shows to be in the room
        self.opened = 0
        self.beats = 0  # how often the server said that the socket lives
        self.frames: list[str] | None = None  # what came, if it is to be kept
        self.reads = asyncio.Event()
        self.reads.set()
        self.leaps = False  # whether it may be given the newest messages instead of all it missed
        self.line: ClientConnection | None = None

    @property
    def last(self) -> int:
        """The number of the newest message."""
        return self.said[-1][0] if self.said else 0

    def take(self, frame: str) -> None:
        for step in steps_of(frame):
            if self.cursor in step.after:
                self.said += step.said
                self.cursor = step.version
            elif not step.after:
                assert self.leaps, "it is given the newest messages: too much was said meanwhile"
                self.said = list(step.said)
                self.cursor = step.version
        if here := HERE.search(frame):
            self.here = int(here[1])
        self.beats += 'id="watch"' in frame
        if self.frames is not None:
            self.frames.append(frame)

    async def sit(self) -> None:
        while True:
            try:
                await self._listen(self.servers[0])
            except ConnectionClosed as end:
                code = end.rcvd.code if end.rcvd else 1006
                assert code in CUT_OFF, f"htmx would not come back after {code}"
            except (OSError, EOFError, InvalidHandshake, InvalidMessage):
                pass  # it is not there, or says nothing
            self.servers.append(self.servers.pop(0))
            await asyncio.sleep(random.uniform(0.1, BACKOFF))

    def stop_reading(self) -> None:
        """From now on nothing is taken from the socket, and little from the line. Called on the loop."""
        assert self.line
        line = self.line.transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.leaps = True
        self.reads.clear()

    async def _listen(self, server: str) -> None:
        async with connect(
            f"{server.replace('http', 'ws', 1)}/ws/rooms/{self.slug}/",
            origin=Origin(server),
            additional_headers={"Cookie": self.cookie},
            compression=None,
            open_timeout=SILENCE,
            close_timeout=1,
            ping_interval=None,
            max_size=None,
            proxy=None,
        ) as line:
            self.opened += 1
            self.line = line
            await line.send(json.dumps({"type": "resume", "after": self.cursor}))
            while True:
                await self.reads.wait()
                async with asyncio.timeout(SILENCE):
                    frame = await line.recv()
                assert isinstance(frame, str)
                self.take(frame)


class Author:
    """Says numbered things, each until the server has accepted it, and remembers what it was told."""

    def __init__(self, servers: Sequence[str], slug: str, cookie: str, name: str) -> None:
        session = cookie.partition("=")[2]
        self.programs = [Program(server, session) for server in servers]
        for program in self.programs:
            program.http.cookies.set(program.csrf_cookie, CSRF)
        self.path, self.name = f"/rooms/{slug}/", name
        self.more = ""  # what every message goes on with
        self.accepted: list[str] = []
        self.refusals: list[str] = []  # what the author saw instead of an acceptance

    def talk(self, hush: threading.Event, over: threading.Event, pace: float) -> None:
        while not hush.is_set():
            self.say(over)
            hush.wait(pace)

    def say(self, over: threading.Event) -> None:
        text, key = f"{self.name} says {len(self.accepted)}", secrets.token_urlsafe(9)
        while (refusal := self._post(text, key)) is not None:
            self.refusals.append(refusal)
            self.programs.append(self.programs.pop(0))
            if over.wait(RETRY):
                return
        self.accepted.append(text)

    def _post(self, text: str, key: str) -> str | None:
        """None if it was accepted, else what the author is told."""
        try:
            answer = self.programs[0].http.post(
                f"{self.path}send/", data={"key": key, "text": f"{text}\n\n{self.more}"}
            )
        except httpx.TransportError as error:
            return type(error).__name__
        if answer.is_redirect:
            assert answer.headers["location"] == self.path, "the message went nowhere"
            return None
        assert answer.status_code >= 400, f"neither accepted nor refused: {answer.status_code}"
        assert "<h1>" in answer.text, "no page says what happened"
        return str(answer.status_code)

    def close(self) -> None:
        for program in self.programs:
            program.close()


class Scene:
    """`READERS` in a room of the place that `processes` serve, and `AUTHORS` beside them.

    Through `via`, if it is given, people come to the processes: the addresses of proxies before them.
    """

    def __init__(self, processes: Sequence[Roomful], via: Sequence[str] = ()) -> None:
        self.processes = processes
        servers = list(via) or [process.url for process in processes]
        arranged = self._arrange()
        self.slug = arranged["slugs"][0]
        *readers, visitor, stranger = arranged["cookies"][: READERS + 2]

        def dealt(number: int) -> list[str]:
            first = number % len(servers)
            return servers[first:] + servers[:first]

        self.readers = [
            Reader(dealt(number), self.slug, cookie) for number, cookie in enumerate(readers)
        ]
        self.authors = [
            Author(dealt(number), self.slug, cookie, name)
            for number, (cookie, name) in enumerate(
                zip(arranged["cookies"][-AUTHORS:], ("dora", "emil", "fay", "gus"), strict=True)
            )
        ]
        self.visitor = Program(processes[0].url, visitor.partition("=")[2])
        self.stranger = Program(processes[0].url, stranger.partition("=")[2])
        self.first_page = self.page()
        self.readers[0].frames = []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.sitting = {
            reader: asyncio.run_coroutine_threadsafe(reader.sit(), self.loop)
            for reader in self.readers
        }
        self.until(lambda: all(reader.here == READERS for reader in self.readers), "coming in")
        with self.talking():
            self.heard(3)
        self.memory = [self._memory(process) for process in processes]

    def _arrange(self) -> dict[str, list[str]]:
        made: dict[str, list[str]] = json.loads(
            subprocess.run(
                [
                    *(sys.executable, "-m", "tests.bench.arrange"),
                    *("people", "1", str(READERS + 2 + AUTHORS), "0"),
                ],
                cwd=REPOSITORY,
                env=self.processes[0].environment,
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
        )
        return made

    def page(self) -> str:
        """The room's page as somebody loads it now who does not stay."""
        answer = self.visitor.http.get(f"/rooms/{self.slug}/")
        assert answer.status_code == 200, answer
        return answer.text

    @staticmethod
    def _memory(process: Roomful) -> int:
        """MiB that the process has in memory."""
        assert process.process
        return memory(process.process.pid) // 1024**2

    # What happens

    @contextmanager
    def talking(self, pace: float = PACE) -> Iterator[None]:
        """The authors talk until the block ends, and then until they are heard."""
        hush, over = threading.Event(), threading.Event()
        with ThreadPoolExecutor(AUTHORS) as pool:
            talks = [pool.submit(author.talk, hush, over, pace) for author in self.authors]
            try:
                yield
                hush.set()
                for talk in talks:
                    talk.result(HEALED)
            finally:  # whatever happened, nobody goes on
                hush.set()
                over.set()

    def heard(self, more: int) -> None:
        """Until the server has accepted so many more messages of each author."""
        wanted = [len(author.accepted) + more for author in self.authors]
        self.until(
            lambda: all(
                len(author.accepted) >= count
                for author, count in zip(self.authors, wanted, strict=True)
            ),
            "being accepted",
        )

    def read(self, more: int = 1) -> None:
        """Until every page shows so many messages more than the one that shows most does now."""
        wanted = max(reader.last for reader in self.sitting) + more
        self.until(lambda: all(reader.last >= wanted for reader in self.sitting), "being read")

    def leave(self, count: int = 5) -> None:
        """Some close their pages."""
        for reader in list(self.sitting)[-count:]:
            self.sitting.pop(reader).cancel()

    def stop_reading(self, readers: Sequence[Reader]) -> None:
        for reader in readers:
            self.loop.call_soon_threadsafe(reader.stop_reading)

    def read_again(self, readers: Sequence[Reader]) -> None:
        for reader in readers:
            self.loop.call_soon_threadsafe(reader.reads.set)

    def until(self, is_so: Callable[[], bool], what: str, seconds: float = HEALED) -> None:
        def checked() -> bool:
            for sitting in self.sitting.values():
                if sitting.done():
                    sitting.result()
            return is_so()

        wait_until(checked, what, seconds)

    @property
    def refusals(self) -> list[str]:
        return [refusal for author in self.authors for refusal in author.refusals]

    def logged(self, words: str) -> bool:
        return all(words in process.log.read_text() for process in self.processes)

    # What is so in the end

    def all_is_well(self, expected: str = "") -> None:
        """Everything that was accepted is on every page, once and in order; who left is not listed; the
        processes are as large as before, and logged no error but what `expected` matches."""
        with self.talking():
            self.heard(1)
        accepted = sorted(text for author in self.authors for text in author.accepted)
        self.until(lambda: all(each.last >= len(accepted) for each in self.sitting), "catching up")
        reader = next(iter(self.sitting))
        assert not reader.leaps, "nobody has read everything"
        said = reader.said
        assert [number for number, _text in said] == list(range(1, len(accepted) + 1))
        assert sorted(text for _number, text in said) == accepted
        for author in self.authors:
            own = [text for _number, text in said if text.startswith(f"{author.name} ")]
            assert own == author.accepted
        for each in self.sitting:
            shown = said[-len(each.said) :] if each.leaps else said
            assert each.said == shown, "pages differ"
        assert f'name="after" value="{reader.cursor}"' in self.page(), "pages are behind"
        self.until(
            lambda: {each.here for each in self.sitting} == {len(self.sitting)},
            "being gone",
            LAPSED,
        )
        assert self.growth() < GROWTH, "a process has grown"
        wrong = self.errors(expected)
        assert not wrong, "".join(wrong[:3])

    def growth(self) -> int:
        """MiB that one of the processes has more than after the readers came."""
        now = [self._memory(process) for process in self.processes]
        return max(after - before for after, before in zip(now, self.memory, strict=True))

    def errors(self, expected: str = "") -> list[str]:
        """What the logs tell of errors, with the lines below each."""
        entries = [
            entry
            for process in self.processes
            for entry in ENTRY.split(process.log.read_text())
            if WRONG.search(entry)
        ]
        return [entry for entry in entries if not (expected and re.search(expected, entry))]

    def reads_as_a_page_does(self) -> None:
        """The frames of one reader give the same on a whole page, parsed and swapped as htmx does."""
        reader = self.readers[0]
        page = Page.of_main(self.first_page)
        assert page.cursor == 0
        for frame in reader.frames or ():
            if CURSOR.search(frame):
                page.receive(frame)
        assert page.cursor == reader.cursor
        assert page.numbers == [number for number, _text in reader.said]
        assert [body.text for body in page.all("#messages .body")] == [
            text for _number, text in reader.said
        ]

    def close(self) -> None:
        for sitting in self.sitting.values():
            sitting.cancel()
        ended = asyncio.run_coroutine_threadsafe(self._ended(), self.loop)
        ended.result(HEALED)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
        self.visitor.close()
        self.stranger.close()
        for author in self.authors:
            author.close()

    @staticmethod
    async def _ended() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others)
