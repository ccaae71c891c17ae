"""What open pages learn that concerns their reader alone: whether they may write, and what was reported.

Its part of the hub. What was lost on the way is found by a look at the database now and then.
"""

from __future__ import annotations

from operator import methodcaller
from typing import TYPE_CHECKING, Any

from . import own
from .threads import in_db

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from ..models.restriction import Sanction
    from .connections import OpenRoom
    from .fragments import Variant
    from .hub import Hub


class Voices:
    """Who of the readers of one hub's pages may write there."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._held: dict[tuple[int, int], Sanction] = {}  # by room and reader, as pages were told

    async def changed(self, room_id: int, users: Collection[int]) -> None:
        """These people may write in the room again, or no longer."""
        room = self._hub.rooms.get(room_id)
        if room is None or room.users().isdisjoint(users):
            return
        held = await in_db(own.held)([room_id])
        for entry in [(room_id, user) for user in users]:
            self._held.pop(entry, None)
            if entry in held:
                self._held[entry] = held[entry]
        self._push([room], users, own.voice, await in_db(own.voices)(room_id, users))

    async def reported(self, users: Collection[int]) -> None:
        """There is more, or less, for these people to look at."""
        here = {user for room in self._hub.rooms.values() for user in room.users()}
        if concerned := here.intersection(users):
            counts = await in_db(own.report_counts)(concerned)
            self._push(list(self._hub.rooms.values()), concerned, own.reports, counts)

    async def check(self) -> None:
        """What lost announcements should have told, and what is over by now. One query for all rooms."""
        rooms = self._hub.rooms
        here = {(room.pk, user) for room in rooms.values() for user in room.users()}
        found = await in_db(own.held)(list(rooms))
        held = {entry: sanction for entry, sanction in found.items() if entry in here}
        before = {entry: sanction for entry, sanction in self._held.items() if entry in here}
        self._held = before
        for room_id, user in {entry for entry, _sanction in held.items() ^ before.items()}:
            await self.changed(room_id, [user])

    def _push(
        self,
        rooms: Iterable[OpenRoom],
        users: Collection[int],
        render: Callable[[Any, Variant], str],
        of_user: Mapping[int, Any],
    ) -> None:
        """To all pages of these people in the rooms what there is of each."""
        for room in rooms:
            for connection in [c for c in room.connections if c.reader.user in users]:
                html = render(of_user.get(connection.reader.user), connection.reader.variant)
                self._hub.reach(room, methodcaller("push_own", html), [connection])
