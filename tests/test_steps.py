"""However the changes of a room reach a page, it ends up as a page that was just loaded.

A page hears of a change by several ways at once: the socket's catch-up and its live frames, the answers
to its forms, its polls. They overlap, some are late, some come twice, some never. Here random people do
random things, random ways bring the news, and after every single frame the page must show exactly what
the room was at the version that the page's cursor claims.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from operator import methodcaller
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.template.loader import render_to_string
from django.test import TestCase
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rooms.live import fragments, threads
from rooms.live.connections import OpenRoom, Reader
from rooms.live.consumers import catch_up
from rooms.live.fragments import Variant
from rooms.live.hub import Hub
from rooms.models import Message, Room, RoomDetails, Row, announcements
from tests.cast import signed_in
from tests.factories import make_room, say
from tests.page import Page, fragment, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.test import Client

    from rooms.live.connections import Frame, People
    from rooms.live.news import News
    from rooms.models import Step, User

VARIANT = Variant("en", "UTC")
TEXTS = st.sampled_from(
    ["yes", "two\nlines", "**bold** <b>", "😀", "see https://example.org/a?b=c"]
)
EMOJI = st.sampled_from(["👍", "🎉"])


def fresh(client: Client, room: Room) -> Page:
    """The page as it is loaded now."""
    return Page.of_main(client.get(f"/rooms/{room.slug}/").content.decode())


def rendered(room: Room) -> list[str]:
    return rows_of(fragment(fragments.rows(room.history().rows, VARIANT)))


def with_row(rows: list[str], data: dict[str, Any]) -> list[str]:
    """The rows after a step that brings this one."""
    row = Row.from_data(data)
    new = rows_of(fragment(fragments.row(row, VARIANT)))
    if row.posted_version == row.version:
        return [*rows, *new]
    return [new[-1] if f' id="m{row.number}"' in old else old for old in rows]


def titled(data: dict[str, Any]) -> str:
    details = RoomDetails(**data)
    context = {"details": details, "swap": ""}
    title, pins = (render_to_string(f"rooms/_{name}.html", context) for name in ("title", "pins"))
    return fragment(title).elements[0].html + fragment(pins).elements[0].html


def header(page: Page) -> str:
    return page.title + page.one(".bar .pins").html


class Socket:
    """Collects what the hub sends."""

    def __init__(self, user: User) -> None:
        self.reader = Reader(user.pk, "", VARIANT)
        self.frames: list[str] = []

    def push_steps(self, steps: Sequence[Step], frames: Sequence[Frame]) -> None:
        self.frames.extend(frame.text for frame in frames)

    def push_people(self, people: People) -> None:
        raise AssertionError("nobody looks at presence here")

    def push_look(self, frame: Frame) -> None:
        raise AssertionError("nobody is called otherwise here")

    def push_news(self, news: News) -> None:
        raise AssertionError("nobody sits in another room here")

    def push_own(self, html: str) -> None:
        raise AssertionError("nobody is moderated here")

    def beat(self, version: int) -> None:
        raise AssertionError("nobody beats here")

    def say_restarting(self) -> None:
        raise AssertionError("nobody restarts here")

    def end(self, code: int) -> None:
        raise AssertionError(f"closed with {code}")


@dataclass(eq=False)
class Reading:
    """A page with its socket, the answers that are on their way to it, and what it was sent before."""

    page: Page
    socket: Socket | None = None
    answers: list[list[str]] = field(default_factory=list)
    had: list[str] = field(default_factory=list)


class Rooms(RuleBasedStateMachine):
    """One room, its hub in one process, whatever was announced and not yet heard, and its pages."""

    people: list[User]
    rung: list[dict[str, Any]]  # what was announced; the test around this fills it
    # Whether a piece of news is one frame. If not, a page may for a moment be between two of its frames.
    whole_pieces = True

    def __init__(self) -> None:
        super().__init__()
        self.room = make_room(f"Workbench {secrets.token_hex(4)}", self.people[0], *self.people[1:])
        self.client = signed_in(self.people[0])
        self.rung.clear()
        self.hub = Hub()
        self.ear = OpenRoom(self.room.pk, 0, joined=True)
        self.hub.rooms[self.room.pk] = self.ear
        self.readings: list[Reading] = []
        self.states = {0: rendered(self.room)}
        self.titles = {0: header(fresh(self.client, self.room))}

    @initialize(texts=st.lists(TEXTS, max_size=4), heard=st.booleans())
    def begin(self, texts: list[str], heard: bool) -> None:
        for text in texts:
            self.post(self.people[0], text)
        if heard:
            self.sweep()
        self.open()

    # What people do

    def _change(self, act: Callable[[], object]) -> None:
        before, heard = self.room.version, len(self.rung)
        with TestCase.captureOnCommitCallbacks(execute=True):
            act()
        self.room.refresh_from_db()
        rows, title = self.states[before], self.titles[before]
        for event in self.rung[heard:]:  # one change may be several steps
            rows = with_row(rows, event["row"]) if event["row"] else rows
            title = titled(event["details"]) if event["details"] else title
            self.states[event["version"]], self.titles[event["version"]] = rows, title
        assert self.states[self.room.version] == rendered(self.room)

    @rule(author=st.sampled_from(range(3)), text=TEXTS)
    def say(self, author: int, text: str) -> None:
        self.post(self.people[author], text)

    def post(self, author: User, text: str) -> None:
        self._change(lambda: say(self.room, author, text))

    @rule(data=st.data(), author=st.sampled_from(range(3)), text=TEXTS)
    def reply(self, data: st.DataObject, author: int, text: str) -> None:
        if original := self._some_message(data):
            key = secrets.token_urlsafe(9)
            person, number = self.people[author], original.number
            self._change(lambda: self.room.post(person, text, key, reply=number))

    def _some_message(self, data: st.DataObject) -> Message | None:
        standing = list(self.room.messages.filter(deleted_at=None).order_by("number"))
        return data.draw(st.sampled_from(standing)) if standing else None

    @rule(data=st.data(), text=TEXTS)
    def edit(self, data: st.DataObject, text: str) -> None:
        if message := self._some_message(data):
            self._change(lambda: message.edit(text, by=message.author))

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if message := self._some_message(data):
            self._change(lambda: message.delete_for_everybody(by=message.author))

    @rule(data=st.data(), who=st.sampled_from(range(3)), emoji=EMOJI, wanted=st.booleans())
    def react(self, data: st.DataObject, who: int, emoji: str, wanted: bool) -> None:
        if message := self._some_message(data):
            self._change(lambda: message.react(emoji, by=self.people[who], wanted=wanted))

    @rule(data=st.data(), pinned=st.booleans())
    def pin(self, data: st.DataObject, pinned: bool) -> None:
        if message := self._some_message(data):
            change = message.pin if pinned else message.unpin
            self._change(lambda: change(by=self.people[0]))

    @rule(name=st.sampled_from(["Workbench", "Bench <3", "Werkbank"]))
    def rename(self, name: str) -> None:
        self._change(lambda: self.room.change_details(name=name, topic=""))

    @rule()
    def archive_and_restore(self) -> None:
        self._change(self.room.archive)
        self._change(self.room.restore)

    # How the process hears of it: late, in another order, twice or never

    @precondition(lambda self: self.rung)
    @rule(data=st.data(), again=st.booleans())
    def hear(self, data: st.DataObject, again: bool) -> None:
        # the next one most of the time, else any
        place = data.draw(st.sampled_from([0, 0, 0, *range(len(self.rung))]))
        event = self.rung[place] if again else self.rung.pop(place)
        async_to_sync(self.hub.room_changed)(event)

    @precondition(lambda self: self.rung)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.rung.pop(data.draw(st.sampled_from(range(len(self.rung)))))

    @rule()
    def sweep(self) -> None:
        async_to_sync(self.hub._sweep)()

    # How a page hears of it

    @precondition(lambda self: len(self.readings) < 3)
    @rule()
    def open(self) -> None:
        page = fresh(self.client, self.room)
        for form in page.all("form:not(.reactions)"):
            form.replace()  # no change of the room concerns them, and all else goes quicker without
        assert page.rows == self.states[page.cursor]
        self.readings.append(Reading(page))

    def _some_reading(self, data: st.DataObject) -> Reading:
        return data.draw(st.sampled_from(self.readings))

    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        """The socket opens: into the room, then what was missed, then whatever comes."""
        reading = self._some_reading(data)
        if reading.socket is None:
            self._connect(reading)

    def _connect(self, reading: Reading) -> None:
        reading.socket = Socket(self.people[0])
        self.ear.connections.add(reading.socket)
        reading.socket.frames += catch_up(self.room.pk, reading.page.cursor, VARIANT)

    @rule(data=st.data())
    def cut(self, data: st.DataObject) -> None:
        """The socket breaks, with all that was on its way."""
        reading = self._some_reading(data)
        if reading.socket:
            self.ear.connections.discard(reading.socket)
            reading.socket = None

    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        """The page polls or posts a form; the answer is read now and comes later."""
        reading = self._some_reading(data)
        if frames := catch_up(self.room.pk, reading.page.cursor, VARIANT):
            reading.answers.append(frames)

    @rule(data=st.data())
    def pushed(self, data: st.DataObject) -> None:
        reading = self._some_reading(data)
        if reading.socket and reading.socket.frames:
            self._receive(reading, reading.socket.frames.pop(0))

    @rule(data=st.data())
    def answered(self, data: st.DataObject) -> None:
        reading = self._some_reading(data)
        if reading.answers:
            answer = reading.answers.pop(data.draw(st.sampled_from(range(len(reading.answers)))))
            self._receive(reading, *answer)  # in one body, in one go

    @rule(data=st.data())
    def repeated(self, data: st.DataObject) -> None:
        """A frame that the page had before comes once more."""
        reading = self._some_reading(data)
        if reading.had:
            self._receive(reading, data.draw(st.sampled_from(reading.had)))

    # What must be so after every frame, and at the end

    def _receive(self, reading: Reading, *frames: str) -> None:
        page = reading.page
        for html in frames:
            page.receive(html)
        reading.had += frames
        page.check()
        if self.whole_pieces:
            assert page.rows == self.states[page.cursor]
            assert header(page) == self.titles[page.cursor]
        else:
            self._shows_all_or_is_about_to(page)

    def _shows_all_or_is_about_to(self, page: Page) -> None:
        """All messages up to the cursor, once, in order; one that lags behind has changed after it."""
        posted = self.room.messages.filter(posted_version__lte=page.cursor).order_by("number")
        assert page.numbers == [message.number for message in posted]
        shown = [row for row in page.rows if 'class="day"' not in row]
        claimed = [row for row in self.states[page.cursor] if 'class="day"' not in row]
        for message, row, claim in zip(posted, shown, claimed, strict=True):
            assert row == claim or message.version > page.cursor

    def teardown(self) -> None:
        """In the end all sockets are open, the hub has looked at the database, and all has arrived."""
        self.sweep()
        now = fresh(self.client, self.room)
        for reading in self.readings:
            if reading.socket is None:
                self._connect(reading)
            while reading.socket and reading.socket.frames:
                self._receive(reading, reading.socket.frames.pop(0))
            for html in [html for answer in reading.answers for html in answer] + reading.had:
                self._receive(reading, html)
            assert reading.page.rows == now.rows
            assert reading.page.cursor == now.cursor == self.room.version
            assert header(reading.page) == header(now)


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is announced, instead of the channel layer: the tests here decide who hears of it."""
    events: list[dict[str, Any]] = []

    def ring(group: str, event: dict[str, Any]) -> None:
        if event["type"] == "room.changed":
            events.append(event)

    monkeypatch.setattr(announcements, "_send", ring)
    # The connection that holds the transaction that the test is in belongs to the test's own thread.
    monkeypatch.setattr(threads, "_in_database_thread", sync_to_async(methodcaller("__call__")))
    return events


