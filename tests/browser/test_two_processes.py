"""Two processes of one place, with a real Redis and a real PostgreSQL between them.

Whoever talks at one is read at the other: at once while Redis rings the doorbell, within the sweep while
it does not. People are programs here, signed up as people do, and in the end two browsers.
"""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest
from django.conf import settings
from playwright.sync_api import BrowserContext, Page, expect
from psycopg.sql import SQL, Identifier

from rooms.live import presence
from tests.browser.conftest import Watch
from tests.factories import PASSWORD
from tests.page import Page as Kept
from tests.process import Roomful
from tests.programs import PATIENCE, Listener, Program
from tests.services import PostgresServer, RedisServer

SOON = PATIENCE * 1_000  # milliseconds for what takes at most a few seconds on an idle machine
LAPSES = presence.LEASE + 30  # seconds within which whoever was killed is gone from the lists


class Two:
    """The place: `first` and `second` are its processes, `redis` is theirs alone."""

    def __init__(self, first: Roomful, second: Roomful, redis: RedisServer) -> None:
        self.first, self.second, self.redis = first, second, redis
        self.owner = Program(first.url)

    @property
    def repaired(self) -> int:
        """Changes that a process had to look for in the database, as no announcement had reached it."""
        logs = self.first.log.read_text() + self.second.log.read_text()
        return sum(int(count) for count in re.findall(r"repaired (\d+) changes", logs))

    def errors(self) -> list[str]:
        return self.first.errors() + self.second.errors()


