"""Nothing lost, nothing twice, in order: whatever happens to the connection and to the server.

Several people talk, edit and take back while a page's way to the server is cut, goes away, falls silent
and comes back, and while the server is killed. In the end the page shows what a page shows that is
loaded then. People are programs that post over HTTP, until the server has accepted; and beside them the
tests' own process changes the room through the models, which the server finds by its sweep.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from django.db import connection
from playwright.sync_api import Frame, Page, WebSocket, expect

from rooms.models import Message, Place, Room, User
from tests import factories
from tests.browser.conftest import Open, Watch
from tests.browser.relay import Relay
from tests.browser.visitor import BROKEN_SOCKET, in_thread, say
from tests.factories import make_room, make_user
from tests.process import Roomful
from tests.programs import PATIENCE, Program
from tests.services import wait_until

MESSAGES = 200
ROUND = 5  # messages of each author between two disturbances

# A quiet page finds a silent socket by its switch of 25 s, and every new try may take some more.
HEALED = 120_000  # milliseconds
SOON = PATIENCE * 1_000  # milliseconds for what takes at most a few seconds on an idle machine

# What a browser and htmx say while there is no server. Swaps without a target are not among it.
NO_NETWORK = (
    r"Failed to load resource: net::",
    r"^htmx:(sendError|timeout|afterRequest|sendAbort)",
    BROKEN_SOCKET,
)

# The rows of a page as they were sent: what stands out on one page alone does not count.
ROWS = """list => [...list.querySelectorAll(".message, .day")]
    .map(row => {
        const copy = row.cloneNode(true)
        copy.classList.remove("marked")
        for (const name of ["aria-current", "autofocus"]) copy.removeAttribute(name)
        return [copy.id, copy.className, copy.innerHTML]
    })"""


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


class Conversation:
    """A room in which `authors` talk: some over HTTP, and one through the models."""

    def __init__(self, server: Roomful, pool: ThreadPoolExecutor) -> None:
        self.server, self.pool = server, pool
        self.marker = secrets.token_hex(3)
        self.reader, self.direct, *talkers = self._arrange()
        self.authors = [Program.of(user, server.url) for user in talkers]
        self.said = 0
        self.pending: list[Future[None]] = []

    @in_thread
    def _arrange(self) -> list[User]:
        Place.objects.get_or_create(pk=1, defaults={"name": "Millbrook Repair Café"})
        names = ("reader", "direct", "dora", "emil", "fay")
        users = [make_user(f"{name}-{self.marker}", name.title()) for name in names]
        self.room = make_room(f"Delivery {self.marker}", *users)
        return users

    @property
    def path(self) -> str:
        return f"/rooms/{self.room.slug}/"

    def begin_round(self, size: int = ROUND) -> None:
        """Everybody starts to talk at once; `end_round` waits for them."""
        self.pending = [
            self.pool.submit(self._talk, author, name, size, self.said)
            for author, name in zip(self.authors, ("dora", "emil", "fay"), strict=True)
        ]
        self.talk_directly(size, self.said)
        self.said += size

    def end_round(self) -> None:
        for talking in self.pending:
            talking.result(PATIENCE * 4)
        self.pending = []

    def round(self, size: int = ROUND) -> None:
        self.begin_round(size)
        self.end_round()

    def _talk(self, author: Program, name: str, size: int, start: int) -> None:
        for number in range(start, start + size):
            author.say(self.room.slug, f"{name} says **{number}**")
        try:
            own = self._standing(name)
            if len(own) > 3:
                author.edit(self.room.slug, own[-2].number, f"{name} edits {own[-2].number}")
                author.edit(self.room.slug, own[1].number, f"{name} edits {own[1].number} late")
                author.delete(self.room.slug, own[-3].number)
        finally:
            connection.close()

    @in_thread
    def talk_directly(self, size: int, start: int) -> None:
        for number in range(start, start + size):
            factories.say(self.room, self.direct, f"direct says `{number}`")
        own = self._standing("direct")
        if len(own) > 3:
            own[-2].edit(f"direct edits {own[-2].number}", by=self.direct)
            own[0].edit(f"direct edits {own[0].number} late", by=self.direct)
            own[-3].delete_for_everybody(by=self.direct)

    def _standing(self, name: str) -> list[Message]:
        found = self.room.messages.select_related("author", "room").filter(deleted_at=None)
        return list(found.filter(author__username=f"{name}-{self.marker}").order_by("number"))

    def messages(self) -> list[Message]:
        return list(self.room.messages.order_by("number"))

    def version(self) -> int:
        return Room.objects.values_list("version", flat=True).get(pk=self.room.pk)

    def close(self) -> None:
        for author in self.authors:
            author.close()


@pytest.fixture
def talk(server: Roomful, pool: ThreadPoolExecutor) -> Iterator[Conversation]:
    conversation = Conversation(server, pool)
    yield conversation
    conversation.close()


def rows(page: Page | Frame) -> list[list[str]]:
    found: list[list[str]] = page.locator("#messages").evaluate(ROWS)
    return found


def loaded_afresh(open_page: Open, talk: Conversation) -> list[list[str]]:
    """All rows of the room as pages show them that are loaded now."""
    page = open_page(talk.reader, tier="no-script", path=talk.path)
    found = rows(page)
    while page.locator("#older a").count():
        page.goto(page.locator("#older a").get_attribute("href") or "")
        found = rows(page) + found
    page.context.close()
    return found


def catches_up(page: Page, talk: Conversation) -> None:
    """The page's cursor says that it shows all that has happened."""
    cursor = page.locator("main > .cursor")
    expect(cursor).to_have_value(str(talk.version()), timeout=HEALED)


