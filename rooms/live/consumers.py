"""A room's socket: authorises, reads frames, and leaves the pushing to the hub."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from .. import metrics
from ..bearers import CredentialRefused, Holder, bearer_in, holder_of
from ..models import MessageRefused, Room, TryLater, User, announcements, entrance
from ..models.language import spoken
from ..saying import say
from ..sessions import SessionStore, reader_of
from . import fragments, parts, presence
from .connections import (
    FRAME_TOO_BIG,
    NOT_FOUND,
    SIGNED_OUT,
    TOO_MANY_FRAMES,
    TRY_AGAIN_LATER,
    UNSENT_LIMIT,
    Frame,
    People,
    Reader,
    TooSlow,
)
from .fragments import Variant
from .hub import hub
from .outbox import Outbox
from .threads import in_db, in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ..models import Step
    from ..models.entrance import OpenedRoom
    from .news import News

logger = logging.getLogger(__name__)

FRAME_LIMIT = 32 * 1024  # bytes; the longest message in the widest script, escaped, fits twice
FRAMES = 200  # frames that may come in a burst …
FRAMES_PER_SECOND = (
    20.0  # … and how fast the allowance grows again: a post costs a millisecond of a core
)
TYPING_INTERVAL = 2.0  # seconds between two announcements of the same person writing
TAKING = 60.0  # seconds that a client may take for a part of what it missed
HELD = 1_000  # frames of changes that may come while a page's missed ones are read
CATCH_UP_SIZE = 256 * 1024  # characters; whoever misses more is given the newest page instead

# The scope's extension by which a server of ours takes frames that are ready to go out; see
# project/server.py. Under any other server frames take the way that ASGI has for them.
FRAMES_EXTENSION = "roomful.frames"


def variant_of(user: User, scope: dict[str, Any]) -> Variant:
    """What the page that opened the socket was rendered in: the profile's, else what the browser asks."""
    headers = dict(scope["headers"])
    request = SimpleNamespace(
        COOKIES=scope.get("cookies", {}),
        META={"HTTP_ACCEPT_LANGUAGE": headers.get(b"accept-language", b"").decode("latin-1")},
    )
    language = spoken(user.language) or translation.get_language_from_request(request)  # type: ignore[arg-type]
    return Variant(language, user.time_zone or settings.TIME_ZONE)


def admit(session_key: str, slug: str) -> tuple[User, OpenedRoom] | None:
    """Whose session it is and the room, if they may see it. One thread does it all, since after a restart
    everybody comes at once; Channels' own middlewares change threads for each question."""
    user = reader_of(SimpleNamespace(session=SessionStore(session_key or None)))
    if not isinstance(user, User) or "\0" in slug:  # PostgreSQL fails at that
        return None
    room = entrance.room(slug, user)
    return None if room is None else (user, room)


def admit_holder(header: str, slug: str) -> tuple[Holder, User, OpenedRoom] | None:
    """The same for a program, by what its `Authorization` header has."""
    with suppress(CredentialRefused):
        holder = holder_of(header)
        if holder is None or not holder.token.may_read or "\0" in slug:
            return None
        room = entrance.room(slug, holder.user)
        if room is not None and holder.covers(room.pk):
            return holder, holder.user, room
    return None


