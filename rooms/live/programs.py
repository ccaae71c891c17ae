"""A room's changes as an endless answer for programs: one more kind of connection at the hub.

What is pushed was made once for all of them, so a stream costs what a socket costs: a place in the hub's
set, a queue, and the bytes.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from ..models.log import log_after
from . import events
from .connections import (
    NOT_FOUND,
    RESTARTING,
    SIGNED_OUT,
    TRY_AGAIN_LATER,
    UNSENT_LIMIT,
    People,
    Reader,
    TooSlow,
)
from .hub import hub
from .threads import in_db

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from ..models import Step
    from ..models.log import Log
    from .connections import Frame
    from .news import News

QUEUE = 1_000  # pushes that may wait while what was missed is read
# Why a stream ends; what ends without a word was cut off.
REASONS = {
    NOT_FOUND: "room_closed_to_you",
    RESTARTING: "restarting",
    SIGNED_OUT: "credential_over",
    TRY_AGAIN_LATER: "too_slow",
}

Piece = tuple[int, str]  # the version that it leads to, 0 for what is no change, and its text


class ProgramStream:
    """One program that follows a room, from after a version on, or from now."""

    def __init__(
        self,
        room_id: int,
        reader: Reader,
        after: int | None,
        unsent: Callable[[], int] = int,
    ) -> None:
        self.room_id, self.reader, self.after = room_id, reader, after
        self.opened = datetime.min.replace(tzinfo=UTC)  # a page is what sounds, if there is one
        self._unsent = unsent
        self._queue: asyncio.Queue[Piece | None] = asyncio.Queue(QUEUE)

    # The hub calls these

    def push_steps(self, steps: Sequence[Step], frames: Sequence[Frame]) -> None:
        for step, frame in zip(steps, frames, strict=True):
            self._put((step.version, frame.text))

    def push_people(self, people: People) -> None:
        if self.reader.present:
            self._put((0, _presence(people)))

    def push_news(self, news: News) -> None:
        """A program follows each room by itself."""

    def push_look(self, frame: Frame) -> None:
        """Names stand in what is said from now on."""

    def push_sound(self) -> None:
        """A program hears nothing."""

    def push_own(self, html: str) -> None:
        """It is for a page; a program is told when it is refused."""

    def beat(self, version: int) -> None:
        self._put((0, events.HEARTBEAT))

    def say_restarting(self) -> None:
        """The end says it."""

    def end(self, code: int) -> None:
        if code == TRY_AGAIN_LATER or self._queue.qsize() > QUEUE - 2:
            while not self._queue.empty():  # it comes back for it
                self._queue.get_nowait()
        if code in REASONS:
            self._queue.put_nowait((0, events.end(REASONS[code])))
        self._queue.put_nowait(None)

    def _put(self, piece: Piece) -> None:
        """The last two places are the end's. Raises `TooSlow`."""
        if self._queue.qsize() >= QUEUE - 2 or self._unsent() > UNSENT_LIMIT:
            raise TooSlow
        self._queue.put_nowait(piece)

    # The view iterates

    async def pieces(self) -> AsyncIterator[str]:
        """Events, until the program leaves or may read no more."""
        room = await hub().enter(self.room_id, self)
        try:
            yield f"retry: {events.RETRY}\n\n"
            reached = room.version if self.after is None else self.after
            if self.after is not None:
                log: Log | None = None
                while log is None or log.has_more:
                    log = await in_db(log_after)(self.room_id, reached)
                    for step in log.steps:
                        yield events.of_step(step)
                    reached = log.reached
                    await self._taken()
            yield events.ready(reached)
            if self.reader.present and room.people is not None:
                yield _presence(room.people)
            async for piece in self._live(reached):
                yield piece
        finally:
            hub().leave(self.room_id, self)

    async def _live(self, reached: int) -> AsyncIterator[str]:
        while (piece := await self._queue.get()) is not None:
            version, text = piece
            if not version:
                yield text
            elif version > reached:  # else it was read from the database already
                yield text
                reached = version

    async def _taken(self) -> None:
        """Until the program has taken most of what it missed."""
        while self._unsent() > UNSENT_LIMIT // 2:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.05)


@lru_cache(maxsize=128)
def _presence(people: People) -> str:
    """Rendered once for all streams of a room."""
    return events.presence(people)
