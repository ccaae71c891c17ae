"""What the hub knows of an open page, and of a room that some page here has open."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..models import Step
    from .fragments import Person, Variant
    from .news import News

# A socket for which more is unsent, in the process, does not take what it is sent, and is closed. It is
# as much as a page of history in the longest messages, so a slow line alone does not reach it.
UNSENT_LIMIT = 1024 * 1024  # bytes

# Close codes. htmx connects again after 1012 and 1013, and never after one of ours.
FRAME_TOO_BIG = 1009
RESTARTING = 1012
TRY_AGAIN_LATER = 1013
SIGNED_OUT = 4401
NOT_FOUND = 4404
TOO_MANY_FRAMES = 4429


class Frame:
    """What is sent to sockets: the text, and the same as a WebSocket frame, made once however many
    sockets it is written to."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def wire(self) -> bytes:
        """A whole text frame, unmasked as a server's is (RFC 6455, section 5.2)."""
        payload = self.text.encode()
        size = len(payload)
        if size < 126:
            head = bytes((0x81, size))
        elif size < 1 << 16:
            head = b"\x81\x7e" + size.to_bytes(2)
        else:
            head = b"\x81\x7f" + size.to_bytes(8)
        return head + payload


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose page it is, by which session, and what its fragments depend on."""

    user: int
    session: str
    variant: Variant
    scheme: str = ""  # of their pages' look


class People(NamedTuple):
    """Who is in a room: those to be shown, how many there are in all, and who is writing."""

    here: tuple[Person, ...]
    total: int
    writing: tuple[Person, ...]


class TooSlow(Exception):
    """The reader takes less than is pushed: what waits for them has reached its bound."""


class Connection(Protocol):
    """A socket or a stream that shows one room to one reader.

    Nothing here waits: whatever cannot leave at once is kept, up to a bound. A push beyond it raises
    `TooSlow`.
    """

    reader: Reader

    def push_steps(self, steps: Sequence[Step], frames: Sequence[Frame]) -> None:
        """Changes of the room, in order; `frames` are the same rendered for the reader's variant."""

    def push_people(self, people: People) -> None:
        """Who is here and who is writing now."""

    def push_look(self, frame: Frame) -> None:
        """Somebody whom the room shows is called or pictured otherwise, as the frame has it."""

    def push_news(self, news: News) -> None:
        """What changed in the reader's list of rooms."""

    def push_own(self, html: str) -> None:
        """What concerns this reader alone, as swaps in their variant."""

    def beat(self, version: int) -> None:
        """The connection lives, and the room is at `version`."""

    def say_restarting(self) -> None:
        """The server ends, and another is there soon."""

    def end(self, code: int) -> None:
        """Say why, as the code has it, and close."""


@dataclass(slots=True)
class OpenRoom:
    """A room with a page open in this process. `version` is what its connections have been sent, and
    `number` the last message that was there with it."""

    pk: int
    version: int
    number: int = 0
    connections: set[Connection] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    heard: list[dict[str, Any]] = field(default_factory=list)  # events not pushed yet
    rests_until: float = 0.0  # on the loop's clock; what is heard before may be pushed then
    busy_until: float = 0.0  # likewise; what is heard before had to wait for a push
    joined: bool = False  # whether the channel layer will tell of its changes
    empty_since: float | None = None  # on the monotonic clock
    people: People | None = None  # as last pushed

    def users(self) -> set[int]:
        return {connection.reader.user for connection in self.connections}
