"""Programs that follow a room, on the application that the server runs."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.test import AsyncClient, Client

from tests.api.caller import token_of
from tests.sockets import PATIENCE, Socket, in_db

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rooms.models import Room, User


class Following:
    """A program that reads events as they come, as the standard says."""

    def __init__(self, content: AsyncIterator[bytes]) -> None:
        self.content = content
        self._text = ""
        self.last_id: int | None = None
        self.events: list[tuple[str, Any]] = []
        self.comments = 0

    async def event(self) -> tuple[str, Any]:
        """The next one that has something to say. Raises `StopAsyncIteration` at the end."""
        while True:
            while "\n\n" not in self._text:
                async with asyncio.timeout(PATIENCE):
                    self._text += (await anext(self.content)).decode()
            block, _gap, self._text = self._text.partition("\n\n")
            fields: dict[str, str] = {}
            for line in block.split("\n"):
                name, _colon, value = line.partition(":")
                self.comments += not name
                fields[name] = value.strip()
            if "id" in fields:
                self.last_id = int(fields["id"])
            if "data" in fields:
                found = fields["event"], json.loads(fields["data"])
                self.events.append(found)
                return found

    async def until(self, kind: str) -> Any:
        deadline = time.monotonic() + PATIENCE
        while (found := await self.event())[0] != kind:
            assert time.monotonic() < deadline, f"{kind} never came"
        return found[1]

    async def until_the_end(self) -> str:
        """Why it ended."""
        reason = (await self.until("end"))["reason"]
        with pytest.raises(StopAsyncIteration):
            await self.event()
        return str(reason)

    @property
    def told(self) -> list[tuple[str, int, str]]:
        """What was told of messages: how, number and words."""
        return [
            (kind, each["message"]["number"], each["message"]["text"])
            for kind, each in self.events
            if "message" in each
        ]


@asynccontextmanager
async def following(
    who: str | Client, room: Room, after: int | None = None, query: str = ""
) -> AsyncIterator[Following]:
    """By a token, or by the cookie of somebody's browser."""
    client, headers = AsyncClient(), {}
    if isinstance(who, Client):
        client.cookies = who.cookies
    else:
        headers["Authorization"] = f"Bearer {who}"
    if after is not None:
        headers["Last-Event-ID"] = str(after)
    answer: Any = await client.get(f"/api/rooms/{room.slug}/events{query}", headers=headers)
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    stream = Following(answer.streaming_content)
    try:
        yield stream
    finally:
        await answer.streaming_content.aclose()
        await answer._iterator.aclose()  # which the server's cancellation would end


async def secret_of(user: User, *scopes: str) -> str:
    found: str = await in_db(token_of)(user, *scopes)
    return found


class TokenSocket(Socket):
    """A program's, which has no cookies and no page that it would come from."""

    def __init__(self, secret: str, room: Room) -> None:
        super().__init__(Client(), room.slug, origin=None, page=None)
        self.communicator.scope["headers"] = [
            *[each for each in self.communicator.scope["headers"] if each[0] != b"cookie"],
            (b"authorization", f"Bearer {secret}".encode()),
        ]
