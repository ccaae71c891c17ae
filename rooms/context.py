"""What every page of the app shows around its own content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.functional import SimpleLazyObject

from .models import Membership, Place, User, unread
from .models.reading import rooms_of

if TYPE_CHECKING:
    from django.http import HttpRequest


class RoomItem(NamedTuple):
    """A room in its member's list."""

    pk: int
    slug: str
    name: str
    private: bool
    unread: int  # at most `unread.COUNTED`
    held: bool = False  # unread by the member's own wish, also on a page of the room itself

    @classmethod
    def of(cls, membership: Membership, unread: int) -> RoomItem:
        """Needs `membership.room` loaded."""
        room = membership.room
        held = membership.held_unread
        return cls(room.pk, room.slug, room.name, room.private, unread, held=held)

    def opened(self) -> RoomItem:
        """The same once its member has opened the room."""
        return self._replace(unread=0, held=False)

    def seen(self) -> RoomItem:
        """As a page of the room shows it: what is said there is read, unless it is held unread."""
        return self if self.held else self._replace(unread=0)

    def order(self) -> tuple[str, int]:
        return self.name.casefold(), self.pk


def room_items(user: User) -> list[RoomItem]:
    """The rooms that `user` belongs to, by name. One query, and one more if anything came since they last
    looked."""
    rooms = rooms_of(user)
    counts = unread.of_reader(user.pk, [(room.last_number, room.last_read) for room in rooms])
    items = [
        RoomItem(room.pk, room.slug, room.name, room.private, counts.get(room.pk, 0), room.held)
        for room in rooms
    ]
    return sorted(items, key=RoomItem.order)


def page(request: HttpRequest) -> dict[str, Any]:
    """Template context: `place`, and for whoever is signed in `room_items`, read when first used."""
    place: Place | None = getattr(request, "place", None)
    context: dict[str, Any] = {"place": place}
    user = request.user
    if isinstance(user, User):
        context["room_items"] = SimpleLazyObject(lambda: room_items(user))
    return context
