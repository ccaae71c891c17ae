"""A room's socket as a page or a program has it open, on the application that the server runs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

from project.asgi import application
from rooms.live import presence
from rooms.live.hub import hub, stop_hub
from rooms.models import announcements
from tests.cast import signed_in

if TYPE_CHECKING:
    import pytest

    from rooms.live.connections import OpenRoom
    from rooms.models import Room, User
    from tests.page import Page

PATIENCE = 60  # seconds for what takes one at most, on a machine that is busy

NEVER = 3600.0  # seconds; no test runs as long

in_db = database_sync_to_async


@asynccontextmanager
async def new_process() -> AsyncIterator[None]:
    """Forgets what a process remembers from one test to the next, and lets the hub hear: what it finds by
    looking every few seconds would hide that it has not heard. Tests call `_sweep` and its like."""
    presence.store().clear()
    announcements._last_stirred.clear()
    with patch.multiple("rooms.live.hub", SWEEP=NEVER, ACCESS_CHECK=NEVER, NEWS_CHECK=NEVER):
        yield
    await stop_hub()
    presence.store().clear()
    announcements._last_stirred.clear()


def announce_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on what is announced here comes through the layer, as what another process announces."""
    monkeypatch.setattr(announcements, "ring_by", lambda _ringer: None)


async def until(is_so: Callable[[], bool | Awaitable[bool]], what: str) -> None:
    """Waits for what cannot tell that it has happened."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = is_so()
        if found if isinstance(found, bool) else await found:
            return
        assert time.monotonic() < deadline, f"never so: {what}"
        await asyncio.sleep(0.02)


class Closed(Exception):
    """The server closed the socket."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Socket:
    """Collects every frame; `frames` are those that came so far."""

    def __init__(
        self,
        client: Client,
        slug: str,
        *,
        origin: str | None = "http://localhost",
        page: Page | None,
    ) -> None:
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
        headers = [(b"cookie", cookies.encode())]
        if origin is not None:
            headers.append((b"origin", origin.encode()))
        self.communicator = WebsocketCommunicator(application, f"/ws/rooms/{slug}/", headers)
        self.frames: list[str] = []
        self.page = page
        self.closed: int | None = None

    async def open(self) -> bool:
        """Whether it was accepted."""
        accepted, _code = await self.communicator.connect(timeout=PATIENCE)
        return bool(accepted)

    async def send(self, frame: dict[str, Any] | str | bytes) -> None:
        if isinstance(frame, bytes):
            await self.communicator.send_to(bytes_data=frame)
        else:
            text = frame if isinstance(frame, str) else json.dumps(frame)
            await self.communicator.send_to(text_data=text)

    async def resume(self, after: object) -> None:
        """As a page says with its cursor; returns when what it missed has come."""
        await self.send({"type": "resume", "after": str(after)})
        await self.until("#watch")  # the heartbeat that ends the answer

    async def receive(self) -> str:
        """The next frame. Raises `Closed`."""
        event = await self._next()
        if event["type"] == "websocket.close":
            self.closed = event.get("code", 1000)
            raise Closed(self.closed)
        frame: str = event["text"]
        self.frames.append(frame)
        if self.page and frame.startswith("<"):
            self.page.receive(frame)
        return frame

    async def _next(self) -> dict[str, Any]:
        """As the communicator's `receive_output`, which keeps waiting when the consumer has failed."""
        application = self.communicator.future
        event = asyncio.ensure_future(self.communicator.output_queue.get())
        await asyncio.wait({event, application}, timeout=PATIENCE, return_when="FIRST_COMPLETED")
        if not event.done():
            event.cancel()
            if application.done():
                application.result()
            raise TimeoutError(f"no frame came after {self.frames[-1:]}")
        found: dict[str, Any] = event.result()
        return found

    async def until(self, words: str) -> str:
        """The next frame that contains the words. Heartbeats come for ever, patience ends."""
        deadline = time.monotonic() + PATIENCE
        while words not in (frame := await self.receive()):
            assert time.monotonic() < deadline, f"{words!r} never came"
        return frame

    async def answer(self) -> dict[str, Any]:
        """The next frame that is meant for a program."""
        while not (frame := await self.receive()).startswith("{"):
            pass
        found: dict[str, Any] = json.loads(frame)
        return found

    async def until_closed(self) -> int:
        """The code it was closed with, after all frames that came before."""
        while True:
            try:
                await self.receive()
            except Closed as closed:
                return closed.code

    async def leave(self) -> None:
        if not self.communicator.future.done():
            await self.communicator.disconnect(timeout=PATIENCE)

    @property
    def words(self) -> str:
        return "".join(self.frames)


@asynccontextmanager
async def socket(
    who: User | Client, room: Room, *, page: Page | None = None
) -> AsyncIterator[Socket]:
    """Opened, not resumed."""
    client = who if isinstance(who, Client) else await in_db(signed_in)(who)
    opened = Socket(client, room.slug, page=page)
    assert await opened.open()
    try:
        yield opened
    finally:
        await opened.leave()


@asynccontextmanager
async def watching(who: User | Client, room: Room) -> AsyncIterator[Socket]:
    """A socket that hears of everything from now on."""
    async with socket(who, room) as opened:
        await in_db(room.refresh_from_db)()
        await opened.resume(room.version)
        yield opened


def ear(room: Room) -> OpenRoom:
    """What this process's hub knows of the room."""
    return hub().rooms[room.pk]


def session_cookie(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value