def assert_exact(page: Page, open_page: Open, talk: Conversation) -> None:
    said = talk.messages()
    assert [message.number for message in said] == list(range(1, len(said) + 1))
    shown = rows(page)
    assert [row[0] for row in shown if row[0]] == [f"m{message.number}" for message in said]
    assert shown == loaded_afresh(open_page, talk)


@pytest.mark.parametrize("tier", ["socket", "polling"])
def test_a_page_misses_nothing_through_whatever_happens_to_its_connection(
    tier: str, relay: Relay, open_page: Open, watch: Watch, talk: Conversation
) -> None:
    for complaint in NO_NETWORK:
        watch.allow(complaint)
    relay.refuse_sockets = tier == "polling"
    page = open_page(talk.reader, base_url=relay.url)
    sockets: list[WebSocket] = []
    page.on("websocket", lambda opened: sockets.append(opened))  # noqa: PLW0108  # no built-in
    page.goto(talk.path)
    healthy = page.locator("#watch.live" if tier == "socket" else "#watch.poll")
    expect(healthy).to_be_attached(timeout=SOON)
    talk.round()

    # Cut again and again while people talk.
    talk.begin_round()
    for _ in range(4):
        relay.cut()
        page.wait_for_timeout(100)
    talk.end_round()
    catches_up(page, talk)

    # No network at all for a while.
    relay.down = True
    relay.cut()
    talk.round(2 * ROUND)
    assert len(rows(page)) < len(talk.messages()), "it would have passed without any network"
    relay.down = False
    catches_up(page, talk)
    expect(healthy).to_be_attached(timeout=HEALED)

    # A socket that is open and says nothing; the page finds out by itself.
    if tier == "socket":
        silent = sockets[-1]
        # A new one before the server has given the old one up.
        with page.expect_websocket(lambda _new: not silent.is_closed(), timeout=HEALED):
            relay.silence_sockets()
            talk.round()
    catches_up(page, talk)
    expect(healthy).to_be_attached(timeout=HEALED)

    # A power cut while people talk, who try until they are heard.
    talk.begin_round(2 * ROUND)
    talk.server.kill()
    talk.talk_directly(1, talk.said)
    talk.said += 1
    talk.server.start()
    talk.end_round()
    catches_up(page, talk)

    # And all at once until everybody has said enough.
    while len(talk.messages()) < MESSAGES:
        talk.begin_round()
        relay.cut(only_sockets=True)
        talk.end_round()
    catches_up(page, talk)
    assert len(talk.messages()) >= MESSAGES
    assert_exact(page, open_page, talk)


