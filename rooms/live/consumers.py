"""A room's socket: authorises, reads frames, and leaves the pushing to the hub."""

from __future__ import annotations

import json
import logging
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from ..models import MessageRefused, Room, User, announcements
from . import fragments, presence
from .connections import (
    FRAME_TOO_BIG,
    NOT_FOUND,
    SIGNED_OUT,
    TOO_MANY_FRAMES,
    People,
    Reader,
)
from .fragments import Variant
from .hub import hub, in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..models import Step
    from .news import News

logger = logging.getLogger(__name__)

FRAME_LIMIT = 32 * 1024  # bytes; the longest message in the widest script, escaped, fits twice
FRAMES = 60  # frames that may come in a burst …
FRAMES_PER_SECOND = (
    5.0  # … and how fast the allowance grows again; typing says itself once a second
)
TYPING_INTERVAL = 2.0  # seconds between two announcements of the same person writing


def variant_of(user: User, scope: dict[str, Any]) -> Variant:
    """What the page that opened the socket was rendered in: the profile's, else what the browser asks."""
    headers = dict(scope["headers"])
    request = SimpleNamespace(
        COOKIES=scope.get("cookies", {}),
        META={"HTTP_ACCEPT_LANGUAGE": headers.get(b"accept-language", b"").decode("latin-1")},
    )
    language = user.language or translation.get_language_from_request(request)  # type: ignore[arg-type]
    return Variant(language, user.time_zone or settings.TIME_ZONE)


