"""What is new in a reader's other rooms: their list of rooms and the tab's title follow it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2s
from typing import TYPE_CHECKING

from django.template.loader import render_to_string

from ..context import RoomItem, any_direct, arranged
from ..models import unread
from ..models.direct import talkers_of_all
from ..models.reading import rooms_of_all
from ..models.unread import COUNTED
from . import fragments

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from .fragments import Variant


@dataclass(frozen=True, slots=True)
class News:
    """A reader's rooms as one page shows them: `current` is the room that the page is in."""

    items: tuple[RoomItem, ...]
    current: int
    place: str
    called: str = ""  # the current room, which need not be in the list

    @property
    def total(self) -> int:
        """How many messages are unread in the other rooms; no more than `COUNTED` matter."""
        return min(COUNTED, sum(item.counted for item in self.items))

    @property
    def calls(self) -> int:
        """How many of them call the reader."""
        return min(COUNTED, sum(item.calls for item in self.items))

    @property
    def current_item(self) -> RoomItem | None:
        return next((item for item in self.items if item.pk == self.current), None)

    @property
    def room_name(self) -> str:
        """In the active language, if it is not somebody's."""
        return self.current_item.title if self.current_item else self.called

    @property
    def digest(self) -> str:
        return blake2s(
            repr((self.items, self.place, self.called)).encode(), digest_size=8
        ).hexdigest()

    def as_html(self, variant: Variant) -> str:
        """Out-of-band swaps of the list and the title."""
        with variant.active():  # a room may be called by a word of the language
            title = fragments.tab_title(self.total, self.room_name, self.place, self.calls)
        return self._as_html(variant, title)

    def beside(self, variant: Variant, tab_title: str = "", *, catching_up: bool = False) -> str:
        """The same for a page that is no room's, whose title stays, or becomes what the caller says.
        `catching_up` if it is the one to which the link to all that is unread leads."""
        return self._as_html(variant, tab_title, catching_up=catching_up)

    def _as_html(self, variant: Variant, tab_title: str, *, catching_up: bool = False) -> str:
        current = self.current_item
        with variant.active():
            return render_to_string(
                "stream/news.html",
                {
                    "items": self.items,
                    "room": {"pk": self.current},
                    "heading": current.title if current and current.direct else "",
                    "catching_up": catching_up,
                    "tab_title": tab_title,
                },
            )


def of_users(users: Collection[int]) -> dict[int, tuple[RoomItem, ...]]:
    """The list of each of the people, as `context.room_items`. Two queries, and one more if there are
    direct conversations among these."""
    rooms = rooms_of_all(users)
    waiting = unread.waiting(rooms)
    found = {
        user: [
            RoomItem.of(room, waiting[user].get(room.pk, unread.NONE), held=room.held)
            for room in theirs
        ]
        for user, theirs in rooms.items()
    }
    talkers = talkers_of_all(found) if any(map(any_direct, found.values())) else {}
    return {user: tuple(arranged(items, user, talkers)) for user, items in found.items()}


def on_page(items: Iterable[RoomItem], current: int, place: str, called: str = "") -> News:
    """As the page of the `current` room shows it: nothing is unread in the room that one looks at, but
    for what one holds unread. A room that is not among the items has to be `called` something."""
    shown = tuple(item.seen() if item.pk == current else item for item in items)
    return News(shown, current, place, called)
