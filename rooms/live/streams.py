"""A room as one endless page, for browsers without JavaScript: rows appear as they are said."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from channels.db import database_sync_to_async
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from ..models import Room, User
from . import fragments
from .connections import NOT_FOUND, RESTARTING, SIGNED_OUT, People, Reader
from .hub import hub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ..models import History, Step
    from .connections import Frame
    from .news import News

RESTART = 3  # seconds that a server may take to come back
QUEUE = 500  # pieces a reader may lag behind before the stream ends and begins anew
LIFETIME = 3600.0  # seconds; the document has grown long by then and begins anew
SILENCE = (
    15.0  # seconds without anything to say before a space is sent, to notice a reader who left
)


class Stream:
    """One reader's endless page. It can only be added to: whatever changes or vanishes ends it, with a
    word to the browser to load it again."""

    def __init__(self, room_id: int, slug: str, reader: Reader, new: int | None = None) -> None:
        self.room_id, self.slug, self.reader, self.new = room_id, slug, reader, new
        self.again: int | None = 0  # seconds before the browser loads it again, if it is to
        self.queue: asyncio.Queue[str | Step | None] = asyncio.Queue(QUEUE)

    # The hub calls these

    def push_steps(self, steps: Sequence[Step], frames: Sequence[Frame]) -> None:
        for step in steps:
            self._put(step)

    def push_people(self, people: People) -> None:
        self._put(self._people(people))

    def push_look(self, frame: Frame) -> None:
        """What stands there stays; the list of who is here shows it."""

    def push_news(self, news: News) -> None:
        with self.reader.variant.active():
            self._put(render_to_string("stream/plain_news.html", {"items": news.items}))

    def push_own(self, html: str) -> None:
        """It is around the stream, in a page that is as it was loaded."""

    def beat(self, version: int) -> None:
        """The stream looks after its own silence."""

    def say_restarting(self) -> None:
        """The end says it: the document is to be loaded again."""

    def end(self, code: int) -> None:
        if code == RESTARTING:
            self.again = RESTART
        if code in (NOT_FOUND, SIGNED_OUT):
            self.again = None
            with self.reader.variant.active():
                self._put(render_to_string("stream/plain_end.html", {"gone": code == NOT_FOUND}))
        self._put(None)

    def _put(self, piece: str | Step | None) -> None:
        try:
            self.queue.put_nowait(piece)
        except asyncio.QueueFull:
            while not self.queue.empty():
                self.queue.get_nowait()
            self.queue.put_nowait(None)

    # The view iterates

    async def pieces(self) -> AsyncIterator[str]:
        """HTML, piece by piece, until the reader leaves."""
        room = await hub().enter(self.room_id, self)
        try:
            history, name = await database_sync_to_async(self._history)()
            hub().elsewhere.caught_up(self.room_id, self.reader.user)
            yield self._head(history, name)
            if room.people is not None:
                yield self._people(room.people)
            async for piece in self._live(history.room.version):
                yield piece
            if self.again is not None:
                yield render_to_string(
                    "stream/plain_again.html", {"seconds": self.again, "new": self.new or ""}
                )
        finally:
            hub().leave(self.room_id, self)

    def _history(self) -> tuple[History, str]:
        """The newest messages, and what the reader calls the room."""
        room = Room.objects.get(pk=self.room_id)
        with self.reader.variant.active():
            return room.history(), room.called_by(User(pk=self.reader.user))

    async def _live(self, version: int) -> AsyncIterator[str]:
        ends = asyncio.get_running_loop().time() + LIFETIME
        while asyncio.get_running_loop().time() < ends:
            try:
                async with asyncio.timeout(SILENCE):
                    piece = await self.queue.get()
            except TimeoutError:
                yield " "
                continue
            if piece is None:
                return
            if isinstance(piece, str):
                yield piece
                continue
            if piece.version <= version:
                continue  # the page began with it
            if piece.row is None or not piece.posts:
                return  # something that stands there changed
            yield fragments.row(piece.row, self.reader.variant)
            version = piece.version

    def _head(self, history: History, name: str) -> str:
        variant = self.reader.variant
        read = [row for row in history.rows if self.new is None or row.number < self.new]
        new = history.rows[len(read) :]
        line = (
            fragments.new_line(variant.language)
            if new and (read or history.has_older)
            else SafeString()
        )
        with variant.active():
            return render_to_string(
                "stream/plain_head.html",
                {
                    "rows": fragments.rows(read, variant) + line + fragments.rows(new, variant),
                    "room": history.room,
                    "name": name,
                    "user": self.reader.user,
                    "scheme": self.reader.scheme,
                    "older": history.rows[0].number if history.has_older else None,
                },
            )

    def _people(self, people: People) -> str:
        language = self.reader.variant.language
        return render_to_string(
            "stream/plain_people.html",
            {
                "presence": fragments.people_list(people.here, people.total, self.slug, language),
                "typing": fragments.typing_line(people.writing, language),
            },
        )
