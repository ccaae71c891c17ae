"""Announcing in the stead of whoever made a change, so that they need not wait for the channel layer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer

from .. import metrics
from ..models import announcements

logger = logging.getLogger(__name__)

WAITING = 10_000  # announcements that may wait for the channel layer


class Ringer:
    """Has announcements heard in this process at once, and gives them to the channel layer for the
    others, one after the other, in the order in which they came."""

    def __init__(self, hear: Callable[[dict[str, Any]], None]) -> None:
        self._hear = hear
        self._waiting: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(WAITING)
        self.loop: asyncio.AbstractEventLoop | None = None  # that `run` is or will be running in

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            group, event = await self._waiting.get()
            await announcements.ring(group, event)
            self._waiting.task_done()

    @property
    def waiting(self) -> int:
        """Announcements that the channel layer has not been given yet."""
        return self._waiting.qsize()

    def ring(self, group: str, event: dict[str, Any]) -> bool:
        """Announce the event soon; called from any thread. False if nothing runs here (any more)."""
        if self.loop is None or self.loop.is_closed():
            return False
        # In nobody's context: what comes of it is not for the one who made the change alone.
        self.loop.call_soon_threadsafe(self._put, group, event, context=Context())
        return True

    def _put(self, group: str, event: dict[str, Any]) -> None:
        self._hear(event)
        if isinstance(get_channel_layer(), InMemoryChannelLayer):
            return  # there are no others
        try:
            self._waiting.put_nowait((group, event))
        except asyncio.QueueFull:  # the layer hangs, and every process finds the change by looking
            metrics.DROPPED.inc()
            logger.warning("announcement to %s dropped: %s wait already", group, WAITING)

    async def rung(self) -> None:
        """Returns when nothing waits any more, or the layer has had its time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(announcements.SEND_TIMEOUT):
                await self._waiting.join()