class RoomConsumer(AsyncWebsocketConsumer):
    """`/ws/rooms/<slug>/`.

    Frames are JSON objects with a `type`:

    - `resume` with `after`, the page's cursor: answered with everything after it as HTML, then with
      every change as it comes.
    - `typing`: the reader is writing.
    - `message` with `key` and `text`, and `reply` with the number of a message if it replies to one:
      posts, as the form does. Answered `{"type": "stored", "key", "number"}` or `{"type": "refused",
      "key", "error"}`, with the `seconds` until it will be taken if it came too soon. For programs: a
      page posts over HTTP.

    Whatever else comes is answered `{"type": "error", "error"}` and changes nothing.
    """

    channel_layer_alias = "none: the hub listens for all sockets of the process"

    reader: Reader
    opened: datetime

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """As Channels' own, for a consumer that listens to its client alone: no task for each thing that
        it listens to, and no change of threads for each frame, as `in_db` looks after connections."""
        self.scope, self.base_send = scope, send
        with suppress(StopConsumer):
            while True:
                event = await receive()
                await getattr(self, get_handler_name(event))(event)

    async def connect(self) -> None:
        slug = self.scope["url_route"]["kwargs"]["slug"]
        bearer = bearer_in(self.scope)
        session, self.may_write, until = "", True, None
        if bearer is None:
            session = self.scope["cookies"].get(settings.SESSION_COOKIE_NAME, "")
            admitted = await in_db(admit)(session, slug)
        else:
            by_token = await in_db(admit_holder)(bearer, slug)
            admitted = by_token and by_token[1:]
            if by_token:
                token = by_token[0].token
                session, self.may_write, until = token.session, token.may_write, by_token[0].until
        if admitted is None:
            await self.close()  # before it is accepted: an outsider learns nothing
            return
        self.user, room = admitted
        self.room_id, self.slug = room.pk, room.slug
        variant = variant_of(self.user, self.scope)
        self.reader = Reader(self.user.pk, session, variant, until=until)
        self.allowance, self.last_frame, self.last_typing = float(FRAMES), time.monotonic(), 0.0
        self.opened = timezone.now()
        self.held: list[Frame] | None = None
        self.outbox = Outbox(self.send)
        extension = self.scope.get("extensions", {}).get(FRAMES_EXTENSION)
        self.write: Callable[[bytes], int] | None = extension and extension["write"]
        self.handlers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "resume": self.resume,
            "typing": self.typing,
            "message": self.message,
        }
        await self.accept()

    async def disconnect(self, code: int) -> None:
        if hasattr(self, "reader"):
            hub().leave(self.room_id, self)
            self.outbox.discard()

    # What comes

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            # what is refused is refused in the language of the page
            with self.reader.variant.active():
                await self._answer(text_data)
        except TooSlow:  # it asks, and does not take the answers
            metrics.TOO_SLOW.inc()
            self.end(TRY_AGAIN_LATER)

    async def _answer(self, text_data: str | None) -> None:
        if not self._within_rate():
            self.error(_("Too many frames: at most %s a second.") % FRAMES_PER_SECOND)
            self.end(TOO_MANY_FRAMES)
            return
        if text_data is None:
            self.error(_("Send text frames with a JSON object, not binary ones."))
            return
        if len(text_data.encode()) > FRAME_LIMIT:
            self.error(_("The frame is too long: at most %s bytes.") % FRAME_LIMIT)
            self.end(FRAME_TOO_BIG)
            return
        try:
            frame = json.loads(text_data)
        except (ValueError, RecursionError):
            self.error(_("The frame is not JSON."))
            return
        if not isinstance(frame, dict):
            self.error(_("The frame is not a JSON object."))
            return
        handler = self.handlers.get(str(frame.get("type")))
        if handler is None:
            known = ", ".join(self.handlers)
            self.error(_("Unknown type of frame. Known are: %s.") % known)
            return
        await handler(frame)

    def _within_rate(self) -> bool:
        now = time.monotonic()
        grown = self.allowance + (now - self.last_frame) * FRAMES_PER_SECOND
        self.allowance, self.last_frame = min(grown, FRAMES) - 1, now
        return self.allowance >= 0

    def error(self, sentence: str) -> None:
        self.push(Frame(json.dumps({"type": "error", "error": sentence})))

    async def resume(self, frame: dict[str, Any]) -> None:
        after = str(frame.get("after", ""))
        if not after.isascii() or not after.isdecimal() or len(after) > 18:
            self.error(_("“after” is the version of the room that you have: a number."))
            return
        # First into the room, then what was missed, then what came while that was read: a run without a
        # gap, and whatever is in it twice is told apart by the page's cursor.
        self.held = []
        room = await hub().enter(self.room_id, self)
        missed = await in_db(catch_up)(self.room_id, int(after), self.reader.variant)
        if missed:
            hub().elsewhere.caught_up(self.room_id, self.reader.user)
        for html in missed:
            self.push(Frame(html))
            await self._taken()
        held, self.held = self.held, None
        for came in held:
            self.push(came)
        if room.people is not None:
            self.push_people(room.people)
        self.beat(room.version)

    async def typing(self, frame: dict[str, Any]) -> None:
        now = time.monotonic()
        if now - self.last_typing < TYPING_INTERVAL:
            return
        self.last_typing = now
        entry = [(self.room_id, self.reader.user)]
        await in_thread(presence.renew, "typing", entry, "typing", presence.TYPING_LEASE)
        hub()  # rings for this process, if it has not begun yet
        announcements.presence_changed(self.room_id)

    async def message(self, frame: dict[str, Any]) -> None:
        key, text, reply = frame.get("key"), frame.get("text"), frame.get("reply")
        if not isinstance(key, str) or not isinstance(text, str):
            self.error(_("A message needs “key” and “text”, both strings."))
            return
        if reply is not None and type(reply) is not int:
            self.error(_("“reply” is the number of the message that this one replies to."))
            return
        answer: dict[str, Any]
        try:
            number = await in_db(self._post)(text, key, reply)
            answer = {"type": "stored", "key": key, "number": number}
        except MessageRefused as refusal:
            answer = {"type": "refused", "key": key, "error": " ".join(refusal.messages)}
            if isinstance(refusal, TryLater):
                answer["seconds"] = refusal.seconds
        except (Room.DoesNotExist, PermissionDenied):
            answer = {"type": "refused", "key": key, "error": _("This room is not open to you.")}
        self.push(Frame(json.dumps(answer)))

    def _post(self, text: str, key: str, reply: int | None) -> int:
        """Whether they may is asked again by the verb: the socket may be older than the answer."""
        if not self.may_write:
            raise MessageRefused(_("This token is for reading alone."), code="scope")
        room = Room(pk=self.room_id, slug=self.slug)
        with self.reader.variant.active():  # which no thread takes over from another
            return say(room, self.user, text, key, reply=reply).number

    # What goes (the hub calls these)

    def push(self, frame: Frame) -> None:
        """Raises `TooSlow`."""
        if self.write is None:
            self.outbox.put(frame)
        elif self.write(frame.wire) > UNSENT_LIMIT:
            raise TooSlow

    async def _taken(self) -> None:
        """Until the client has taken most of what it was sent: what a page missed may be more than may
        wait for a page that is up to date. Raises `TooSlow`."""
        try:
            async with asyncio.timeout(TAKING):
                if self.write is None:
                    await self.outbox.emptied()
                    return
                while self.write(b"") > UNSENT_LIMIT // 2:  # noqa: ASYNC110  # no event tells
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise TooSlow from None

    def push_steps(self, steps: Sequence[Step], frames: Sequence[Frame]) -> None:
        if self.held is None:
            for frame in frames:
                self.push(frame)
        elif len(self.held) < HELD:
            self.held.extend(frames)
        else:
            raise TooSlow

    def push_people(self, people: People) -> None:
        self.push(_people(people, self.slug, self.reader.variant))

    def push_look(self, frame: Frame) -> None:
        self.push(frame)

    def push_news(self, news: News) -> None:
        self.push(Frame(news.as_html(self.reader.variant)))

    def push_sound(self) -> None:
        self.push(Frame(fragments.sound()))

    def push_own(self, html: str) -> None:
        self.push(Frame(html))

    def beat(self, version: int) -> None:
        self.push(_alive(version))

    def say_restarting(self) -> None:
        self.push(_restarting(self.reader.variant))

    def end(self, code: int) -> None:
        with suppress(TooSlow):
            if code == SIGNED_OUT:
                self.push(Frame(fragments.signed_out(self.reader.variant)))
            elif code == NOT_FOUND:
                self.push(Frame(fragments.gone(self.slug, self.reader.variant)))
        if code == TRY_AGAIN_LATER:
            self.outbox.discard()  # the page will ask again for all that waits
        self.closing = asyncio.ensure_future(self._close(code))

    async def _close(self, code: int) -> None:
        await self.outbox.emptied()
        await self.close(code)


