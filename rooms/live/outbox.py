"""How frames leave through a server that knows nothing but ASGI."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from .connections import UNSENT_LIMIT, TooSlow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .connections import Frame

logger = logging.getLogger(__name__)


class Outbox:
    """Frames that wait until the server takes them. A server that has too much for a client makes whoever
    sends wait, and the hub must not wait: so each connection has a task that does."""

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: deque[str] = deque()
        self._unsent = 0  # characters, which is near enough to bytes for a bound
        self._task: asyncio.Task[None] | None = None

    def put(self, frame: Frame) -> None:
        """Raises `TooSlow` if as much waits as may."""
        if self._unsent > UNSENT_LIMIT:
            raise TooSlow
        self._waiting.append(frame.text)
        self._unsent += len(frame.text)
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._empty())

    async def _empty(self) -> None:
        try:
            while self._waiting:
                text = self._waiting.popleft()
                await self._send(text)
                self._unsent -= len(text)
        except Exception as error:  # noqa: BLE001 - the client is gone; servers raise what they like
            logger.debug("not sent: %s: %s", type(error).__name__, error)

    async def emptied(self) -> None:
        """Returns when all is sent, or can't be."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def discard(self) -> None:
        """Nothing more is sent."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
