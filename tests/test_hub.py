"""The process's one ear: what is announced may come twice, late, or not at all."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from channels.layers import get_channel_layer

from rooms import metrics
from rooms.live import elsewhere as elsewhere_module
from rooms.live import hub as hub_module
from rooms.live import threads
from rooms.live.connections import TRY_AGAIN_LATER, Reader
from rooms.live.elsewhere import Elsewhere
from rooms.live.fragments import Variant
from rooms.live.hub import Hub, hub, stop_hub
from rooms.models import Room, announcements
from rooms.models.room import STEPS
from tests.cast import signed_in
from tests.factories import make_room, say
from tests.page import Page
from tests.sockets import (
    PATIENCE,
    announce_from_elsewhere,
    ear,
    in_db,
    new_process,
    session_cookie,
    socket,
    until,
    watching,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence

    from rooms.live.connections import Frame, People
    from rooms.live.news import News
    from rooms.models import Message, Step, User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
async def one_process(place: object) -> AsyncIterator[None]:
    async with new_process():
        yield


class Doorbell:
    """Stands before the channel layer: what rings while it is `deaf` is kept and not heard."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.deaf = False
        self.missed: list[dict[str, Any]] = []
        self.heard: list[dict[str, Any]] = []
        self._ring = announcements.ring
        monkeypatch.setattr(announcements, "ring", self.ring)
        announce_from_elsewhere(monkeypatch)

    async def ring(self, group: str, event: dict[str, Any]) -> None:
        if self.deaf:
            self.missed.append(event)
        else:
            self.heard.append(event)
            await self._ring(group, event)


@pytest.fixture
def doorbell(monkeypatch: pytest.MonkeyPatch) -> Doorbell:
    return Doorbell(monkeypatch)


async def posted(room: Room, author: User, *bodies: str) -> list[Message]:
    said: list[Message] = await in_db(say)(room, author, *bodies)
    return said


def last_read(room: Room, user: User) -> int:
    return room.memberships.get(user=user).last_read


async def until_read(room: Room, user: User, number: int) -> None:
    async def is_read() -> bool:
        return bool(await in_db(last_read)(room, user) == number)

    await until(is_read, f"{user} has read up to {number}")


class Fragile:
    """A connection that fails in whatever it is told to."""

    def __init__(self, user: User, session: str, fails_in: str) -> None:
        self.reader = Reader(user.pk, session, Variant("en", "UTC"))
        self.fails_in, self.failed, self.ended = fails_in, 0, 0

    def _maybe_fail(self, name: str) -> None:
        if name == self.fails_in:
            self.failed += 1
            raise ConnectionResetError("the other side is gone")

    def push_steps(self, steps: Sequence[Step], frames: Sequence[Frame]) -> None:
        self._maybe_fail("push_steps")

    def push_people(self, people: People) -> None:
        self._maybe_fail("push_people")

    def push_look(self, frame: Frame) -> None:
        self._maybe_fail("push_look")

    def push_news(self, news: News) -> None:
        self._maybe_fail("push_news")

    def push_own(self, html: str) -> None:
        self._maybe_fail("push_own")

    def beat(self, version: int) -> None:
        self._maybe_fail("beat")

    def say_restarting(self) -> None:
        raise AssertionError("nobody restarts here")

    def end(self, code: int) -> None:
        self.ended = code


async def put_first(room: Room, user: User, fails_in: str) -> Fragile:
    """A connection that fails, and that the hub comes to before all others."""
    client = await in_db(signed_in)(user)
    fragile = Fragile(user, session_cookie(client), fails_in)

    class Ordered(set):  # type: ignore[type-arg]
        def __iter__(self) -> Iterator[Any]:
            return iter(sorted(super().__iter__(), key=lambda each: each is not fragile))

    ear(room).connections = Ordered({fragile, *ear(room).connections})
    return fragile


# What is heard


async def test_an_event_that_comes_twice_is_shown_once(
    alice: User, bob: User, open_room: Room, doorbell: Doorbell
) -> None:
    async with watching(bob, open_room) as opened:
        await posted(open_room, alice, "only once")
        await opened.until("only once")
        (event,) = [each for each in doorbell.heard if each["type"] == "room.changed"]
        await hub().room_changed(event)
        layer = get_channel_layer()
        assert layer
        await layer.group_send(announcements.room_group(open_room.pk), event)
        await posted(open_room, alice, "and another")
        await opened.until("and another")
        assert opened.words.count("only once") == 1


