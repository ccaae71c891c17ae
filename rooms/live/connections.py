"""What the hub knows of an open page, and of a room that some page here has open."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..models import Step
    from .fragments import Person, Variant
    from .news import News

# Close codes. htmx connects again after 1012 and 1013, and never after one of ours.
FRAME_TOO_BIG = 1009
TRY_AGAIN_LATER = 1013
SIGNED_OUT = 4401
NOT_FOUND = 4404
TOO_MANY_FRAMES = 4429


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose page it is, by which session, and what its fragments depend on."""

    user: int
    session: str
    variant: Variant


class People(NamedTuple):
    """Who is in a room: those to be shown, how many there are in all, and who is writing."""

    here: tuple[Person, ...]
    total: int
    writing: tuple[Person, ...]


class Connection(Protocol):
    """A socket or a stream that shows one room to one reader."""

    reader: Reader

    async def push_steps(self, steps: Sequence[Step], frames: Sequence[str]) -> None:
        """Changes of the room, in order; `frames` are the same rendered for the reader's variant."""

    async def push_people(self, people: People) -> None:
        """Who is here and who is writing now."""

    async def push_news(self, news: News) -> None:
        """What changed in the reader's list of rooms."""

    async def beat(self, version: int) -> None:
        """The connection lives, and the room is at `version`."""

    async def end(self, code: int) -> None:
        """Say why, as the code has it, and close."""


@dataclass(slots=True)
class OpenRoom:
    """A room with a page open in this process. `version` is what its connections have been sent."""

    pk: int
    version: int
    connections: set[Connection] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    joined: bool = False  # whether the channel layer will tell of its changes
    empty_since: float | None = None
    people: People | None = None  # as last pushed

    def users(self) -> set[int]:
        return {connection.reader.user for connection in self.connections}

    def variants(self) -> set[Variant]:
        return {connection.reader.variant for connection in self.connections}
