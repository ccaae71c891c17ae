"""What every page of the app shows around its own content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.functional import SimpleLazyObject

from .models import Membership, Place, PlaceStanding, User
from .models.reading import rooms_of

if TYPE_CHECKING:
    from django.http import HttpRequest


class RoomItem(NamedTuple):
    """A room in its member's list."""

    pk: int
    slug: str
    name: str
    private: bool
    unread: int

    @classmethod
    def of(cls, membership: Membership) -> RoomItem:
        """Needs `membership.room` loaded."""
        room = membership.room
        return cls(room.pk, room.slug, room.name, room.private, membership.unread)

    def read(self) -> RoomItem:
        """The same with nothing unread."""
        return self._replace(unread=0)

    def order(self) -> tuple[str, int]:
        return self.name.casefold(), self.pk


def room_items(user: User) -> list[RoomItem]:
    """The rooms that `user` belongs to, by name. One query."""
    items = [
        RoomItem(pk, slug, name, private, max(0, last_number - last_read))
        for pk, slug, name, private, last_number, last_read in rooms_of(user)
    ]
    return sorted(items, key=RoomItem.order)


def inside_of(request: HttpRequest) -> PlaceStanding:
    """What the reader of this request, who is signed in, may do in the place."""
    reader: Any = request.user
    place: Any = getattr(request, "place", None)
    return PlaceStanding.of(reader, place)


def page(request: HttpRequest) -> dict[str, Any]:
    """Template context: `place`, and for whoever is signed in `room_items` and what they may do in the
    place (`inside`), each read when first used."""
    place: Place | None = getattr(request, "place", None)
    context: dict[str, Any] = {"place": place}
    user = request.user
    if isinstance(user, User):
        context["room_items"] = SimpleLazyObject(lambda: room_items(user))
        context["inside"] = SimpleLazyObject(lambda: inside_of(request))
    return context
