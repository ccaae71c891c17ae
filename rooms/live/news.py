"""What is new in a reader's other rooms: their list of rooms and the tab's title follow it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2s
from typing import TYPE_CHECKING

from django.template.loader import render_to_string

from ..context import RoomItem, any_direct, arranged
from ..models.direct import talkers_of_all
from ..models.reading import memberships_shown
from . import fragments

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .fragments import Variant


@dataclass(frozen=True, slots=True)
class News:
    """A reader's rooms as one page shows them: `current` is the room that the page is in."""

    items: tuple[RoomItem, ...]
    current: int
    place: str

    @property
    def total(self) -> int:
        """How many messages are unread in the other rooms."""
        return sum(item.unread for item in self.items)

    @property
    def current_item(self) -> RoomItem | None:
        return next((item for item in self.items if item.pk == self.current), None)

    @property
    def room_name(self) -> str:
        """In the active language, if it is not somebody's; empty if the room is not in the list."""
        return self.current_item.title if self.current_item else ""

    @property
    def digest(self) -> str:
        return blake2s(repr((self.items, self.place)).encode(), digest_size=8).hexdigest()

    def as_html(self, variant: Variant, *, room_name: str = "") -> str:
        """Out-of-band swaps of the list and the title. An open room need not be in the reader's list:
        then the caller says how it is called."""
        current = self.current_item
        with variant.active():
            return render_to_string(
                "stream/news.html",
                {
                    "items": self.items,
                    "room": {"pk": self.current},
                    "heading": current.title if current and current.direct else "",
                    "tab_title": fragments.tab_title(
                        self.total, self.room_name or room_name, self.place
                    ),
                },
            )


def of_users(users: Iterable[int]) -> dict[int, tuple[RoomItem, ...]]:
    """The list of each of the people, as `context.room_items`. One query, and one more if there are
    direct conversations among these."""
    found: dict[int, list[RoomItem]] = {user: [] for user in users}
    for membership in memberships_shown().filter(user_id__in=found).select_related("room"):
        found[membership.user_id].append(RoomItem.of(membership))
    talkers = talkers_of_all(found) if any(map(any_direct, found.values())) else {}
    return {user: tuple(arranged(items, user, talkers)) for user, items in found.items()}


def on_page(items: Iterable[RoomItem], current: int, place: str) -> News:
    """As the page of the `current` room shows it: nothing is unread in the room that one looks at."""
    return News(
        tuple(item.read() if item.pk == current else item for item in items), current, place
    )