@pytest.mark.parametrize("tier", ["socket", "polling"])
def test_pushes_to_an_old_page_give_what_a_page_shows_that_is_loaded_now(
    tier: str, open_page: Open, watch: Watch, talk: Conversation
) -> None:
    watch.allow(BROKEN_SOCKET)
    talk.round(12)
    page = open_page(talk.reader, tier=tier, path=talk.path)
    for _ in range(3):
        talk.round()
    catches_up(page, talk)
    assert_exact(page, open_page, talk)


def test_a_page_far_behind_shows_the_newest_messages_and_leads_to_the_others(
    relay: Relay, open_page: Open, watch: Watch, talk: Conversation
) -> None:
    for complaint in NO_NETWORK:
        watch.allow(complaint)
    page = open_page(talk.reader, path=talk.path, base_url=relay.url)
    talk.round(1)
    catches_up(page, talk)
    relay.down = True
    relay.cut()
    say(talk.room, talk.direct, *(f"number {number}" for number in range(230)))
    relay.down = False
    catches_up(page, talk)
    talk.round(2)
    catches_up(page, talk)
    afresh = loaded_afresh(open_page, talk)
    while page.locator("#older").count():
        before = len(rows(page))
        page.locator("#older").evaluate("older => older.scrollIntoView()")
        wait_until(lambda: len(rows(page)) > before, "older messages")  # noqa: B023
        expect(page.locator(".htmx-request")).to_have_count(0)
    assert rows(page) == afresh


def stream_of(page: Page) -> Frame:
    """The endless document in the page without scripts, once its rows are there."""

    def live() -> Frame | None:
        page.wait_for_timeout(50)  # lets Playwright hear of a frame that loads anew
        return next(
            (
                frame
                for frame in page.frames
                if "/stream/" in frame.url and frame.locator("#messages").count()
            ),
            None,
        )

    wait_until(lambda: live() is not None, "the stream", PATIENCE)
    found = live()
    assert found
    return found


def streams(page: Page, talk: Conversation) -> list[list[str]]:
    """The stream's rows once they show the newest state of each message."""
    newest = {f"m{message.number}": message for message in talk.messages()}
    last = list(newest)[-1]

    def current() -> bool:
        frame = stream_of(page)
        try:
            shown = {row[0]: row[2] for row in rows(frame) if row[0]}
        except Exception:  # noqa: BLE001 - it loads itself anew just now
            return False
        return last in shown and all(
            ("edited" in html)
            == (newest[name].edited_at is not None and not newest[name].deleted_at)
            and ("was deleted" in html) == (newest[name].deleted_at is not None)
            for name, html in shown.items()
        )

    wait_until(current, "the newest messages in the stream", PATIENCE)
    return rows(stream_of(page))


def test_without_script_the_stream_misses_nothing(open_page: Open, talk: Conversation) -> None:
    page = open_page(talk.reader, tier="no-script", path=talk.path)
    stream_of(page)
    while len(talk.messages()) < MESSAGES:
        talk.round()
    shown = streams(page, talk)
    afresh = loaded_afresh(open_page, talk)
    assert shown == afresh[-len(shown) :]
    assert len(shown) >= 50


def test_without_script_a_reload_after_a_power_cut_shows_everything(
    server: Roomful, open_page: Open, watch: Watch, talk: Conversation
) -> None:
    for complaint in NO_NETWORK:
        watch.allow(complaint)
    page = open_page(talk.reader, tier="no-script", path=talk.path)
    stream_of(page)
    talk.round()
    talk.begin_round()
    server.kill()
    server.start()
    talk.end_round()
    page.reload()
    afresh = loaded_afresh(open_page, talk)
    assert rows(page) == afresh[-len(rows(page)) :]
    talk.round()
    shown = streams(page, talk)
    afresh = loaded_afresh(open_page, talk)
    assert shown == afresh[-len(shown) :]