SETTINGS = settings(
    max_examples=6,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_whatever_way_the_news_comes_a_page_shows_what_its_cursor_claims_and_ends_as_a_fresh_one(
    alice: User, bob: User, charlie: User, rung: list[dict[str, Any]]
) -> None:
    machine = type("OneFrame", (Rooms,), {"people": [alice, bob, charlie], "rung": rung})
    run_state_machine_as_test(machine, settings=SETTINGS)


def test_a_page_that_is_between_two_frames_of_what_it_missed_has_all_up_to_its_cursor(
    alice: User,
    bob: User,
    charlie: User,
    rung: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fragments, "FRAME_ROWS", 2)
    machine = type(
        "ManyFrames",
        (Rooms,),
        {"people": [alice, bob, charlie], "rung": rung, "whole_pieces": False},
    )
    run_state_machine_as_test(machine, settings=SETTINGS)


# By example: what random tests found or might not find


def brought_up_to_date(page: Page, room: Room) -> Page:
    for html in catch_up(room.pk, page.cursor, VARIANT):
        page.receive(html)
        page.check()
    return page


def same(page: Page, other: Page) -> bool:
    return (page.rows, page.cursor, header(page)) == (other.rows, other.cursor, header(other))


def test_a_message_that_was_edited_after_the_next_one_came_is_not_lost(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    page = fresh(bob_client, open_room)
    (first,) = say(open_room, alice, "bring a drill")
    say(open_room, bob, "which one")
    first.edit("bring the small drill", by=alice)
    brought_up_to_date(page, open_room)
    assert page.numbers == [1, 2]
    assert same(page, fresh(bob_client, open_room))


def test_a_message_that_was_deleted_after_the_next_one_came_leaves_its_tombstone_in_its_place(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "hello")
    page = fresh(bob_client, open_room)
    (first,) = say(open_room, alice, "bring a drill")
    say(open_room, bob, "which one")
    first.delete_for_everybody(by=alice)
    brought_up_to_date(page, open_room)
    assert page.numbers == [1, 2, 3]
    assert same(page, fresh(bob_client, open_room))


def test_many_missed_messages_come_in_several_frames(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    page = fresh(bob_client, open_room)
    say(open_room, alice, *(f"number {number}" for number in range(120)))
    assert len(catch_up(open_room.pk, page.cursor, VARIANT)) > 1
    brought_up_to_date(page, open_room)
    assert page.numbers == list(range(1, 121))
    assert page.rows[-50:] == fresh(bob_client, open_room).rows
    assert page.cursor == 120


def test_a_page_too_far_behind_is_given_the_newest_messages_instead(
    alice: User, bob: User, bob_client: Client, open_room: Room
) -> None:
    say(open_room, alice, "long ago")
    page = fresh(bob_client, open_room)
    say(open_room, bob, *(f"number {number}" for number in range(260)))
    brought_up_to_date(page, open_room)
    now = fresh(bob_client, open_room)
    assert same(page, now)
    assert page.one("#older").html == now.one("#older").html


def test_a_message_that_was_edited_very_often_does_not_make_an_endless_selector(
    alice: User, bob_client: Client, open_room: Room
) -> None:
    (message,) = say(open_room, alice, "draft")
    page = fresh(bob_client, open_room)
    for attempt in range(fragments.GUARDS + 20):
        message.edit(f"attempt {attempt}", by=alice)
    brought_up_to_date(page, open_room)
    assert same(page, fresh(bob_client, open_room))


@pytest.mark.parametrize("cursor", [7, 10**17])
def test_a_cursor_that_the_room_never_reached_is_given_the_newest_messages(
    alice: User, bob_client: Client, open_room: Room, cursor: int
) -> None:
    say(open_room, alice, "one", "two")
    page = fresh(bob_client, open_room)
    page.one("main>.cursor").attributes["value"] = str(cursor)
    brought_up_to_date(page, open_room)
    assert same(page, fresh(bob_client, open_room))


def test_a_page_that_misses_nothing_is_sent_nothing(alice: User, open_room: Room) -> None:
    say(open_room, alice, "one")
    open_room.refresh_from_db()
    assert catch_up(open_room.pk, open_room.version - 1, VARIANT)
    assert not catch_up(open_room.pk, open_room.version, VARIANT)
