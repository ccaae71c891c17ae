"""Channel layers for tests that lose, double and reorder what is announced."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from typing import Any

from channels.layers import InMemoryChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

logger = logging.getLogger(__name__)

LATE = 5.0  # seconds at most that an event is held back; the hub looks by itself after three


class FaultyLayer(InMemoryChannelLayer):  # type: ignore[misc]  # it ships no types
    """Of what is said to a room some is dropped, some comes twice, some after what was said later.

    The same `seed` makes the same choices. `did` counts them: a test can tell that there were any.
    """

    def __init__(self, seed: int = 0, **config: Any) -> None:
        super().__init__(capacity=10_000, **config)
        self.random = random.Random(seed)
        self.did: Counter[str] = Counter()
        self._late: list[tuple[str, dict[str, Any]]] = []

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if not group.startswith("room."):
            await super().group_send(group, message)
            return
        fault = self.random.choices(["none", "dropped", "doubled", "late"], [5, 1, 1, 2])[0]
        self.did[fault] += 1
        if fault == "late":
            self._late.append((group, message))
            return
        for _ in range({"none": 1, "dropped": 0, "doubled": 2}[fault]):
            await super().group_send(group, message)
        if self._late and self.random.random() < 0.5:
            self.random.shuffle(self._late)
            await super().group_send(*self._late.pop())


class FaultyRedisLayer(RedisPubSubChannelLayer):  # type: ignore[misc]  # it ships no types
    """The same between processes, and late by the clock. Logs the first fault of each kind."""

    def __init__(self, *, seed: int, **config: Any) -> None:
        super().__init__(**config)
        self.random = random.Random(seed)
        self.did: Counter[str] = Counter()
        self._late: set[asyncio.Task[None]] = set()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        send = self._get_layer().group_send
        fault = self.random.choices(["none", "dropped", "doubled", "late"], [5, 1, 1, 2])[0]
        self.did[fault] += 1
        if self.did[fault] == 1:
            logger.warning("layer fault: %s", fault)
        if fault == "late":
            self._late.add(task := asyncio.create_task(self._send_late(group, message)))
            task.add_done_callback(self._late.discard)
            return
        for _ in range({"none": 1, "dropped": 0, "doubled": 2}[fault]):
            await send(group, message)

    async def _send_late(self, group: str, message: dict[str, Any]) -> None:
        await asyncio.sleep(self.random.uniform(0, LATE))
        await self._get_layer().group_send(group, message)