@pytest.fixture(scope="session")
def two(
    postgres_server: PostgresServer, server: Roomful, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Two]:
    with ExitStack() as ends:
        redis = RedisServer()
        ends.callback(redis.remove)
        redis.start()
        name = f"two_{secrets.token_hex(4)}"
        with psycopg.connect(postgres_server.url, autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        data_dir = tmp_path_factory.mktemp("place")
        # Hashed and compressed already, which takes longer than all else of a start.
        shutil.copytree(settings.STATIC_ROOT, data_dir / "static")
        variables = {
            "DATABASE_URL": postgres_server.url.removesuffix("/roomful") + f"/{name}",
            "REDIS_URL": redis.url,
            "PROCESSES": "2",
        }
        place = Two(Roomful(data_dir, **variables), Roomful(data_dir, **variables), redis)
        ends.callback(place.owner.close)
        for process in (place.first, place.second):
            ends.callback(process.end)
            process.start()
        place.owner.set_up()
        yield place


@pytest.fixture
def programs() -> Iterator[list[Program | Listener]]:
    """What a test opened."""
    opened: list[Program | Listener] = []
    yield opened
    for each in opened:
        each.close()


@pytest.fixture
def arrive(two: Two, programs: list[Program | Listener]) -> Callable[..., Program]:
    """`arrive("Bob Baker", two.second)`: somebody new, signed up and at home at that process."""

    def signed_up(name: str, process: Roomful) -> Program:
        program = Program(process.url)
        programs.append(program)
        username = f"{name.split(maxsplit=1)[0].lower()}-{secrets.token_hex(4)}"
        program.submit(
            "/accounts/signup/",
            username=username,
            display_name=name,
            email="",
            password1=PASSWORD,
        )
        program.username = username
        return program

    return signed_up


@pytest.fixture
def alice(two: Two) -> Program:
    """Owns the place and sits at the first process."""
    return two.owner


@pytest.fixture
def bob(two: Two, arrive: Callable[..., Program]) -> Program:
    """Belongs to the place and sits at the second process."""
    return arrive("Bob Baker", two.second)


def make_room(by: Program, name: str, *members: Program, kind: str = "open") -> str:
    """Its slug."""
    name = f"{name} {secrets.token_hex(3)}"
    answer = by.submit("/rooms/new/", name=name, topic="", kind=kind)
    slug = answer.headers["location"].strip("/").split("/")[-1]
    for member in members:
        by.submit(f"/rooms/{slug}/members/", username=member.username)
    return str(slug)


@pytest.fixture
def listen(programs: list[Program | Listener]) -> Callable[[Program, str], Listener]:
    def opened(program: Program, slug: str) -> Listener:
        listener = program.listen(slug)
        programs.append(listener)
        return listener

    return opened


Listen = Callable[[Program, str], Listener]


def present(page: Kept) -> list[str]:
    return [each.text for each in page.all("#presence .name")]


def has(count: int) -> Callable[[Kept], bool]:
    return lambda page: len(page.numbers) >= count


def shows(text: str) -> Callable[[Kept], bool]:
    return lambda page: any(text in body.text for body in page.all("#messages .body"))


def assert_same(slug: str, *listeners: Listener, at: tuple[Program, ...]) -> None:
    """Each open page shows what a page loaded now shows, at whichever process."""
    now = [program.everything(slug) for program in at]
    assert all(rows == now[0] for rows in now)
    for listener in listeners:
        assert listener.page.rows == now[0]
        assert listener.page.numbers == list(range(1, len(listener.page.numbers) + 1))


def test_messages_edits_and_deletions_cross_over_at_once_and_in_order(
    two: Two, alice: Program, bob: Program, listen: Listen
) -> None:
    slug = make_room(alice, "Workbench", bob)
    here, there = listen(alice, slug), listen(bob, slug)
    here.until(lambda page: len(present(page)) == 2, "both are there")
    before = two.repaired
    for number in range(1, 31, 2):
        alice.say(slug, f"number {number} by alice")
        bob.say(slug, f"number {number + 1} by bob")
        if number % 5 == 0:
            alice.edit(slug, number, f"number {number}, edited")
            bob.delete(slug, number + 1)
    alice.say(slug, "the last one")
    for listener in (here, there):
        listener.until(shows("the last one"), "the last message")
        assert len(listener.page.numbers) == 31
    assert_same(slug, here, there, at=(alice, bob))
    # A sweep may just then look at the database; if all had come by it, none came by the doorbell.
    assert two.repaired - before < 10


def test_there_is_one_list_of_who_is_here(
    two: Two, alice: Program, bob: Program, arrive: Callable[..., Program], listen: Listen
) -> None:
    slug = make_room(alice, "Lobby")
    carol = arrive("Carol Cook", two.first)
    here, there = listen(alice, slug), listen(bob, slug)
    three = ["Alice Archer", "Bob Baker", "Carol Cook"]
    third = listen(carol, slug)
    for listener in (here, there, third):
        listener.until(lambda page: present(page) == three, "all three in the list")
    second_tab = listen(carol.at(two.second.url), slug)
    second_tab.until(
        lambda page: present(page) == three, "two tabs at two processes are one person"
    )
    third.close()
    # Whoever came after that would not see her if the one tab had taken her away.
    dora = listen(arrive("Dora Dean", two.second), slug)
    four = [*three, "Dora Dean"]
    for listener in (here, there, second_tab):
        listener.until(lambda page: present(page) == four, "the one who came later")
    second_tab.close()
    dora.close()
    for listener in (here, there):
        listener.until(lambda page: present(page) == three[:2], "both who left are gone")


def test_who_is_writing_is_seen_at_the_other_process(
    alice: Program, bob: Program, listen: Listen
) -> None:
    slug = make_room(alice, "Workbench")
    here, there = listen(alice, slug), listen(bob, slug)
    here.until(lambda page: len(present(page)) == 2, "both are there")
    there.typing()
    here.until(lambda page: "Bob Baker" in page.one("#typing").text, "Bob is writing")
    bob.say(slug, "here it is")
    here.until(lambda page: "Bob Baker" not in page.one("#typing").text, "Bob has written")
    here.until(shows("here it is"), "what Bob wrote")


def test_what_is_new_elsewhere_is_marked_at_the_other_process(
    alice: Program, bob: Program, listen: Listen
) -> None:
    lobby, bench = make_room(alice, "Lobby", bob), make_room(alice, "Workbench", bob)
    there = listen(bob, lobby)

    def unread(page: Kept) -> int:
        counts = [
            link.one(".count").text.split()[0]
            for link in page.all("#room-list .unread")
            if link.attributes["href"] == f"/rooms/{bench}/"
        ]
        return int(counts[0]) if counts else 0

    assert unread(there.page) == 0
    alice.say(bench, "is anybody there?")
    there.until(lambda page: unread(page) == 1, "a mark at the other room")
    alice.say(bench, "hello?")
    there.until(lambda page: unread(page) == 2, "the second one counted")
    assert not shows("hello?")(there.page)
    bob.load(bench)
    assert unread(bob.load(lobby)) == 0


def test_whoever_is_removed_at_one_process_reads_no_more_at_the_other(
    alice: Program, bob: Program, listen: Listen
) -> None:
    slug = make_room(alice, "Committee", bob, kind="private")
    there = listen(bob, slug)
    alice.say(slug, "while he is here")
    there.until(shows("while he is here"), "he gets what is said")
    members = alice.http.get(f"/rooms/{slug}/members/").text
    bobs = re.search(r"members/remove/\?user=(\d+)", members)
    assert bobs
    alice.submit(f"/rooms/{slug}/members/remove/", user=bobs[1])
    alice.say(slug, "and now he is gone")
    assert there.until_closed() == 4404
    assert "no longer open to you" in there.page.one("#main").text
    assert "now he is gone" not in there.page.root.text
    assert bob.http.get(f"/rooms/{slug}/").status_code == 404
    assert bob.at(alice.url).http.get(f"/rooms/{slug}/").status_code == 404


def test_signing_out_at_one_process_closes_what_is_open_at_the_other(
    two: Two, alice: Program, bob: Program, listen: Listen
) -> None:
    slug = make_room(alice, "Lobby", bob)
    there = listen(bob, slug)
    alice.say(slug, "good evening")
    there.until(shows("good evening"), "he gets what is said")
    bob.at(two.first.url).submit("/accounts/logout/")
    assert there.until_closed() == 4401
    assert "You have been signed out" in there.page.one("#banner").text


def test_a_renamed_room_is_called_so_at_the_other_process(
    alice: Program, bob: Program, listen: Listen
) -> None:
    slug = make_room(alice, "Workbench", bob)
    there = listen(bob, slug)
    alice.submit(f"/rooms/{slug}/settings/", name="Bicycles", topic="With two wheels")
    there.until(lambda page: "Bicycles" in page.one("#room-title").text, "the new name")
    there.until(lambda page: "Bicycles" in page.one("#room-list").text, "and in the list")


@pytest.fixture
def browse(
    new_context: Callable[..., BrowserContext], watch: Watch
) -> Callable[[Program, str], Page]:
    """A browser of somebody who has signed in as a program."""

    def opened(program: Program, path: str) -> Page:
        context = new_context(base_url=program.url)
        context.add_cookies(
            [
                {
                    "name": settings.SESSION_COOKIE_NAME,
                    "value": program.session,
                    "url": program.url,
                }
            ]
        )
        page = context.new_page()
        page.goto(path)
        return page

    return opened


def test_two_browsers_at_two_processes_talk(
    two: Two, alice: Program, bob: Program, browse: Callable[[Program, str], Page]
) -> None:
    slug = make_room(alice, "Lobby", bob)
    here, there = browse(alice, f"/rooms/{slug}/"), browse(bob, f"/rooms/{slug}/")
    both = ["Alice Archer", "Bob Baker"]
    for page in (here, there):
        expect(page.locator("#watch.live")).to_be_attached(timeout=SOON)
        expect(page.locator("#presence .name")).to_have_text(both, timeout=SOON)
    for page, said in ((here, "good morning"), (there, "morning!"), (here, "tea?")):
        page.locator(".line").last.fill(said)
        page.keyboard.press("Enter")
        for each in (here, there):
            expect(each.locator("#messages .body").last).to_have_text(said, timeout=SOON)
    here.locator("#m1").hover()
    here.locator("#m1 .more").click()
    here.locator("#menu").get_by_role("button", name="Edit").click()
    here.locator("#m1 textarea").fill("good evening")
    here.locator("#m1 .edit button").click()
    now = ["good evening", "morning!", "tea?"]
    for each in (here, there):
        expect(each.locator("#messages .body")).to_have_text(now, timeout=SOON)
    there.locator("#rooms a[href='/rooms/']").first.click()
    expect(there.locator("#directory")).to_be_visible()
    expect(here.locator("#presence .name")).to_have_text(["Alice Archer"], timeout=SOON)


def test_neither_process_complained(two: Two) -> None:
    """Of all that went before; the tests below take something away, and that is complained of."""
    assert two.errors() == []


@pytest.fixture
def without_redis(two: Two) -> Iterator[Callable[[], None]]:
    """Takes Redis away until the test is over."""
    yield two.redis.stop
    if two.redis.process is None:
        two.redis.start()


def test_without_redis_messages_come_by_the_sweep_and_afterwards_at_once_again(
    two: Two, alice: Program, bob: Program, listen: Listen, without_redis: Callable[[], None]
) -> None:
    slug = make_room(alice, "Workbench", bob)
    here, there = listen(alice, slug), listen(bob, slug)
    alice.say(slug, "before")
    for listener in (here, there):
        listener.until(shows("before"), "a message while Redis is there")

    without_redis()
    before = two.repaired
    for number in range(5):
        alice.say(slug, f"{number} by alice without redis")
        bob.say(slug, f"{number} by bob without redis")
    alice.delete(slug, 2)
    bob.edit(slug, 3, "edited without redis")
    alice.say(slug, "the last one without")
    for listener in (here, there):
        listener.until(shows("the last one without"), "a message while Redis is away")
    assert two.repaired > before, "the sweep has brought them"

    two.redis.start()
    reconnected(two, (alice, there), (bob, here))
    before = two.repaired
    for number in range(10):
        alice.say(slug, f"{number} by alice with redis")
        bob.say(slug, f"{number} by bob with redis")
    bob.say(slug, "the very last one")
    for listener in (here, there):
        listener.until(shows("the very last one"), "a message after Redis is back")
    assert two.repaired - before < 10
    assert_same(slug, here, there, at=(alice, bob))
    both = ["Alice Archer", "Bob Baker"]
    for listener in (here, there):
        assert listener.opened == 1, "the sockets were never closed"
        listener.until(lambda page: present(page) == both, "both are in the list again")


def test_without_redis_every_page_can_be_read_and_polled(
    alice: Program, bob: Program, without_redis: Callable[[], None]
) -> None:
    slug = make_room(alice, "Workbench", bob)
    cursor = bob.load(slug).cursor
    alice.say(slug, "while Redis is there")
    without_redis()
    alice.say(slug, "while Redis is away")
    pages = ["/rooms/", f"/rooms/{slug}/", f"/rooms/{slug}/1/", f"/rooms/{slug}/members/"]
    pages += [f"/rooms/{slug}/settings/", "/accounts/profile/"]
    answers = {path: bob.http.get(path).status_code for path in pages}
    assert answers == dict.fromkeys(pages, 200)
    polled = bob.http.get(f"/rooms/{slug}/changes/", params={"after": cursor})
    assert polled.status_code == 200
    assert "while Redis is away" in polled.text


def test_writing_without_redis_does_not_close_the_socket(
    alice: Program, bob: Program, listen: Listen, without_redis: Callable[[], None]
) -> None:
    slug = make_room(alice, "Workbench", bob)
    there = listen(bob, slug)
    alice.say(slug, "while Redis is there")
    there.until(shows("while Redis is there"), "a message")
    without_redis()
    there.typing()
    alice.say(slug, "while Redis is away")
    there.until(shows("while Redis is away"), "a message while Redis is away")
    assert there.opened == 1


def reconnected(two: Two, *ways: tuple[Program, Listener]) -> None:
    """Until a message either way needs no repair: the layers connect again by themselves."""
    deadline = time.monotonic() + PATIENCE
    while True:
        before = two.repaired
        for author, reader in ways:
            said = f"can you hear me? {secrets.token_hex(4)}"
            author.say(reader.slug, said)
            reader.until(shows(said), "a message while Redis comes back")
        if two.repaired == before:
            return
        assert time.monotonic() < deadline, "Redis is back, and still nothing comes by it"


def test_a_process_that_is_killed_loses_nothing_and_leaves_no_ghost(
    two: Two, alice: Program, bob: Program, arrive: Callable[..., Program], listen: Listen
) -> None:
    slug = make_room(alice, "Lobby", bob)
    carol = arrive("Carol Cook", two.second)
    here, moving, staying = listen(alice, slug), listen(bob, slug), listen(carol, slug)
    here.until(lambda page: len(present(page)) == 3, "all three are there")
    bob.say(slug, "before the power cut")
    two.second.kill()
    try:
        alice.say(slug, "in the dark")
        moving.move(bob.at(two.first.url))
        for listener in (here, moving):
            listener.until(shows("in the dark"), "what was said meanwhile")
        two.second.start()
        moving.program.say(slug, "light again")
        for listener in (here, moving, staying):
            listener.until(shows("light again"), "what is said after it")
        assert_same(slug, here, moving, staying, at=(alice, bob))
        two.second.kill()
        names = ["Alice Archer", "Bob Baker"]
        deadline = time.monotonic() + LAPSES
        while present(here.page) != names:
            assert time.monotonic() < deadline, f"{present(here.page)} are still in the list"
            here._read(0.5)
    finally:
        if two.second.process is None:
            two.second.start()