class RoomConsumer(AsyncWebsocketConsumer):
    """`/ws/rooms/<slug>/`.

    Frames are JSON objects with a `type`:

    - `resume` with `after`, the page's cursor: answered with everything after it as HTML, then with
      every change as it comes.
    - `typing`: the reader is writing.
    - `message` with `key` and `text`: posts, as the form does. Answered `{"type": "stored", "key",
      "number"}` or `{"type": "refused", "key", "error"}`. For programs: a page posts over HTTP.

    Whatever else comes is answered `{"type": "error", "error"}` and changes nothing.
    """

    channel_layer_alias = "none: the hub listens for all sockets of the process"

    reader: Reader

    async def connect(self) -> None:
        user = self.scope["user"]
        slug = self.scope["url_route"]["kwargs"]["slug"]
        room = None
        if user.is_authenticated:
            room = await Room.objects.visible_to(user).filter(slug=slug).afirst()
        if room is None:
            await self.close()  # before it is accepted: an outsider learns nothing
            return
        self.user: User = user
        self.room_id, self.slug = room.pk, room.slug
        self.reader = Reader(
            user.pk, self.scope["session"].session_key or "", variant_of(user, self.scope)
        )
        self.allowance, self.last_frame, self.last_typing = float(FRAMES), time.monotonic(), 0.0
        self.handlers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "resume": self.resume,
            "typing": self.typing,
            "message": self.message,
        }
        await self.accept()

    async def disconnect(self, code: int) -> None:
        if hasattr(self, "reader"):
            await hub().leave(self.room_id, self)

    # What comes

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if not self._within_rate():
            await self.error(_("Too many frames: at most %s a second.") % FRAMES_PER_SECOND)
            await self.close(TOO_MANY_FRAMES)
            return
        if text_data is None:
            await self.error(_("Send text frames with a JSON object, not binary ones."))
            return
        if len(text_data.encode()) > FRAME_LIMIT:
            await self.error(_("The frame is too long: at most %s bytes.") % FRAME_LIMIT)
            await self.close(FRAME_TOO_BIG)
            return
        try:
            frame = json.loads(text_data)
        except (ValueError, RecursionError):
            await self.error(_("The frame is not JSON."))
            return
        if not isinstance(frame, dict):
            await self.error(_("The frame is not a JSON object."))
            return
        handler = self.handlers.get(str(frame.get("type")))
        if handler is None:
            known = ", ".join(self.handlers)
            await self.error(_("Unknown type of frame. Known are: %s.") % known)
            return
        await handler(frame)

    def _within_rate(self) -> bool:
        now = time.monotonic()
        grown = self.allowance + (now - self.last_frame) * FRAMES_PER_SECOND
        self.allowance, self.last_frame = min(grown, FRAMES) - 1, now
        return self.allowance >= 0

    async def error(self, sentence: str) -> None:
        await self.send(text_data=json.dumps({"type": "error", "error": sentence}))

    async def resume(self, frame: dict[str, Any]) -> None:
        after = str(frame.get("after", ""))
        if not after.isascii() or not after.isdecimal() or len(after) > 18:
            await self.error(_("“after” is the version of the room that you have: a number."))
            return
        # First into the room, then what was missed: whatever comes in both is told apart by cursors.
        room = await hub().enter(self.room_id, self)
        missed = await database_sync_to_async(catch_up)(
            self.room_id, int(after), self.reader.variant
        )
        for html in missed:
            await self.send(text_data=html)
        if room.people is not None:
            await self.push_people(room.people)
        await self.beat(room.version)

    async def typing(self, frame: dict[str, Any]) -> None:
        now = time.monotonic()
        if now - self.last_typing < TYPING_INTERVAL:
            return
        self.last_typing = now
        entry = [(self.room_id, self.reader.user)]
        await in_thread(presence.renew, "typing", entry, "typing", presence.TYPING_LEASE)
        await announcements.presence_changed_async(self.room_id)

    async def message(self, frame: dict[str, Any]) -> None:
        key, text = frame.get("key"), frame.get("text")
        if not isinstance(key, str) or not isinstance(text, str):
            await self.error(_("A message needs “key” and “text”, both strings."))
            return
        answer: dict[str, Any]
        try:
            number = await database_sync_to_async(self._post)(text, key)
            answer = {"type": "stored", "key": key, "number": number}
        except MessageRefused as refusal:
            answer = {"type": "refused", "key": key, "error": " ".join(refusal.messages)}
        except (Room.DoesNotExist, User.DoesNotExist):
            answer = {"type": "refused", "key": key, "error": _("This room is not open to you.")}
        await self.send(text_data=json.dumps(answer))

    def _post(self, text: str, key: str) -> int:
        """Whether they may is asked again: the socket may be older than the answer."""
        user = User.objects.get(pk=self.user.pk, is_active=True)
        room = Room.objects.visible_to(user).get(pk=self.room_id)
        return room.post(user, text, key).number

    # What goes (the hub calls these)

    async def push_steps(self, steps: Sequence[Step], frames: Sequence[str]) -> None:
        for html in frames:
            await self.send(text_data=html)

    async def push_people(self, people: People) -> None:
        variant = self.reader.variant
        await self.send(
            text_data=fragments.people(people.here, people.total, variant)
            + fragments.typing(people.writing, variant)
        )

    async def push_news(self, news: News) -> None:
        await self.send(text_data=news.as_html(self.reader.variant))

    async def beat(self, version: int) -> None:
        await self.send(text_data=fragments.alive(version))

    async def end(self, code: int) -> None:
        if code == SIGNED_OUT:
            await self.send(text_data=fragments.signed_out(self.reader.variant))
        elif code == NOT_FOUND:
            await self.send(text_data=fragments.gone(self.slug, self.reader.variant))
        await self.close(code)


def catch_up(room_id: int, after: int, variant: Variant) -> list[str]:
    """Frames that take a page from version `after` to the present, however far that is."""
    room = Room.objects.get(pk=room_id)
    steps = room.steps_after(after)
    if steps is not None and not fragments.too_far(steps):
        return fragments.frames(steps, variant)
    history = room.history()
    older = history.rows[0].number if history.has_older else None
    return [fragments.whole_list(history.rows, history.room.version, older, room.slug, variant)]
