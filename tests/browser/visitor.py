"""Somebody at an open page: what they see there and what they do, by the names that the page gives."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import wraps
from itertools import count
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection
from playwright.sync_api import FrameLocator, Locator, Page, expect

from rooms.models import Place, Room, User
from tests import factories
from tests.factories import PASSWORD, make_room, make_user

if TYPE_CHECKING:
    from collections.abc import Callable

    from rooms.models import Message

P = ParamSpec("P")
T = TypeVar("T")

DEADLINE = 30_000  # milliseconds; generous, because the machine may be busy with other tests too

# What the browser and htmx say of a socket that is refused or breaks off.
BROKEN_SOCKET = r"WebSocket connection to '.*' failed|^\[object Event\] \(.*/htmx-2"

expect.set_options(timeout=DEADLINE)

_companies = count(1)


def in_thread(call: Callable[P, T]) -> Callable[P, T]:
    """The models announce what they change, and can't on the thread that has Playwright's loop."""

    @wraps(call)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        def work() -> T:
            try:
                return call(*args, **kwargs)
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as threads:
            return threads.submit(work).result()

    return called


say = in_thread(factories.say)


@dataclass(frozen=True)
class Company:
    """The cast of one test: alice moderates the room, bob belongs to it, charlie is in none."""

    number: int
    alice: User
    bob: User
    charlie: User
    room: Room

    @classmethod
    @in_thread
    def gather(cls, *, private: bool = False) -> Company:
        """People and a room that no other test has, since nothing in the database is rolled back."""
        number = next(_companies)
        Place.objects.get_or_create(pk=1, defaults={"name": "Millbrook Repair Café"})
        alice = make_user(f"alice-{number}", "Alice Archer")
        bob = make_user(f"bob-{number}", "Bob Baker")
        charlie = make_user(f"charlie-{number}", "Charlie Cooper")
        room = make_room(f"Workbench {number}", alice, bob, private=private)
        return cls(number, alice, bob, charlie, room)

    @in_thread
    def another_room(self, name: str, *, private: bool = False) -> Room:
        """One more room of alice's with bob in it."""
        return make_room(f"{name} {self.number}", self.alice, self.bob, private=private)

    @property
    def path(self) -> str:
        return path_of(self.room)

    def stored(self) -> list[str]:
        """What was said in the room, as the database has it."""
        messages: list[Message] = list(self.room.messages.order_by("number"))
        assert [message.number for message in messages] == list(range(1, len(messages) + 1))
        return [message.body for message in messages]


def path_of(room: Room) -> str:
    return f"/rooms/{room.slug}/"


def give_password(user: User) -> None:
    """`PASSWORD`, kept as the server keeps it: what tests use instead it does not know."""
    hasher = PBKDF2PasswordHasher()
    user.password = hasher.encode(PASSWORD, hasher.salt())  # one that need not be renewed
    user.save(update_fields=["password"])


class Visitor:
    """One page of one person. Without JavaScript the conversation is live in a frame of its own."""

    def __init__(self, page: Page, tier: str) -> None:
        self.page = page
        self.tier = tier

    # What they see

    @property
    def live(self) -> Page | FrameLocator:
        """Where the room is shown as it is now."""
        return self.page.frame_locator("#live") if self.tier == "no-script" else self.page

    @property
    def log(self) -> Locator:
        return self.live.get_by_role("log")

    @property
    def messages(self) -> Locator:
        """The list's items that somebody said; the others open a day or lead on."""
        return self.log.locator(".message")

    @property
    def texts(self) -> Locator:
        return self.messages.locator(".body")

    def message(self, text: str) -> Locator:
        return self.messages.filter(has_text=text)

    @property
    def people(self) -> Locator:
        return self.live.get_by_role("list", name="People here").locator(".name")

    @property
    def writing(self) -> Locator:
        """The names of those who are said to be writing."""
        return self.live.locator(".typing b:visible")

    @property
    def banner(self) -> Locator:
        return self.page.locator("#banner")

    @property
    def field(self) -> Locator:
        """The one to write in: those before it wait to be sent."""
        return self.page.get_by_role("textbox", name="Message", exact=True).last

    @property
    def waiting(self) -> Locator:
        """The messages that were sent off and not acknowledged yet."""
        return self.page.locator(".c:has(.line):has(~ .c .line)")

    @property
    def pending(self) -> Locator:
        """The fields that these are in."""
        return self.waiting.get_by_role("textbox", name="Message", exact=True)

    def sees(self, *texts: str) -> None:
        """Exactly these messages, in this order."""
        expect(self.texts).to_have_text(list(texts))

    def sees_people(self, *names: str, timeout: float = DEADLINE) -> None:
        expect(self.people).to_have_text(list(names), timeout=timeout)

    # What they do

    def go(self, path: str) -> None:
        self.page.goto(path)

    def type(self, text: str, delay: float = 0) -> None:
        """Keys into whatever has the focus."""
        self.page.keyboard.type(text, delay=delay)

    def wait_until(self, is_so: Callable[[], bool], what: str, seconds: float = 40) -> None:
        """Unlike the function it lets Playwright work meanwhile, which answers what tests intercept."""
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} took more than {seconds} s")
            self.page.wait_for_timeout(50)

    def say(self, text: str) -> None:
        """A line, sent as the tier does it. The next may follow at once."""
        self.field.fill(text)
        if self.tier == "no-script":
            with self.page.expect_navigation(url="**/rooms/*/"):
                self.page.get_by_role("button", name="Send").click()
        else:
            self.field.press("Enter")
            expect(self.field).to_have_value("")

    @property
    def choices(self) -> Locator:
        """What can be done with a message, once that was asked for."""
        return self.page.locator("main .choices" if self.tier == "no-script" else "#menu")

    def ask_for_choices(self, text: str) -> None:
        """Of the message with this text."""
        message = self.message(text)
        message.hover()
        message.get_by_role("button", name="More", exact=True).click()
        expect(self.choices.get_by_role("listitem").first).to_be_visible()

    def choose(self, control: str, text: str) -> None:
        """One of the choices that the message with this text offers."""
        self.ask_for_choices(text)
        self.choices.get_by_text(control, exact=True).click()

    def another_tab(self, path: str) -> Visitor:
        page = self.page.context.new_page()
        page.goto(path)
        return Visitor(page, self.tier)