@lru_cache(maxsize=128)
def _people(people: People, slug: str, variant: Variant) -> Frame:
    """Rendered once for all sockets of a room."""
    return Frame(
        fragments.people(people.here, people.total, slug, variant)
        + fragments.typing(people.writing, variant)
    )


@lru_cache(maxsize=128)
def _restarting(variant: Variant) -> Frame:
    return Frame(fragments.restarting(variant))


@lru_cache(maxsize=128)
def _alive(version: int) -> Frame:
    return Frame(fragments.alive(version))


class Missed(NamedTuple):
    """Frames that take a page to the present, and the number of the last message that came."""

    frames: list[str]
    number: int | None


def catch_up(room_id: int, after: int, variant: Variant) -> list[str]:
    """Frames that take a page from version `after` to the present, however far that is."""
    return missed(room_id, after, variant).frames


def missed(room_id: int, after: int, variant: Variant) -> Missed:
    """As `catch_up`, and what a page that shows it has shown."""
    if entrance.version(room_id) == after:
        return Missed([], None)
    room = Room.objects.get(pk=room_id)
    steps = room.steps_after(after)
    if steps is not None and not fragments.too_far(steps):
        frames = fragments.frames(steps, variant)
        if sum(map(len, frames)) <= CATCH_UP_SIZE:
            posted = [step.row.number for step in steps if step.posts and step.row]
            return Missed(frames, max(posted, default=None))
    room, part = parts.current(room, variant)
    whole = fragments.whole_list(part.html, room.version, part.older, room.details, variant)
    return Missed([whole], part.last)
