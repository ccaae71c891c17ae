"""A channel layer that loses, doubles and reorders costs seconds and nothing else.

The hub runs here as it does in service, with several people's sockets on it; only the layer is a bad
one, and the hub looks at the database more often than it does in service, so that both ways of hearing
of a change meet. A page behind each socket applies what comes, as a browser would.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings as configured
from django.db import connections
from django.test import Client

from project.asgi import application
from rooms.live import elsewhere
from rooms.live import hub as hubs
from rooms.models import Place, Room, User
from tests.factories import make_room, make_user, say
from tests.faulty_layer import FaultyLayer
from tests.page import Page
from tests.sockets import announce_from_elsewhere

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_django import Settings

    from rooms.models import Message

PATIENCE = 60.0  # seconds
SWEEP = 0.3  # seconds

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=range(3))
def seed(request: pytest.FixtureRequest) -> int:
    """What goes wrong is a matter of this number alone; a test that fails names it."""
    chosen: int = request.param
    return chosen


@pytest.fixture
async def hub(
    seed: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[hubs.Hub]:
    """The process's hub, behind the faulty layer."""
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": "tests.faulty_layer.FaultyLayer", "CONFIG": {"seed": seed}}
    }
    monkeypatch.setattr(hubs, "SWEEP", SWEEP)
    announce_from_elsewhere(monkeypatch)
    yield hubs.hub()
    await hubs.stop_hub()
    await sync_to_async(connections.close_all)()


def layer() -> FaultyLayer:
    found = get_channel_layer()
    assert isinstance(found, FaultyLayer)
    return found


def arrange() -> tuple[Room, list[User]]:
    Place.objects.get_or_create(pk=1, defaults={"name": "Millbrook Repair Café"})
    people = [make_user(name) for name in ("alice", "bob", "charlie")]
    return make_room("Workbench", *people), people


class Reading:
    """Somebody's page and its socket, which is cut and connected again."""

    def __init__(self, room: Room, user: User) -> None:
        self.room, self.client = room, Client()
        self.client.force_login(user)
        self.page = Page(self.client.get(f"/rooms/{room.slug}/").content.decode())
        self.socket: WebsocketCommunicator | None = None

    def fresh(self) -> Page:
        return Page(self.client.get(f"/rooms/{self.room.slug}/").content.decode())

    async def connect(self) -> None:
        session = self.client.cookies[configured.SESSION_COOKIE_NAME]
        headers = [
            (b"cookie", f"{session.key}={session.value}".encode()),
            (b"origin", b"http://localhost"),
            (b"host", b"localhost"),
        ]
        path = f"/ws/rooms/{self.room.slug}/"
        self.socket = WebsocketCommunicator(application, path, headers=headers)
        accepted, _protocol = await self.socket.connect(timeout=PATIENCE)
        assert accepted
        await self.socket.send_json_to({"type": "resume", "after": self.page.cursor})
        # The answer ends with a heartbeat: whatever comes after it is pushed.
        async with asyncio.timeout(PATIENCE):
            while 'class="live"' not in await self._receive():
                pass

    async def read(self) -> None:
        """Everything that has come."""
        while self.socket and not self.socket.output_queue.empty():
            await self._receive()

    async def cut(self) -> None:
        """With all that was on its way."""
        if self.socket:
            await self.socket.disconnect(timeout=PATIENCE)
            self.socket = None

    async def until(self, version: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.page.cursor < version:
                await self._receive()

    async def _receive(self) -> str:
        assert self.socket
        said = await self.socket.receive_output(timeout=PATIENCE)
        assert said["type"] == "websocket.send", said
        self.page.receive(said["text"])
        return str(said["text"])


def change(room: Room, people: list[User], dice: random.Random) -> None:
    """Somebody says, edits or takes back something."""
    author = dice.choice(people)
    own: list[Message] = list(
        room.messages.select_related("author", "room")
        .filter(author=author, deleted_at=None)
        .order_by("-number")[:8]
    )
    what = dice.random()
    if what < 0.2 and own:
        dice.choice(own).edit(f"{author} edits {secrets.token_hex(3)}", by=author)
    elif what < 0.3 and own:
        dice.choice(own).delete_for_everybody(by=author)
    else:
        say(room, author, f"{author} says *{secrets.token_hex(3)}*")


async def test_whatever_the_layer_does_every_page_ends_as_one_that_is_loaded_then(
    seed: int, hub: hubs.Hub
) -> None:
    dice = random.Random(seed)
    room, people = await sync_to_async(arrange)()
    readings = [await sync_to_async(Reading)(room, person) for person in people]
    for reading in readings:
        await reading.connect()
    for number in range(200):
        await sync_to_async(change)(room, people, dice)
        reading = dice.choice(readings)
        if reading.socket is None:
            await reading.connect()
        elif number % 20 == 13:
            await reading.cut()
        else:
            await reading.read()
    version = await Room.objects.values_list("version", flat=True).aget(pk=room.pk)
    for reading in readings:
        if reading.socket is None:
            await reading.connect()
        await reading.until(version)
        fresh = await sync_to_async(reading.fresh)()
        assert fresh.rows
        assert reading.page.cursor == fresh.cursor == version
        assert reading.page.numbers == list(range(1, len(reading.page.numbers) + 1))
        assert reading.page.rows[-len(fresh.rows) :] == fresh.rows
        reading.page.check()
        await reading.cut()
    assert min(layer().did[fault] for fault in ("none", "dropped", "doubled", "late")) > 5


async def test_with_a_layer_that_loses_everything_messages_come_by_the_sweep(
    hub: hubs.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(group: str, message: dict[str, Any]) -> None:
        layer().did["lost"] += 1

    room, people = await sync_to_async(arrange)()
    monkeypatch.setattr(layer(), "group_send", lose)
    reading = await sync_to_async(Reading)(room, people[0])
    await reading.connect()
    await sync_to_async(say)(room, people[1], "one", "two", "three")
    await reading.until(3)
    assert layer().did["lost"] >= 3
    assert reading.page.rows == (await sync_to_async(reading.fresh)()).rows
    await reading.cut()


async def test_an_event_that_cannot_be_handled_is_repaired_and_ends_nothing(hub: hubs.Hub) -> None:
    room, people = await sync_to_async(arrange)()
    reading = await sync_to_async(Reading)(room, people[0])
    await reading.connect()
    await sync_to_async(say)(room, people[1], "before")
    await reading.until(1)
    garbled = {"type": "room.changed", "room": room.pk, "version": 2, "row": {"no": "row"}}
    await layer().send(hub.channel_name, {**garbled, "details": None})
    await sync_to_async(say)(room, people[1], "after", "and on")
    await reading.until(3)
    assert reading.page.rows == (await sync_to_async(reading.fresh)()).rows
    await reading.cut()


async def test_what_is_said_while_others_are_told_of_what_was_said_before_is_told_as_well(
    hub: hubs.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[set[int]] = []

    async def tell(rooms: set[int]) -> None:
        told.append(rooms)
        if len(told) == 1:
            await hub.place_stirred({"room": 2})

    monkeypatch.setattr(elsewhere, "READ_DELAY", 0.01)
    monkeypatch.setattr(elsewhere, "NEWS_DELAY", 0.02)
    monkeypatch.setattr(hub.elsewhere, "_tell", tell)
    await hub.place_stirred({"room": 1})
    async with asyncio.timeout(PATIENCE):
        while len(told) < 2:  # noqa: ASYNC110  # nothing says when
            await asyncio.sleep(0.01)
    assert told == [{1}, {2}]