async def test_the_next_version_is_shown_without_asking_the_database(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("the database was asked")

    async with watching(bob, open_room) as opened:
        monkeypatch.setattr(Hub, "_steps", staticmethod(refuse))
        await posted(open_room, alice, "from the event itself")
        await opened.until("from the event itself")


async def test_what_is_announced_here_is_heard_here_once_and_needs_no_layer(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(bob, open_room) as opened:
        heard, listened = [], hub().room_changed

        async def listen(event: dict[str, Any]) -> None:
            heard.append(event["version"])
            await listened(event)

        monkeypatch.setattr(hub(), "room_changed", listen)
        await posted(open_room, alice, "with a layer")
        await opened.until("with a layer")
        await hub().ringer.rung()

        async def lose(_group: str, _event: dict[str, Any]) -> None:
            raise ConnectionError("the layer is gone")

        monkeypatch.setattr(get_channel_layer(), "group_send", lose)
        await posted(open_room, alice, "without a layer")
        await opened.until("without a layer")
        assert heard == [1, 2]


async def test_what_was_not_heard_is_read_when_the_next_event_comes(
    alice: User, bob: User, open_room: Room, doorbell: Doorbell
) -> None:
    async with watching(bob, open_room) as opened:
        doorbell.deaf = True
        await posted(open_room, alice, "lost", "lost too")
        doorbell.deaf = False
        await posted(open_room, alice, "heard")
        await opened.until("heard")
        words = opened.words
        assert words.index(">lost<") < words.index("lost too") < words.index("heard")
        assert ear(open_room).version == 3


async def test_events_that_overtake_each_other_are_shown_in_order_and_once(
    alice: User, bob: User, bob_client: Any, open_room: Room, doorbell: Doorbell
) -> None:
    page = Page((await in_db(bob_client.get)(f"/rooms/{open_room.slug}/")).content.decode())
    async with socket(bob_client, open_room, page=page) as opened:
        await opened.resume(page.cursor)
        doorbell.deaf = True
        (first, *_others) = await posted(open_room, alice, "one", "two", "three")
        await in_db(first.edit)("one, edited", by=alice)
        doorbell.deaf = False
        events = [each for each in doorbell.missed if each["type"] == "room.changed"]
        assert [event["version"] for event in events] == [1, 2, 3, 4]
        for event in (events[2], events[0], events[3], events[1]):
            await hub().room_changed(event)
        await posted(open_room, alice, "four")
        await opened.until("four")
        assert page.numbers == [1, 2, 3, 4]
        assert page.cursor == 5
        page.check()


async def test_what_was_never_heard_of_is_found_by_looking(
    alice: User, bob: User, open_room: Room, private_room: Room, doorbell: Doorbell
) -> None:
    async with watching(bob, open_room) as opened, watching(bob, private_room) as other:
        doorbell.deaf = True
        await posted(open_room, alice, "unheard")
        await posted(private_room, alice, "unheard as well")
        assert "unheard" not in opened.words + other.words
        await hub()._sweep()
        await opened.until("unheard")
        await other.until("unheard as well")
        before = len(opened.frames)
        await hub()._sweep()
        doorbell.deaf = False
        await posted(open_room, alice, "heard")
        await opened.until("heard")
        assert "unheard" not in "".join(opened.frames[before:])


async def test_a_hub_that_looks_by_itself_finds_what_was_lost(
    alice: User, bob: User, open_room: Room, doorbell: Doorbell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "SWEEP", 0.1)
    async with watching(bob, open_room) as opened:
        doorbell.deaf = True
        await posted(open_room, alice, "unheard")
        await opened.until("unheard")


async def test_pages_too_far_behind_are_asked_to_come_again(
    alice: User, bob: User, open_room: Room, doorbell: Doorbell
) -> None:
    async with watching(bob, open_room) as opened:
        doorbell.deaf = True
        await posted(open_room, alice, *("x" for _ in range(STEPS + 1)))
        await hub()._sweep()
        assert await opened.until_closed() == TRY_AGAIN_LATER == 1013
    doorbell.deaf = False
    async with watching(bob, open_room) as opened:
        await posted(open_room, alice, "it goes on")
        await opened.until("it goes on")


# What fails


async def test_an_event_that_makes_no_sense_does_not_end_the_hub(
    alice: User, bob: User, open_room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    layer = get_channel_layer()
    assert layer
    async with watching(bob, open_room) as opened:
        for event in (
            {"type": "room.changed"},
            {"type": "room.changed", "room": open_room.pk, "version": 1, "row": 7, "details": None},
            {"type": "no.such.handler"},
            {"type": "people.changed", "users": None},
        ):
            await layer.group_send(announcements.room_group(open_room.pk), event)
        await until(lambda: caplog.text.count("was not handled") == 4, "all four failed")
        await posted(open_room, alice, "still listening")
        await opened.until("still listening")


async def test_a_change_whose_event_was_damaged_is_shown_all_the_same(
    alice: User, bob: User, open_room: Room, doorbell: Doorbell
) -> None:
    async with watching(bob, open_room) as opened:
        doorbell.deaf = True
        await posted(open_room, alice, "damaged on the way")
        (event,) = [each for each in doorbell.missed if each["type"] == "room.changed"]
        layer = get_channel_layer()
        assert layer
        await layer.group_send(announcements.room_group(open_room.pk), {**event, "row": {"x": 1}})
        await opened.until("damaged on the way")


async def test_a_layer_that_fails_to_listen_is_listened_to_anew(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = get_channel_layer()
    assert layer
    listened = layer.receive
    faults: list[str] = []

    async def receive(channel: str) -> Any:
        if faults and faults[0] != channel:
            faults[0] = channel
            raise ConnectionError("the layer is gone")
        return await listened(channel)

    monkeypatch.setattr(layer, "receive", receive)
    announce_from_elsewhere(monkeypatch)
    async with watching(bob, open_room) as opened:
        faults.append("the next one that listens")
        await posted(open_room, alice, "before it fails")
        await opened.until("before it fails")
        await until(lambda: not hub().listening.is_set(), "it no longer listens")
        faults.clear()
        await until(hub().listening.is_set, "it listens again")
        await hub()._sweep()
        assert ear(open_room).joined
        await posted(open_room, alice, "after it failed")
        await opened.until("after it failed")


async def test_a_connection_that_fails_is_ended_and_the_others_get_the_message(
    alice: User, bob: User, open_room: Room
) -> None:
    async with watching(bob, open_room) as opened:
        fragile = await put_first(open_room, alice, "push_steps")
        await posted(open_room, alice, "for everybody else")
        await opened.until("for everybody else")
        assert (fragile.failed, fragile.ended) == (1, TRY_AGAIN_LATER)
        assert [each.reader.user for each in ear(open_room).connections] == [bob.pk]
        await posted(open_room, alice, "and again")
        await opened.until("and again")
        assert fragile.failed == 1


async def test_a_connection_that_fails_to_take_the_people_does_not_hide_them_from_others(
    alice: User, bob: User, charlie: User, open_room: Room
) -> None:
    async with watching(bob, open_room) as opened:
        fragile = await put_first(open_room, alice, "push_people")
        async with watching(charlie, open_room):
            await opened.until(charlie.name)
            assert fragile.failed


async def test_a_connection_that_fails_to_take_the_heartbeat_does_not_silence_the_others(
    alice: User, bob: User, open_room: Room
) -> None:
    async with watching(bob, open_room) as opened:
        fragile = await put_first(open_room, alice, "beat")
        await hub().guarded(hub()._beat)
        await opened.until('class="live"')
        assert fragile.failed


async def test_a_connection_that_fails_to_take_news_does_not_keep_them_from_others(
    alice: User, bob: User, open_room: Room, private_room: Room
) -> None:
    async with watching(bob, open_room) as opened:
        fragile = await put_first(open_room, bob, "push_news")
        await posted(private_room, alice, "elsewhere")
        await opened.until('<span class="count">1')
        assert fragile.failed


async def test_nothing_is_pushed_to_a_connection_that_was_ended_while_news_were_read(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(bob, open_room) as opened:
        ended = await put_first(open_room, bob, "push_news")
        loop, read = asyncio.get_running_loop(), Elsewhere._items
        end = partial(hub()._end, ear(open_room), ended, TRY_AGAIN_LATER)

        def read_and_end(*asked: set[int]) -> Any:
            loop.call_soon_threadsafe(end)
            return read(*asked)

        monkeypatch.setattr(Elsewhere, "_items", staticmethod(read_and_end))
        await in_db(make_room)("Elsewhere", bob)
        await opened.until("Elsewhere")
        assert ended.ended == TRY_AGAIN_LATER
        assert not ended.failed


@pytest.mark.parametrize("failure", [ConnectionError("no layer"), TimeoutError(), ValueError("?")])
def test_a_layer_that_fails_to_send_does_not_fail_the_message(
    bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    async def fail(_group: str, _event: object) -> None:
        raise failure

    layer = get_channel_layer()
    assert layer
    monkeypatch.setattr(layer, "group_send", fail)
    answer = signed_in(bob).post(
        f"/rooms/{open_room.slug}/send/", {"key": "abcdefgh", "text": "stored anyway"}
    )
    assert answer.status_code == 302
    assert open_room.messages.get().body == "stored anyway"


def test_a_layer_that_hangs_does_not_hang_the_message(
    bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_group: str, _event: object) -> None:
        await asyncio.Event().wait()

    layer = get_channel_layer()
    assert layer
    monkeypatch.setattr(layer, "group_send", hang)
    monkeypatch.setattr(announcements, "SEND_TIMEOUT", 0.05)
    say(open_room, bob, "stored anyway")
    assert open_room.messages.get().body == "stored anyway"


async def test_nothing_is_announced_of_a_change_that_was_undone(
    alice: User, bob: User, open_room: Room, doorbell: Doorbell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_arguments: object) -> None:
        raise RuntimeError("the disk is full")

    async with watching(bob, open_room) as opened:
        with monkeypatch.context() as patch:
            patch.setattr("rooms.models.room.announcements.room_stirred", break_off)
            with pytest.raises(RuntimeError):
                await posted(open_room, alice, "never said")
        assert not doorbell.heard or doorbell.heard[-1]["type"] != "room.changed"
        await posted(open_room, alice, "said")
        await opened.until("said")
        assert "never said" not in opened.words
    assert await open_room.messages.acount() == 1


# Rooms that nobody looks at


async def test_a_room_is_listened_to_only_while_somebody_looks_at_it(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(bob, open_room):
        assert open_room.pk in hub().rooms
    await until(lambda: not ear(open_room).connections, "the socket was forgotten")
    await hub()._sweep()
    assert open_room.pk in hub().rooms, "a reload should find it still open"
    monkeypatch.setattr(hub_module, "EMPTY_ROOM", 0)
    await hub()._sweep()
    assert open_room.pk not in hub().rooms
    await posted(open_room, alice, "to nobody")
    async with watching(bob, open_room) as opened:
        await posted(open_room, alice, "to bob")
        await opened.until("to bob")
        assert "to nobody" not in opened.words


async def test_a_room_with_a_page_is_not_closed(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "EMPTY_ROOM", 0)
    async with watching(alice, open_room), watching(bob, open_room) as opened:
        await hub()._sweep()
        await posted(open_room, alice, "here")
        await opened.until("here")


# Read marks and news


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcements, "STIR_INTERVAL", 0.05)
    monkeypatch.setattr(elsewhere_module, "READ_DELAY", 0.1)
    monkeypatch.setattr(elsewhere_module, "NEWS_DELAY", 0.2)


@pytest.mark.usefixtures("soon")
async def test_what_is_said_while_one_looks_is_read(
    alice: User, bob: User, charlie: User, open_room: Room
) -> None:
    await in_db(open_room.add)(charlie)
    async with watching(bob, open_room):
        await posted(open_room, alice, "one")
        await until_read(open_room, bob, 1)
        assert await in_db(last_read)(open_room, charlie) == 0


@pytest.mark.usefixtures("soon")
async def test_what_is_said_soon_after_is_read_too(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between marking the first message read and telling of it elsewhere there is time for another."""
    async with watching(bob, open_room):
        mark_read = hub().elsewhere._mark_read
        spoke: list[bool] = []

        async def mark_and_speak() -> None:
            await mark_read()
            if not spoke:
                spoke.append(True)
                announcements._last_stirred.clear()
                await posted(open_room, alice, "two")
                await until(lambda: open_room.pk in hub().elsewhere._stirred, "the hub heard of it")

        monkeypatch.setattr(hub().elsewhere, "_mark_read", mark_and_speak)
        await posted(open_room, alice, "one")
        await until_read(open_room, bob, 2)
        assert spoke


async def test_what_is_said_right_after_one_looked_is_counted_too(
    alice: User, bob: User, open_room: Room, private_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look that a third room caused comes soon after the first message, and before the second,
    which the first one's announcement stands for as well."""
    monkeypatch.setattr(elsewhere_module, "READ_DELAY", 0.2)
    monkeypatch.setattr(elsewhere_module, "NEWS_DELAY", 0.6)
    third = await in_db(make_room)("Shed", alice)
    async with watching(bob, private_room) as elsewhere:
        mark_read, looks = hub().elsewhere._mark_read, 0

        async def mark_and_speak() -> None:
            nonlocal looks
            await mark_read()
            looks += 1
            if looks == 2:  # right before the look
                await posted(open_room, alice, "one")
                await until(lambda: open_room.pk in hub().elsewhere._stirred, "the hub heard of it")

        monkeypatch.setattr(hub().elsewhere, "_mark_read", mark_and_speak)
        await posted(third, alice, "what makes the hub look")
        await elsewhere.until('<span class="count">1')
        rung = announcements._last_stirred[open_room.pk]
        await posted(open_room, alice, "two")
        assert announcements._last_stirred[open_room.pk] == rung, "nothing was announced for it"
        await elsewhere.until('<span class="count">2')


@pytest.mark.usefixtures("soon")
async def test_news_go_to_pages_of_other_rooms_only(
    alice: User, bob: User, charlie: User, open_room: Room, private_room: Room
) -> None:
    third = await in_db(make_room)("Shed", charlie)
    async with (
        watching(bob, private_room) as elsewhere,
        watching(alice, open_room) as there,
        watching(charlie, third) as outsider,
    ):
        await posted(open_room, alice, "news")
        frame = await elsewhere.until('id="room-list"')
        assert '<span class="count">1' in frame
        assert "(1)" in frame
        await there.until("news")
        # whoever was not meant would have been told by now: what comes next is told to both
        await in_db(announcements.people_changed)([alice.pk, charlie.pk])
        await there.until('id="room-list"')
        await outsider.until('id="room-list"')
        assert there.words.count('id="room-list"') == outsider.words.count('id="room-list"') == 1
        assert open_room.name not in outsider.words


# Its end


async def test_it_stops_even_where_a_cancellation_is_swallowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As by asgiref's bridge to threads, if the thread is done just then."""
    began = asyncio.Event()
    swallowed = 0

    async def deaf(self: Hub) -> None:
        nonlocal swallowed
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed += 1
            if swallowed > 1:
                raise

    monkeypatch.setattr(hub_module, "SWEEP", 0)
    monkeypatch.setattr(Hub, "_sweep", deaf)
    stopped = hub()
    await began.wait()
    async with asyncio.timeout(PATIENCE):
        await stop_hub()
    assert swallowed == 2
    assert not stopped._tasks
    assert hub() is not stopped


# What is counted


def figure(name: str, **labels: str) -> float:
    value = metrics.REGISTRY.get_sample_value(name, labels)
    assert value is not None
    return value


async def test_a_gap_is_counted_when_it_is_repaired(
    alice: User, bob: User, open_room: Room, doorbell: Doorbell
) -> None:
    async with watching(bob, open_room) as opened:
        before = figure("roomful_gaps_repaired_total")
        doorbell.deaf = True
        await posted(open_room, alice, "missed", "and this")
        await hub()._sweep()
        await opened.until("and this")
        assert figure("roomful_gaps_repaired_total") == before + 1
        await hub()._repair(ear(open_room))  # which a push came before
        assert figure("roomful_gaps_repaired_total") == before + 1


async def test_what_waits_is_counted() -> None:
    hub().ringer._waiting.put_nowait(("place", {"type": "place.stirred", "room": 0}))
    assert figure("roomful_announcements_waiting") == 1
    await until(lambda: figure("roomful_announcements_waiting") == 0, "the layer has it")
    go_on = threading.Event()
    calls: dict[str, Callable[[], Coroutine[Any, Any, bool]]] = {
        "database": threads.in_db(go_on.wait),
        "other": lambda: threads.in_thread(go_on.wait),
    }
    for thread, call in calls.items():
        go_on.clear()
        before = figure("roomful_thread_calls", thread=thread)
        waiting = asyncio.ensure_future(call())
        await asyncio.sleep(0)
        meanwhile = figure("roomful_thread_calls", thread=thread)
        go_on.set()
        await waiting
        assert meanwhile == before + 1
        assert figure("roomful_thread_calls", thread=thread) == before
