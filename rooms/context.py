"""What every page of the app shows around its own content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.functional import SimpleLazyObject

from .models import Place, PlaceStanding, User, unread
from .models.direct import called, talkers_of
from .models.membership import Level
from .models.names import sort_key
from .models.permissions import MODERATES, RUNS_PLACE
from .models.reading import rooms_of
from .models.report import open_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from django.http import HttpRequest

    from .models.direct import Talkers
    from .models.reading import RoomOf, VisibleRoom
    from .models.unread import Waiting
    from .models.user import Look


class Other(NamedTuple):
    """Somebody with whom the reader talks."""

    pk: int
    name: str
    face: str  # see `Look`
    is_bot: bool = False


class RoomItem(NamedTuple):
    """A room in its member's list. A direct conversation has no name before it is `arranged`."""

    pk: int
    slug: str
    name: str
    private: bool
    unread: int  # at most `unread.COUNTED`, as are all numbers of messages here
    direct: bool = False
    others: int = 0  # people of a direct conversation but the reader
    other: Other | None = None  # the only one, if there is just one
    held: bool = False  # unread by the member's own wish, also on a page of the room itself
    mentions: int = 0  # of what is unread
    level: str = Level.EVERYTHING  # what the member wants to be told
    moderated: bool = False  # by the reader, if their role lets them

    @classmethod
    def of(cls, room: RoomOf | VisibleRoom, waiting: Waiting, *, held: bool = False) -> RoomItem:
        return cls(
            *(room.pk, room.slug, room.name, room.private, waiting.unread),
            direct=room.direct,
            held=held,
            mentions=waiting.mentions,
            level=room.level or Level.EVERYTHING,
            moderated=getattr(room, "moderator", False),
        )

    @property
    def quiet(self) -> bool:
        return self.level != Level.EVERYTHING

    @property
    def calls(self) -> int:
        """How many unread messages call the member: those that mention them, and in a direct conversation
        all, unless they want mentions alone."""
        if self.level == Level.NOTHING:
            return 0
        return self.unread if self.direct and self.level != Level.MENTIONS else self.mentions

    @property
    def counted(self) -> int:
        """How many unread messages are said to be there."""
        return self.calls if self.quiet else self.unread

    @property
    def stirs(self) -> bool:
        """Whether something is unread that is not counted, and is to be seen all the same."""
        return self.level == Level.MENTIONS and self.unread > 0 and not self.calls

    @property
    def listed(self) -> bool:
        """A hidden room comes back into the list as long as something in it calls its member."""
        return self.level != Level.HIDDEN or self.calls > 0

    @property
    def title(self) -> str:
        """The name, in the active language where it is not somebody's."""
        return self.name if self.others or not self.direct else called([])

    def opened(self) -> RoomItem:
        """The same once its member has opened the room."""
        return self._replace(unread=0, mentions=0, held=False)

    def seen(self) -> RoomItem:
        """As a page of the room shows it: what is said there is read, unless it is held unread."""
        return self if self.held else self._replace(unread=0, mentions=0)


def arranged(items: Sequence[RoomItem], reader: int, talkers: Talkers) -> list[RoomItem]:
    """A reader's list of `items`, which come with what was active last first: the rooms by name, then
    their direct conversations as they come, called as the reader calls them."""
    rooms = [item for item in items if not item.direct]
    rooms.sort(key=lambda item: (sort_key(item.name), item.pk))
    direct = [_called(item, reader, talkers.get(item.pk, {})) for item in items if item.direct]
    return rooms + direct


def _called(item: RoomItem, reader: int, talkers: Mapping[int, Look]) -> RoomItem:
    others = {person: look for person, look in talkers.items() if person != reader}
    if not others:
        return item
    item = item._replace(name=called(look.name for look in others.values()), others=len(others))
    if len(others) > 1:
        return item
    ((pk, look),) = others.items()
    return item._replace(other=Other(pk, *look))


def room_items(user: User) -> list[RoomItem]:
    """What `user` belongs to: the rooms, by name, and then the direct conversations, the last active
    first. One query, one more if there are any of these, and one more if anything came since they last
    looked."""
    rooms = rooms_of(user)
    found = unread.of_reader(user.pk, [(room.last_number, room.last_read) for room in rooms])
    items = [RoomItem.of(room, found.get(room.pk, unread.NONE), held=room.held) for room in rooms]
    return arranged(items, user.pk, talkers_of(user) if any_direct(items) else {})


def open_reports(user: User, items: Iterable[RoomItem]) -> int | None:
    """How many reports there are for `user`, whose rooms these are, to look at; None, without a query, if
    there can be none."""
    if user.role not in RUNS_PLACE and (
        user.role not in MODERATES or not any(item.moderated for item in items)
    ):
        return None
    return open_for(user)


def any_direct(items: Iterable[RoomItem]) -> bool:
    return any(item.direct for item in items)


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
